import { hasIndex, oneIndex, unionOf } from "../../gateway/indices.ts";
import type { Item } from "../../gateway/reading.ts";
import type { WardTake } from "../../gateway/rooms.ts";
import type { ItemMessage } from "../ward-message.ts";
import { keyOf } from "../ward-message.ts";

/** What waits to be sealed together: items of one class and one generation, each of them once. */
export class Batch {
  readonly #items: Item[] = [];
  readonly #takes = new Map<string, BatchTake>();
  readonly #messages: ItemMessage[] = [];
  readonly #sealed = Promise.withResolvers<Failures>();
  #lastTake: BatchTake | undefined;
  readonly generation: number;

  constructor(generation: number) {
    this.generation = generation;
  }

  get items(): readonly Item[] {
    return this.#items;
  }

  get takeCount(): number {
    return this.#takes.size;
  }

  get takes(): readonly WardTake[] {
    return [...this.#takes.values()];
  }

  get messages(): readonly ItemMessage[] {
    return this.#messages;
  }

  /** Takes in what it does not have yet, and resolves when the batch was sealed; rejects when this message could not be. */
  async add(message: ItemMessage): Promise<void> {
    this.#messages.push(message);
    for (const take of message.ward.takes) {
      const had = this.#takes.get(keyOf(take));
      if (had === undefined) {
        this.#takes.set(keyOf(take), { ...take, indices: 0 });
      }
    }
    for (const item of message.items) {
      this.#addItem(item);
    }
    const failures = await this.#sealed.promise;
    const failure = failures.get(message);
    if (failure !== undefined) {
      throw failure;
    }
  }

  /** Says which messages could not be sealed. */
  settle(failures: Failures): void {
    this.#sealed.resolve(failures);
  }

  /** Two branches of a flow may bring the same item; the first one counts. */
  #addItem(item: Item): void {
    const { take: number, device, boot, index } = item;
    let take = this.#lastTake;
    // Items of one take usually follow each other.
    if (take?.take !== number || take.device !== device || take.boot !== boot) {
      take = this.#takes.get(keyOf(item));
      this.#lastTake = take;
    }
    if (take !== undefined && !hasIndex(take.indices, index)) {
      take.indices = unionOf(take.indices, oneIndex(index));
      this.#items.push(item);
    }
  }
}

/** A take and the set of its items that the batch holds so far. */
type BatchTake = WardTake & { indices: number };

/** Why each of these messages could not be sealed. */
export type Failures = ReadonlyMap<ItemMessage, Error>;

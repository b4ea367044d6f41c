import type { FlowServices, ItemBatch, SealedItems } from "../../gateway/flow-services.ts";
import { WardError } from "../../gateway/errors.ts";
import { hasIndex, oneIndex, unionOf } from "../../gateway/indices.ts";
import type { ClassName, Item } from "../../gateway/reading.ts";
import type { TakeRef, WardTake } from "../../gateway/rooms.ts";
import type { ItemMessage } from "../ward-message.ts";
import { keyOf } from "../ward-message.ts";

/** What waits to be sealed together: items of one class and one generation, each of them once. */
export class Batch {
  readonly class: ClassName;
  readonly generation: number;
  readonly #items: ItemBatch;
  readonly #takes = new Map<string, BatchTake>();
  readonly #done = Promise.withResolvers<void>();
  #last: BatchTake | undefined;
  #count = 0;

  constructor(className: ClassName, generation: number, services: Pick<FlowServices, "batch">) {
    this.class = className;
    this.generation = generation;
    this.#items = services.batch(className);
    // Whoever added something hears of it; when nobody could, nobody needs to.
    this.#done.promise.catch(() => undefined);
  }

  /** Items so far. */
  get count(): number {
    return this.#count;
  }

  get takeCount(): number {
    return this.#takes.size;
  }

  get bytes(): number {
    return this.#items.bytes;
  }

  /** The takes of the items, each with the indices that are in the batch. */
  get takes(): readonly WardTake[] {
    return [...this.#takes.values()].filter(({ indices }) => indices !== 0);
  }

  /**
   * Takes in what it does not have yet; of two branches of a flow that bring the same item the first one counts. Throws a
   * WardError at the first item that cannot be sealed: what came before it stays.
   */
  add({ items, ward }: ItemMessage): void {
    let place = 0;
    for (const item of items) {
      const take = this.#takeOf(item, ward.takes);
      if (!hasIndex(take.indices, item.index)) {
        refuseInfinite(item, place);
        this.#items.add(item);
        take.indices = unionOf(take.indices, oneIndex(item.index));
        this.#count += 1;
      }
      place += 1;
    }
  }

  /** Resolves when the batch was sealed; rejects when it could not be. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  /** Seals it and hands it to `send`; then all that wait for it hear so. */
  seal(send: (sealed: SealedItems) => void): void {
    try {
      if (this.#count > 0) {
        send(this.#items.seal());
      }
      this.#done.resolve();
    } catch (error) {
      this.#done.reject(error);
    }
  }

  #takeOf(item: Item, takes: readonly WardTake[]): BatchTake {
    const last = this.#last;
    // Items of one take usually follow each other.
    if (last !== undefined && isSame(last, item)) {
      return last;
    }
    const key = keyOf(item);
    let take = this.#takes.get(key);
    if (take === undefined) {
      const given = takes.find((each) => isSame(each, item));
      if (given === undefined) {
        throw new TypeError("An item is of none of its message's takes.");
      }
      take = { ...given, indices: 0 };
      this.#takes.set(key, take);
    }
    this.#last = take;
    return take;
  }
}

/** A take and the set of its items that the batch holds so far. */
type BatchTake = WardTake & { indices: number };

function isSame(a: TakeRef, b: TakeRef): boolean {
  return a.take === b.take && a.device === b.device && a.boot === b.boot;
}

function refuseInfinite(item: Item, place: number): void {
  if (item.kind === "reading" && typeof item.value === "number" && !Number.isFinite(item.value)) {
    throw new WardError(
      "WARD_SEAL_VALUE",
      `Cannot seal: the value of item ${place} is not a finite number. Wire ward-check before ward-seal.`,
    );
  }
}

import { WardError } from "../../gateway/errors.ts";
import type { FlowServices } from "../../gateway/flow-services.ts";
import type { ClassName, Item } from "../../gateway/reading.ts";
import type { WardFlowMessage, WardMessage } from "../../gateway/rooms.ts";
import type { ItemMessage } from "../ward-message.ts";
import { TAKES_MAX } from "../ward-message.ts";
import { Batch } from "./batch.ts";

export interface SealerOptions {
  /** How long the first item of a batch waits for others, from when it was taken (milliseconds). */
  readonly windowMs: number;
  /** The same for waveforms; less than `windowMs` counts as that. */
  readonly waveMs: number;
  /** Items in one batch, at most; a waveform block counts as one. */
  readonly itemsMax: number;
  readonly services: Pick<FlowServices, "batch">;
  /** The gateway's time, epoch milliseconds. */
  readonly now: () => number;
  readonly send: (message: WardFlowMessage) => void;
}

/**
 * Gathers items per class and sends one sealed message per class and window. What is due together with something else goes
 * along with it: then they share one write to the disk, and one account.
 */
export class Sealer {
  readonly #options: SealerOptions;
  readonly #waiting = new Map<ClassName, Batch>();
  readonly #due = new Map<Pace, { readonly timer: NodeJS.Timeout; readonly at: number }>();

  constructor(options: SealerOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the message was sealed and sent. Throws at once, or rejects, with the reason when it could not be; what
   * came before an item that cannot be sealed is sealed all the same.
   */
  add(message: ItemMessage): Promise<void> {
    const { items, ward } = message;
    refuseSettled(ward);
    const { itemsMax } = this.#options;
    const waiting = this.#waiting.get(ward.class);
    if (
      waiting !== undefined &&
      (waiting.generation !== ward.generation ||
        waiting.count + items.length > itemsMax ||
        waiting.takeCount + ward.takes.length > TAKES_MAX)
    ) {
      this.#flush(waiting);
    }
    const batch = this.#batchOf(ward.class, ward.generation, items);
    batch.add(message);
    if (
      batch.count >= itemsMax ||
      batch.takeCount >= TAKES_MAX ||
      batch.bytes >= BATCH_BYTES_ENOUGH
    ) {
      this.#flush(batch);
    }
    return batch.done;
  }

  /** Seals and sends all that waits, now. */
  flush(): void {
    for (const { timer } of this.#due.values()) {
      clearTimeout(timer);
    }
    this.#due.clear();
    for (const batch of this.#waiting.values()) {
      this.#flush(batch);
    }
  }

  #batchOf(className: ClassName, generation: number, items: readonly Item[]): Batch {
    const waiting = this.#waiting.get(className);
    if (waiting !== undefined) {
      return waiting;
    }
    const batch = new Batch(className, generation, this.#options.services);
    this.#waiting.set(className, batch);
    this.#wake(paceOf(className), ageOf(items, this.#options.now()));
    return batch;
  }

  /** The way here is part of the wait. What is much older was handed over again, or comes by another clock: it waits like any. */
  #wake(pace: Pace, ageMs: number): void {
    if (this.#due.has(pace)) {
      return;
    }
    const most = this.#waitMs(pace);
    const waitMs = ageMs >= 0 && ageMs <= most / 2 ? most - ageMs : most;
    const timer = setTimeout(() => this.#isDue(), waitMs);
    this.#due.set(pace, { timer, at: performance.now() + waitMs });
  }

  /** Something is due; what will be within half a window goes along. */
  #isDue(): void {
    const soon = performance.now() + this.#options.windowMs / 2;
    for (const [pace, { timer, at }] of this.#due) {
      if (at <= soon || pace === "other") {
        clearTimeout(timer);
        this.#due.delete(pace);
      }
    }
    for (const batch of this.#waiting.values()) {
      if (!this.#due.has(paceOf(batch.class))) {
        this.#flush(batch);
      }
    }
  }

  #waitMs(pace: Pace): number {
    const { windowMs, waveMs } = this.#options;
    return pace === "wave" ? Math.max(windowMs, waveMs) : windowMs;
  }

  #flush(batch: Batch): void {
    this.#waiting.delete(batch.class);
    batch.seal(({ bytes, salt }) => {
      const { class: className, generation, takes, count } = batch;
      const ward = { class: className, generation, takes, sealed: { salt, items: count } };
      this.#options.send({ topic: className, payload: bytes, ward });
    });
  }
}

/** Waveforms come in blocks and are many: they may wait for longer. */
type Pace = "wave" | "other";

function paceOf(className: ClassName): Pace {
  return className === "wave" ? "wave" : "other";
}

function ageOf([first]: readonly Item[], now: number): number {
  if (first === undefined) {
    return 0;
  }
  return now - (first.kind === "waveform" ? first.start : first.at);
}

function refuseSettled({ takes, refused }: WardMessage): void {
  if (takes.length === 0 || refused !== undefined) {
    throw new WardError(
      "WARD_SEAL_SETTLED",
      "Cannot seal: these items were refused or withheld before. Wire only the first output of ward-check on to ward-seal.",
    );
  }
}

/** Far below what a record holds, so that a batch is never too large to be sealed. */
const BATCH_BYTES_ENOUGH = 512 * 1024;

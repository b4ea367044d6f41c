import { errorText, WardError } from "../../gateway/errors.ts";
import type { FlowServices } from "../../gateway/flow-services.ts";
import type { ClassName } from "../../gateway/reading.ts";
import type { WardFlowMessage } from "../../gateway/rooms.ts";
import type { ItemMessage } from "../ward-message.ts";
import { narrowTakes, TAKES_MAX } from "../ward-message.ts";
import { Batch } from "./batch.ts";

export interface SealerOptions {
  /** How long the first item of a batch waits for others (milliseconds). */
  readonly windowMs: number;
  /** Items in one batch, at most; a waveform block counts as one. */
  readonly itemsMax: number;
  readonly seal: FlowServices["seal"];
  readonly send: (message: WardFlowMessage) => void;
}

/** Gathers items per class and sends one sealed message per class and window. */
export class Sealer {
  readonly #options: SealerOptions;
  readonly #waiting = new Map<
    ClassName,
    { readonly batch: Batch; readonly timer: NodeJS.Timeout }
  >();

  constructor(options: SealerOptions) {
    this.#options = options;
  }

  /** Resolves when the message was sealed and sent; rejects with the reason when it could not be. */
  add(message: ItemMessage): Promise<void> {
    const { items, ward } = message;
    const takes = narrowTakes(ward.takes, items);
    refuseUnsealable(items, takes.length);
    const waiting = this.#waiting.get(ward.class)?.batch;
    if (
      waiting !== undefined &&
      (waiting.generation !== ward.generation ||
        waiting.items.length + items.length > this.#options.itemsMax ||
        waiting.takeCount + takes.length > TAKES_MAX)
    ) {
      this.#flush(ward.class);
    }
    const batch = this.#batchOf(ward.class, ward.generation);
    const added = batch.add({ items, ward: { ...ward, takes } });
    if (batch.items.length >= this.#options.itemsMax || batch.takeCount >= TAKES_MAX) {
      this.#flush(ward.class);
    }
    return added;
  }

  /** Seals and sends all that waits, now. */
  flush(): void {
    for (const className of this.#waiting.keys()) {
      this.#flush(className);
    }
  }

  #batchOf(className: ClassName, generation: number): Batch {
    const waiting = this.#waiting.get(className);
    if (waiting !== undefined) {
      return waiting.batch;
    }
    const batch = new Batch(generation);
    const timer = setTimeout(() => this.#flush(className), this.#options.windowMs);
    this.#waiting.set(className, { batch, timer });
    return batch;
  }

  #flush(className: ClassName): void {
    const waiting = this.#waiting.get(className);
    if (waiting === undefined) {
      return;
    }
    this.#waiting.delete(className);
    clearTimeout(waiting.timer);
    waiting.batch.settle(this.#seal(className, waiting.batch));
  }

  /** Seals a batch; if that fails, each message alone, so that one that cannot be sealed does not hold up the others. */
  #seal(className: ClassName, batch: Batch): Map<ItemMessage, Error> {
    const failures = new Map<ItemMessage, Error>();
    try {
      this.#sealAndSend(className, batch);
      return failures;
    } catch (thrown) {
      const [only, ...others] = batch.messages;
      if (only !== undefined && others.length === 0) {
        return failures.set(only, asError(thrown));
      }
    }
    for (const message of batch.messages) {
      try {
        const alone = { items: message.items, takes: message.ward.takes };
        this.#sealAndSend(className, { ...alone, generation: batch.generation });
      } catch (thrown) {
        failures.set(message, asError(thrown));
      }
    }
    return failures;
  }

  #sealAndSend(
    className: ClassName,
    { items, takes, generation }: Pick<Batch, "items" | "takes" | "generation">,
  ): void {
    const { bytes, salt } = this.#options.seal(className, items);
    const sealed = { salt, items: items.length };
    const ward = { class: className, generation, takes, sealed };
    this.#options.send({ topic: className, payload: bytes, ward });
  }
}

function refuseUnsealable(items: ItemMessage["items"], takes: number): void {
  if (takes === 0) {
    throw new WardError(
      "WARD_SEAL_SETTLED",
      "Cannot seal: these items were refused or withheld before. Wire only the first output of ward-check on to ward-seal.",
    );
  }
  for (const [place, item] of items.entries()) {
    if (item.kind === "reading" && typeof item.value === "number" && !Number.isFinite(item.value)) {
      throw new WardError(
        "WARD_SEAL_VALUE",
        `Cannot seal: the value of item ${place} is not a finite number. Wire ward-check before ward-seal.`,
      );
    }
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new WardError("WARD_INTERNAL", errorText(thrown));
}

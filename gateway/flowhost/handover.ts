import { WardError } from "../errors.ts";
import type { ClassName } from "../reading.ts";
import type { FlowhostToKeeper } from "../rooms.ts";
import type { Sealer } from "../sealing/seal.ts";
import type { KeptItems, Settled, Settlement } from "./settlement.ts";

/** One sealed batch that waits for the disk. */
export interface SealedBatch {
  readonly class: ClassName;
  readonly bytes: Uint8Array;
  readonly salt: string;
  readonly kept: readonly KeptItems[];
}

export interface HandoverOptions {
  readonly settlement: Settlement;
  readonly sealer: Pick<Sealer, "sealTally" | "unconfirmedEpochs" | "confirmEpoch">;
  /** What bedside may forget. */
  readonly onSettled: (settled: Settled) => void;
  /** The keeper no longer has an epoch that it had confirmed: only a new process can seal on. */
  readonly onEpochLost: (error: WardError) => void;
  /** Message numbers, shared with everything else that is asked of the keeper. */
  readonly nextId: () => number;
  /** How long an account without a batch waits for one (milliseconds). */
  readonly tallyMs?: number;
  /** Pause after a put that failed; doubles up to `retryMaxMs`. */
  readonly retryMs?: number;
  readonly retryMaxMs?: number;
  /** Bytes that may wait, at most. */
  readonly queueBytesMax?: number;
}

export type SendToKeeper = (message: FlowhostToKeeper, blobs: readonly Uint8Array[]) => void;

/**
 * Hands sealed batches to the keeper, one put at a time: what comes while one is under way is gathered for the next. A put
 * that got no answer before the keeper was replaced is sent again to the new one.
 */
export class Handover {
  readonly #options: HandoverOptions;
  #queue: Waiting[] = [];
  #queueBytes = 0;
  #put: Put | null = null;
  #send: SendToKeeper | null = null;
  #tallyTimer: NodeJS.Timeout | null = null;
  #retryTimer: NodeJS.Timeout | null = null;
  #tallyDue = false;
  #draining = false;
  #idle: (() => void)[] = [];

  constructor(options: HandoverOptions) {
    this.#options = options;
  }

  /** Batches that are not on disk yet. */
  get waiting(): number {
    return this.#queue.length + (this.#put?.batches.length ?? 0);
  }

  /** A keeper is there: it gets what the one before it left unanswered, and all that waits. */
  attach(send: SendToKeeper): void {
    this.#send = send;
    if (this.#put === null) {
      this.#pump();
    } else {
      this.#stopRetry();
      this.#transmit(this.#put);
    }
  }

  /** The keeper is gone. */
  detach(): void {
    this.#send = null;
    this.#stopRetry();
  }

  /**
   * Resolves when the batch is on disk. Rejects with WardError `WARD_HANDOVER_FULL` when too many bytes wait already, or
   * with what the keeper said when it will never take this batch.
   */
  store(batch: SealedBatch): Promise<void> {
    const bytesMax = this.#options.queueBytesMax ?? QUEUE_BYTES_MAX;
    if (this.#queueBytes + batch.bytes.length > bytesMax) {
      return Promise.reject(
        new WardError(
          "WARD_HANDOVER_FULL",
          "Cannot store: too many sealed batches wait for the disk. Look at the outbox.",
        ),
      );
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#options.settlement.pend(batch.kept);
    this.#queue.push({ ...batch, resolve, reject, alone: false });
    this.#queueBytes += batch.bytes.length;
    this.#pump();
    return promise;
  }

  /** There may be something to account for without a batch. */
  account(): void {
    this.#pump();
  }

  /** The keeper has put `id` on disk. */
  stored(id: number): void {
    const put = this.#put;
    if (put === null || put.id !== id) {
      return;
    }
    this.#put = null;
    this.#stopRetry();
    for (const epoch of put.epochs) {
      this.#options.sealer.confirmEpoch(epoch);
    }
    const settled = this.#options.settlement.commitPut();
    for (const batch of put.batches) {
      this.#queueBytes -= batch.bytes.length;
      batch.resolve();
    }
    this.#options.onSettled(settled);
    this.#pump();
  }

  /** The keeper could not put `id` on disk; true when that was a put of ours. */
  failed(id: number, code: string, message: string): boolean {
    const put = this.#put;
    if (put === null || put.id !== id) {
      return false;
    }
    const error = new WardError(code, message);
    if (code === EPOCH_LOST) {
      this.#options.onEpochLost(error);
      return true;
    }
    put.attempts += 1;
    const [only] = put.batches;
    if (PUT_REFUSED.has(code) && put.batches.length > 1) {
      this.#separate(put);
      return true;
    }
    if (PUT_REFUSED.has(code) && only !== undefined) {
      this.#refuse(only, error);
      return true;
    }
    this.#retryLater(put);
    return true;
  }

  /** Accounts for all at once and resolves when nothing waits any more, at the latest after `withinMs`. */
  async drain(withinMs: number): Promise<void> {
    this.#draining = true;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, withinMs);
    this.#idle.push(resolve);
    this.#pump();
    await promise;
    clearTimeout(timer);
  }

  #pump(): void {
    if (this.#put !== null) {
      return;
    }
    const { settlement, sealer, nextId } = this.#options;
    if (this.#queue.length === 0 && !settlement.accountsWaiting) {
      this.#idle.splice(0).forEach((resolve) => resolve());
      return;
    }
    if (this.#send === null) {
      return;
    }
    if (this.#queue.length === 0 && !this.#tallyDue && !this.#draining) {
      this.#tallyTimer ??= setTimeout(() => {
        this.#tallyTimer = null;
        this.#tallyDue = true;
        this.#pump();
      }, this.#options.tallyMs ?? TALLY_MS);
      return;
    }
    this.#tallyDue = false;
    clearTimeout(this.#tallyTimer ?? undefined);
    this.#tallyTimer = null;
    const batches = this.#nextBatches();
    const account = settlement.beginPut(batches.flatMap((batch) => batch.kept));
    const salts = batches.map((batch) => batch.salt);
    const tally = sealer.sealTally({ version: 1, salts, ...account }).bytes;
    const put: Put = { id: nextId(), batches, tally, epochs: [], attempts: 0 };
    this.#put = put;
    this.#transmit(put);
  }

  #nextBatches(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const batch of this.#queue) {
      bytes += batch.bytes.length;
      const fits = bytes <= PUT_BYTES_MAX && count < PUT_BATCHES_MAX && !batch.alone;
      if (count > 0 && !fits) {
        break;
      }
      count += 1;
      if (batch.alone) {
        break;
      }
    }
    return this.#queue.splice(0, count);
  }

  /** Epochs are looked up at every sending: those confirmed in the meantime need not go again. */
  #transmit(put: Put): void {
    const epochs = this.#options.sealer.unconfirmedEpochs();
    put.epochs = epochs.map(({ epoch }) => epoch);
    const blobs = [
      ...epochs.map(({ bytes }) => bytes),
      ...put.batches.map(({ bytes }) => bytes),
      put.tally,
    ];
    this.#send?.(
      {
        t: "put",
        id: put.id,
        epochs: epochs.map((_, place) => place),
        batches: put.batches.map((batch, place) => ({
          class: batch.class,
          blob: epochs.length + place,
        })),
        tally: blobs.length - 1,
      },
      blobs,
    );
  }

  #retryLater(put: Put): void {
    const { retryMs = RETRY_MS, retryMaxMs = RETRY_MAX_MS } = this.#options;
    this.#retryTimer = setTimeout(
      () => this.#transmit(put),
      Math.min(retryMaxMs, retryMs * 2 ** Math.min(put.attempts - 1, 16)),
    );
  }

  /** One of these batches may be what the keeper cannot take: from now on each goes alone. */
  #separate(put: Put): void {
    this.#put = null;
    this.#options.settlement.abandonPut();
    this.#queue = [...put.batches.map((batch) => ({ ...batch, alone: true })), ...this.#queue];
    this.#pump();
  }

  #refuse(batch: Waiting, error: WardError): void {
    this.#put = null;
    this.#options.settlement.abandonPut();
    this.#options.settlement.unpend(batch.kept);
    this.#queueBytes -= batch.bytes.length;
    batch.reject(error);
    this.#pump();
  }

  #stopRetry(): void {
    if (this.#retryTimer !== null) {
      clearTimeout(this.#retryTimer);
      this.#retryTimer = null;
    }
  }
}

interface Waiting extends SealedBatch {
  readonly resolve: () => void;
  readonly reject: (error: WardError) => void;
  /** To be put without others. */
  readonly alone: boolean;
}

interface Put {
  readonly id: number;
  readonly batches: readonly Waiting[];
  readonly tally: Uint8Array;
  epochs: readonly string[];
  attempts: number;
}

const TALLY_MS = 250;
const RETRY_MS = 100;
const RETRY_MAX_MS = 5000;
const PUT_BATCHES_MAX = 256;
const PUT_BYTES_MAX = 4 * 2 ** 20;
const QUEUE_BYTES_MAX = 64 * 2 ** 20;
/** The keeper says with this code that a batch names an epoch it does not have. */
const EPOCH_LOST = "WARD_OUTBOX_EPOCH";
/** Codes with which the keeper says that it will never take a batch; anything else is tried again for as long as it takes. */
const PUT_REFUSED: ReadonlySet<string> = new Set([
  "WARD_OPEN",
  "WARD_OUTBOX_TOO_LARGE",
  "WARD_ROOM_MESSAGE",
]);

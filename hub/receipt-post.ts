import type { KeyObject } from "node:crypto";

import { type Receipt, signReceipt } from "../gateway/sealing/receipt.ts";
import { ReceiptBook, type ProvenFrom } from "./receipts.ts";
import { receiptTopic } from "./topics.ts";

/** What sending receipts needs. */
export interface ReceiptPostOptions {
  readonly provenFrom: ProvenFrom;
  /** Ed25519, private. */
  readonly key: KeyObject;
  /** Hub time, epoch milliseconds. */
  readonly now: () => number;
  /** False while there is no broker: then receipts gather. */
  readonly isUp: () => boolean;
  readonly publish: (topic: string, payload: Uint8Array) => Promise<void>;
}

/**
 * Signs and sends what the book has gathered. Nobody waits for receipts of what has just been taken: they go out four times a
 * second. A gateway that drains its backlog goes by them: they go out 20 times a second. While some are on their way the next ones
 * gather.
 */
export class ReceiptPost {
  readonly book: ReceiptBook;
  readonly #options: ReceiptPostOptions;
  #timer: NodeJS.Timeout | null = null;
  #sentAt = -Infinity;
  #isDraining = false;
  #sending: Promise<void> | null = null;

  constructor(options: ReceiptPostOptions) {
    this.#options = options;
    this.book = new ReceiptBook(options.provenFrom);
  }

  /** Sees to it that what is in the book goes out in time; `isDraining` when some of it comes from a backlog. */
  schedule(isDraining: boolean): void {
    this.#isDraining ||= isDraining;
    if (this.book.isEmpty || this.#sending !== null) {
      return;
    }
    const interval = this.#isDraining ? DRAIN_MS : LIVE_MS;
    const waitMs = Math.max(0, this.#sentAt + interval - performance.now());
    clearTimeout(this.#timer ?? undefined);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#options.isUp()) {
        this.#sending = this.#send().finally(() => {
          this.#sending = null;
          this.schedule(false);
        });
      }
    }, waitMs);
  }

  /** Sends everything now. */
  async flush(): Promise<void> {
    await this.#sending;
    await this.#send();
  }

  stop(): void {
    clearTimeout(this.#timer ?? undefined);
  }

  /** What does not arrive is made up for by the next receipt, or when the record comes again. */
  async #send(): Promise<void> {
    this.#sentAt = performance.now();
    this.#isDraining = false;
    const receipts = this.book.take(this.#options.now());
    await Promise.allSettled(receipts.map(async (receipt) => await this.#sendOne(receipt)));
  }

  async #sendOne(receipt: Receipt): Promise<void> {
    const bytes = signReceipt(receipt, this.#options.key);
    await this.#options.publish(receiptTopic(receipt.gateway), bytes);
  }
}

/** Receipts go out at most this often (milliseconds). */
const LIVE_MS = 250;
const DRAIN_MS = 50;

import type { KeyObject } from "node:crypto";

import { ParcelWriter, readParcel } from "../gateway/sealing/parcel.ts";
import { signReceipt } from "../gateway/sealing/receipt.ts";
import type { Desk, Outcome } from "./desk.ts";
import type { Message } from "./parking.ts";
import { ReceiptBook } from "./receipts.ts";

/** What became of what a parcel held. */
export interface ParcelCounts {
  gateway: string;
  /** Records that are new here, that were here before, and that will never be committed. */
  committed: number;
  again: number;
  rejected: number;
  /** Records and epochs that are not authentic, or nothing we understand. */
  refused: number;
  /** Records whose epoch is neither in the parcel nor here. */
  early: number;
  receipts: number;
  /** False when the parcel is damaged or cut off: what could be read of it was taken. */
  complete: boolean;
}

export interface ParcelOptions {
  /** The file that a gateway has exported, and the one to write receipts into. */
  readonly file: string;
  readonly receipts: string;
  /** Ed25519, private. */
  readonly receiptKey: KeyObject;
  /** Hub time, epoch milliseconds. */
  readonly now: () => number;
  readonly stop: AbortSignal;
  /** Hears how it goes, after every commit. */
  readonly onProgress: (counts: Readonly<ParcelCounts>) => void;
}

/**
 * Takes what a gateway has sent by hand as if it had come over the broker: epoch keys first, then records, committed in groups
 * and each once. Writes signed receipts for it, which the gateway takes back. Throws WardError `WARD_PARCEL` when the file is
 * none, `WARD_HUB_COMMIT` when the store does not take it; then give the same file again.
 */
export async function takeParcel(desk: Desk, options: ParcelOptions): Promise<ParcelCounts> {
  return new ParcelIntake(desk, options).run();
}

class ParcelIntake {
  readonly #desk: Desk;
  readonly #options: ParcelOptions;
  readonly #book: ReceiptBook;
  readonly #counts: ParcelCounts = {
    gateway: "",
    committed: 0,
    again: 0,
    rejected: 0,
    refused: 0,
    early: 0,
    receipts: 0,
    complete: false,
  };
  #messages: Message[] = [];
  #bytes = 0;
  /** Records since the last receipt. */
  #unreceipted = 0;

  constructor(desk: Desk, options: ParcelOptions) {
    this.#desk = desk;
    this.#options = options;
    this.#book = new ReceiptBook((place) => desk.provenFrom(place));
  }

  async run(): Promise<ParcelCounts> {
    await this.#epochs();
    const writer = await ParcelWriter.create(this.#options.receipts, this.#counts.gateway);
    await this.#records(writer);
    await this.#writeReceipts(writer);
    await writer.finish();
    return this.#counts;
  }

  async #epochs(): Promise<void> {
    const { complete } = await readParcel(this.#options.file, async (entry) => {
      if (entry.kind === "gateway") {
        this.#counts.gateway = entry.gateway;
      } else if (entry.kind === "epoch") {
        await this.#add("epoch", entry.bytes);
      }
    });
    await this.#commit();
    this.#counts.complete = complete;
  }

  async #records(writer: ParcelWriter): Promise<void> {
    await readParcel(this.#options.file, async (entry) => {
      if (entry.kind === "record") {
        await this.#add(`backlog/${entry.class}`, entry.bytes);
        this.#unreceipted += 1;
      }
      if (this.#unreceipted >= RECEIPT_RECORDS) {
        await this.#writeReceipts(writer);
      }
    });
  }

  async #writeReceipts(writer: ParcelWriter): Promise<void> {
    await this.#commit();
    this.#unreceipted = 0;
    const { now, receiptKey } = this.#options;
    for (const receipt of this.#book.take(now())) {
      await writer.add({ kind: "receipt", bytes: signReceipt(receipt, receiptKey) });
      this.#counts.receipts += 1;
    }
  }

  async #add(branch: string, payload: Uint8Array): Promise<void> {
    this.#options.stop.throwIfAborted();
    this.#messages.push({ topic: `ward/v1/${this.#counts.gateway}/up/${branch}`, payload });
    this.#bytes += payload.length;
    if (this.#messages.length >= GROUP_MESSAGES || this.#bytes >= GROUP_BYTES) {
      await this.#commit();
    }
  }

  async #commit(): Promise<void> {
    let rest: readonly Message[] = this.#messages;
    this.#messages = [];
    this.#bytes = 0;
    while (rest.length > 0) {
      const outcomes = await this.#desk.commit(rest);
      for (const outcome of outcomes) {
        count(outcome, this.#counts, this.#book);
      }
      rest = rest.slice(outcomes.length);
      this.#options.onProgress(this.#counts);
    }
  }
}

/** After so many records a receipt is written: it names few ranges, and little has to be remembered. */
const RECEIPT_RECORDS = 10_000;
/** Messages that are committed at a time, and their bytes, at most. */
const GROUP_MESSAGES = 256;
const GROUP_BYTES = 4 * 2 ** 20;

function count(outcome: Outcome, counts: ParcelCounts, book: ReceiptBook): void {
  switch (outcome.kind) {
    case "committed":
      counts.committed += 1;
      book.committed(outcome.place);
      break;
    case "again":
      counts.again += 1;
      book.committed(outcome.place);
      break;
    case "rejected":
      counts.rejected += 1;
      book.rejected(outcome.place, outcome.reason);
      break;
    case "refused":
      counts.refused += 1;
      break;
    case "early":
      counts.early += 1;
      break;
    case "epoch":
      break;
  }
}

import type { KeyObject } from "node:crypto";

import { errorCode, errorText, WardError } from "../errors.ts";
import { SEND_ORDER } from "../outbox/keys.ts";
import type { ChainRange, Outbox } from "../outbox/outbox.ts";
import { Verification, type VerifyProgress } from "../outbox/verify.ts";
import { readReceipt } from "../uplink/uplink-messages.ts";

export interface OutboxDeskParts {
  readonly outbox: Outbox;
  readonly gateway: string;
  readonly receiptKey: KeyObject;
  /** What `outbox status` shows. */
  readonly report: () => Promise<object>;
}

/**
 * Answers the questions of `wardgate outbox`, which never opens a running store: what is in it, is all of it right, give me a
 * piece of it to carry away, here is a receipt that was carried back. Bytes cross in base64.
 */
export class OutboxDesk {
  readonly #parts: OutboxDeskParts;
  readonly #stop = new AbortController();
  #verification: Verification | null = null;

  constructor(parts: OutboxDeskParts) {
    this.#parts = parts;
  }

  /** Answers one question; with `error` and `code` when it cannot. */
  async ask(question: string): Promise<object> {
    try {
      return await this.#answer(question);
    } catch (error) {
      return { error: errorText(error), code: errorCode(error) };
    }
  }

  /** Ends what is under way. */
  close(): void {
    this.#stop.abort();
  }

  async #answer(question: string): Promise<object> {
    const [what = "", ...words] = question.split(" ");
    switch (what) {
      case "outbox-status":
        return this.#parts.report();
      case "outbox-verify":
        return this.#verify();
      case "outbox-verified":
        return this.#verification?.progress ?? {};
      case "outbox-waiting":
        return this.#waiting();
      case "outbox-epochs":
        return this.#epochs(Number(words[0]));
      case "outbox-read":
        return this.#read(words);
      case "outbox-receipt":
        return this.#receipt(words[0] ?? "");
      default:
        throw unknown(what);
    }
  }

  /** Begins a check of every record, unless one is under way. */
  #verify(): VerifyProgress {
    if (this.#verification?.progress.state !== "running") {
      const { outbox } = this.#parts;
      const bad = outbox.giveUpDamaged.bind(outbox);
      this.#verification = new Verification(outbox, bad, PAUSE_MS);
      void this.#verification.run(this.#stop.signal);
    }
    return this.#verification.progress;
  }

  #waiting(): object {
    const { outbox, gateway } = this.#parts;
    const ranges = outbox.waiting().map((place) => ({ ...place, id: outbox.idOf(place.store) }));
    return { gateway, ranges };
  }

  async #epochs(offset: number): Promise<{ epochs: string[]; next: number | null }> {
    const all = await this.#parts.outbox.neededEpochs();
    const some = all.slice(offset, offset + EPOCHS_MAX);
    const next = offset + some.length;
    return {
      epochs: some.map(({ bytes }) => base64(bytes)),
      next: next < all.length ? next : null,
    };
  }

  async #read(words: readonly string[]): Promise<{ records: string[]; next: number }> {
    const [name, ...numbers] = words;
    const className = SEND_ORDER.find((known) => known === name);
    const [store = 0, from = 0, to = 0] = numbers.map(Number);
    if (className === undefined || ![store, from, to].every((number) => number > 0)) {
      throw unknown(words.join(" "));
    }
    const place: ChainRange = { class: className, store, range: [from, to] };
    const { records, next } = await this.#parts.outbox.read(place, READ_RECORDS, READ_BYTES);
    return { records: records.map(({ bytes }) => base64(bytes)), next };
  }

  /** Many records may have to be deleted: the answer says only that the receipt is good. */
  async #receipt(text: string): Promise<{ taken: true }> {
    const { gateway, receiptKey, outbox } = this.#parts;
    const news = readReceipt(Buffer.from(text, "base64"), receiptKey, gateway);
    // Trouble with the disk is told in a notice.
    outbox.receipt(news).catch(() => undefined);
    return { taken: true };
  }
}

/** A running outbox has other things to do than to be looked at. */
const PAUSE_MS = 5;
/** Epoch keys, records and bytes in one answer, about: main hands it on as one message. */
const EPOCHS_MAX = 200;
const READ_RECORDS = 1024;
const READ_BYTES = 512 * 1024;

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}

function unknown(what: string): WardError {
  return new WardError("WARD_USAGE", `Cannot answer "${what}": the keeper does not know it.`);
}

import { errorCode, WardError } from "../gateway/errors.ts";
import { fromHex, hashHex } from "../gateway/sealing/envelope.ts";
import { type ReadRecord, readRecord } from "../gateway/sealing/open.ts";
import type { Book } from "./book.ts";
import { bookRecord, marksText } from "./booking.ts";
import type { Keyring } from "./keyring.ts";
import { type Opened, openRecord } from "./opened.ts";
import type { Message } from "./parking.ts";
import type { AnsweredPlace } from "./receipts.ts";
import { sameBytes, type SealedStore } from "./sealed.ts";
import { parseUpTopic } from "./topics.ts";
import { linesOf } from "./views.ts";

/** What became of one message. Only what is committed or rejected is answered with a receipt. */
export type Outcome =
  | { readonly kind: "epoch"; readonly gateway: string; readonly epoch: string }
  | Committed
  | { readonly kind: "again"; readonly place: AnsweredPlace }
  | { readonly kind: "rejected"; readonly place: AnsweredPlace; readonly reason: string }
  /** Its epoch or its signer's binding is not here yet. */
  | {
      readonly kind: "early";
      readonly gateway: string;
      readonly epoch: string;
      readonly message: Message;
    }
  /** Not authentic, or nothing we understand: kept as evidence, never answered. */
  | { readonly kind: "refused"; readonly reason: string };

/** A record that is new and now in the sealed store. */
export interface Committed {
  readonly kind: "committed";
  readonly place: AnsweredPlace;
  readonly id: number;
  /** False when its hash does not fit its neighbours'. */
  readonly fits: boolean;
  readonly backlog: boolean;
  readonly opened: Opened;
  readonly duplicates: number;
  /** For `readings.ndjson`. */
  readonly lines: string;
}

/** What the intake works with. */
export interface IntakeParts {
  readonly sealed: SealedStore;
  readonly book: Book;
  readonly keyring: Keyring;
  /** Hub time, epoch milliseconds. */
  readonly now: () => number;
}

/**
 * Judges messages one by one and writes what is good into the store: parse, find keys, verify, compare with what is there,
 * open, commit, book. Call it in a transaction; whatever the bytes are, the answer is an outcome and not an error.
 */
export class Intake {
  readonly #parts: IntakeParts;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  take(message: Message): Outcome {
    const topic = parseUpTopic(message.topic);
    if (topic === null) {
      return this.#refuse(message, "topic");
    }
    try {
      if (topic.kind === "epoch") {
        const epoch = this.#parts.keyring.admit(message.payload, topic.gateway);
        return { kind: "epoch", gateway: topic.gateway, epoch };
      }
      const record = readRecord(message.payload);
      if (record.place.gateway !== topic.gateway) {
        return this.#refuse(message, "foreign-gateway");
      }
      if (record.place.class !== topic.class || record.place.sequence > SEQUENCE_MAX) {
        return this.#refuse(message, "malformed");
      }
      return this.#record(message, record, topic.backlog);
    } catch (error) {
      return this.#refuse(message, refusalOf(error));
    }
  }

  #record(message: Message, record: ReadRecord, backlog: boolean): Outcome {
    const { sealed, keyring } = this.#parts;
    const { place, header } = record;
    const chain = sealed.findChain(place);
    const held = chain === null ? null : sealed.hashAt(chain, place.sequence);
    if (held !== null && sameBytes(held, fromHex(record.hash))) {
      return { kind: "again", place };
    }
    const { gateway } = place;
    const key = keyring.signingKey(gateway, record.signer, place.storedAt);
    const epoch = keyring.epochKey(gateway, header.epoch);
    if (key === null || epoch === null) {
      return { kind: "early", gateway, epoch: header.epoch, message };
    }
    if (!record.verify(key)) {
      return this.#refuse(message, "signature");
    }
    if (held !== null) {
      return this.#reject(message, place, "conflict");
    }
    let opened: Opened;
    try {
      opened = openRecord(record, epoch);
    } catch (error) {
      return this.#reject(message, place, errorCode(error) === "WARD_OPEN" ? "open" : "malformed");
    }
    return this.#commit({ message, record, backlog, opened });
  }

  #commit({ message, record, backlog, opened }: Judged): Committed {
    const { sealed, book, now } = this.#parts;
    const { place, header } = record;
    const { gateway, sequence, previous, storedAt } = place;
    const committedAt = now();
    const chain = sealed.chainOf(place);
    const link = {
      chain,
      sequence,
      hash: fromHex(record.hash),
      previous: previous === null ? null : fromHex(previous),
    };
    const fits = sealed.fitsChain(link);
    if (!fits) {
      sealed.setBroken(chain);
    }
    const salt = fromHex(header.salt);
    const bytes = message.payload;
    const id = sealed.add({ ...link, salt, storedAt, committedAt, backlog, bytes });
    const booked = { id, gateway, committedAt, salt: header.salt };
    const marks = bookRecord({ book, sealed }, booked, opened);
    const text = marksText(marks);
    if (text !== null) {
      sealed.setMarks(id, text);
    }
    const lines = linesOf({ gateway, backlog }, opened, marks);
    const duplicates = marks.duplicates.length;
    return { kind: "committed", place, id, fits, backlog, opened, duplicates, lines };
  }

  /** For what is authentic and will never be good: the gateway takes it out and accounts for it. */
  #reject(message: Message, place: AnsweredPlace, reason: string): Outcome {
    this.#quarantine(message, `rejected ${reason}`);
    return { kind: "rejected", place, reason };
  }

  /** For what anyone could have sent: a receipt must not make the gateway give up a good record. */
  #refuse(message: Message, reason: string): Outcome {
    this.#quarantine(message, reason);
    return { kind: "refused", reason };
  }

  #quarantine({ topic, payload }: Message, reason: string): void {
    const hash = fromHex(hashHex(payload));
    this.#parts.sealed.quarantine({ topic, reason, hash, at: this.#parts.now(), bytes: payload });
  }
}

interface Judged {
  readonly message: Message;
  readonly record: ReadRecord;
  readonly backlog: boolean;
  readonly opened: Opened;
}

/** The highest sequence number that a receipt can name. */
const SEQUENCE_MAX = Number.MAX_SAFE_INTEGER - 2;

/** Words for the errors of what comes from outside; anything else is a fault of ours and goes on as an error. */
const REFUSALS: Readonly<Record<string, string>> = {
  WARD_ENVELOPE: "malformed",
  WARD_UNVERIFIED: "untrusted",
  WARD_RECIPIENT: "recipient",
  WARD_OPEN: "epoch-key",
  WARD_HUB_EPOCH: "epoch-conflict",
};

function refusalOf(error: unknown): string {
  const word = error instanceof WardError ? REFUSALS[error.code] : undefined;
  if (word === undefined) {
    throw error;
  }
  return word;
}

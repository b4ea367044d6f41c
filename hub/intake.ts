import { errorCode, errorText, WardError } from "../gateway/errors.ts";
import type { RecordPlace } from "../gateway/sealing/envelope.ts";
import { fromHex, hashHex, toHex } from "../gateway/sealing/envelope.ts";
import { type ReadRecord, readRecord } from "../gateway/sealing/open.ts";
import { makeAuthentic } from "./authentic.ts";
import type { Keyring } from "./keyring.ts";
import { type Opened, openRecord } from "./opened.ts";
import type { Message } from "./parking.ts";
import { placeKey } from "./proven-chains.ts";
import type { HubStore, Refused } from "./store.ts";
import { parseUpTopic } from "./topics.ts";

/** What a message turned out to be, before anything of it is on disk. */
export type Verdict =
  | { readonly kind: "epoch"; readonly gateway: string; readonly epoch: string }
  | Good
  | Again
  | Rejected
  | Early
  /** Not authentic, or nothing we understand: kept as evidence, never answered. */
  | { readonly kind: "refused"; readonly reason: string };

/** A record that is authentic, opens, and is not here yet as far as we know. */
export interface Good {
  readonly kind: "good";
  readonly message: Message;
  readonly record: ReadRecord;
  readonly backlog: boolean;
  readonly opened: Opened;
}

/** A record that is here already. */
export interface Again {
  readonly kind: "again";
  readonly place: RecordPlace;
  readonly hash: string;
}

/** Authentic, and will never be good: the gateway takes it out and accounts for it. */
export interface Rejected {
  readonly kind: "rejected";
  readonly place: RecordPlace;
  readonly reason: string;
}

/** Its epoch or its signer's binding is not here yet. */
export interface Early {
  readonly kind: "early";
  readonly gateway: string;
  readonly epoch: string;
  readonly message: Message;
}

/** What the intake works with. */
export interface IntakeParts {
  readonly store: HubStore;
  readonly keyring: Keyring;
  /** Hub time, epoch milliseconds. */
  readonly now: () => number;
  /** Hears of a fault of ours that a message has hit: one plain sentence. */
  readonly onTrouble: (text: string) => void;
}

/**
 * Judges messages: parse, compare with what is there, find keys, verify, open. Whatever the bytes are, the answer is a verdict
 * and not an error; only a store that cannot be used is one (WardError `WARD_HUB_STORE`). Epochs are stored at once.
 */
export class Intake {
  readonly #parts: IntakeParts;
  /** What was refused or rejected and is not in quarantine yet. */
  #evidence: Refused[] = [];

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  /** One verdict for each message, in order. */
  async judge(messages: readonly Message[]): Promise<Verdict[]> {
    const read: (Verdict | ReadMessage)[] = [];
    for (const message of messages) {
      try {
        read.push(await this.#read(message));
      } catch (error) {
        read.push(this.#refuseFor(message, error));
      }
    }
    const records = read.filter((entry) => entry.kind === "record");
    const { store, keyring } = this.#parts;
    const held = await store.hashesAt(records.map(({ record }) => record.place));
    await keyring.load(
      records.map(({ record: { place, header, signer } }) => ({
        gateway: place.gateway,
        epoch: header.epoch,
        signer,
        at: place.storedAt,
      })),
    );
    const here = new Map<ReadMessage, string>();
    for (const [number, hash] of held.entries()) {
      const record = records[number];
      if (hash !== null && record !== undefined) {
        here.set(record, toHex(hash));
      }
    }
    return this.#verdicts(read, here);
  }

  /** Puts what was refused or rejected since the last call into quarantine. */
  async keepEvidence(): Promise<void> {
    if (this.#evidence.length > 0) {
      await this.#parts.store.quarantine(this.#evidence);
      this.#evidence = [];
    }
  }

  /** For a good record whose place turns out to be taken by a record with this hash. */
  judgeTaken({ message, record }: Good, held: string): Again | Rejected {
    const { place, hash } = record;
    return held === hash
      ? { kind: "again", place, hash }
      : this.#reject(message, place, "conflict");
  }

  async #read(message: Message): Promise<Verdict | ReadMessage> {
    const topic = parseUpTopic(message.topic);
    if (topic === null) {
      return this.#refuse(message, "topic");
    }
    if (topic.kind === "epoch") {
      const epoch = await this.#parts.keyring.admit(message.payload, topic.gateway);
      return { kind: "epoch", gateway: topic.gateway, epoch };
    }
    const record = readRecord(message.payload);
    if (record.place.gateway !== topic.gateway) {
      return this.#refuse(message, "foreign-gateway");
    }
    if (record.place.class !== topic.class || record.place.sequence > SEQUENCE_MAX) {
      return this.#refuse(message, "malformed");
    }
    return { kind: "record", message, record, backlog: topic.backlog };
  }

  #verdicts(
    read: readonly (Verdict | ReadMessage)[],
    here: ReadonlyMap<ReadMessage, string>,
  ): Verdict[] {
    const records = read.filter((entry) => entry.kind === "record");
    const isAuthentic = makeAuthentic(
      records.map(({ record }) => record),
      this.#parts.keyring,
    );
    const inThisCall = new Map<string, string>();
    return read.map((entry) => {
      if (entry.kind !== "record") {
        return entry;
      }
      const { place, hash } = entry.record;
      const name = placeKey(place);
      try {
        const held = here.get(entry) ?? inThisCall.get(name) ?? null;
        const verdict = this.#judgeRecord(entry, held, isAuthentic);
        if (verdict.kind === "good") {
          inThisCall.set(name, hash);
        }
        return verdict;
      } catch (error) {
        return this.#refuseFor(entry.message, error);
      }
    });
  }

  #judgeRecord(
    entry: ReadMessage,
    held: string | null,
    isAuthentic: (record: ReadRecord) => boolean,
  ): Verdict {
    const { keyring } = this.#parts;
    const { message, record, backlog } = entry;
    const { place, header, hash } = record;
    if (held === hash) {
      return { kind: "again", place, hash };
    }
    const { gateway } = place;
    const key = keyring.signingKey(gateway, record.signer, place.storedAt);
    const epoch = keyring.epochKey(gateway, header.epoch);
    if (key === null || epoch === null) {
      return { kind: "early", gateway, epoch: header.epoch, message };
    }
    if (!isAuthentic(record)) {
      return this.#refuse(message, "signature");
    }
    if (held !== null) {
      return this.#reject(message, place, "conflict");
    }
    try {
      return { kind: "good", message, record, backlog, opened: openRecord(record, epoch) };
    } catch (error) {
      return this.#reject(message, place, errorCode(error) === "WARD_OPEN" ? "open" : "malformed");
    }
  }

  #reject(message: Message, place: RecordPlace, reason: string): Rejected {
    this.#keep(message, `rejected ${reason}`);
    return { kind: "rejected", place, reason };
  }

  /** For what anyone could have sent: a receipt must not make the gateway give up a good record. */
  #refuse(message: Message, reason: string): Verdict {
    this.#keep(message, reason);
    return { kind: "refused", reason };
  }

  #refuseFor(message: Message, error: unknown): Verdict {
    if (errorCode(error) === "WARD_HUB_STORE") {
      throw error;
    }
    const word = error instanceof WardError ? REFUSALS[error.code] : undefined;
    if (word === undefined) {
      this.#parts.onTrouble(`Cannot take a message on ${message.topic}: ${errorText(error)}`);
    }
    return this.#refuse(message, word ?? "internal");
  }

  #keep({ topic, payload }: Message, reason: string): void {
    const hash = fromHex(hashHex(payload));
    this.#evidence.push({ topic, reason, hash, at: this.#parts.now(), bytes: payload });
  }
}

interface ReadMessage {
  readonly kind: "record";
  readonly message: Message;
  readonly record: ReadRecord;
  readonly backlog: boolean;
}

/** The highest sequence number that a receipt can name. */
const SEQUENCE_MAX = Number.MAX_SAFE_INTEGER - 2;

/** Words for the errors of what comes from outside; anything else is a fault of ours. */
const REFUSALS: Readonly<Record<string, string>> = {
  WARD_ENVELOPE: "malformed",
  WARD_UNVERIFIED: "untrusted",
  WARD_RECIPIENT: "recipient",
  WARD_OPEN: "epoch-key",
  WARD_HUB_EPOCH: "epoch-conflict",
};

import { randomBytes } from "node:crypto";

import { WardError } from "../errors.ts";
import { isGatewayId } from "../reading.ts";
import type { ClassName, Item } from "../reading.ts";
import type { RecipientKey } from "../rooms.ts";
import { BatchWriter } from "./batch.ts";
import { makeEncrypt0 } from "./cose.ts";
import {
  CONTEXT,
  ENVELOPE_VERSION,
  fromHex,
  RECORD_BYTES_MAX,
  SALT_BYTES,
  sealedHeaders,
  toHex,
} from "./envelope.ts";
import type { RecordClass } from "./envelope.ts";
import { makeEpoch, recordKey } from "./epoch.ts";
import type { Epoch, Origin } from "./epoch.ts";
import { encodeGap } from "./gap.ts";
import type { BatchGap } from "./gap.ts";
import { pack } from "./pack.ts";
import { encodeTally } from "./tally.ts";
import type { Tally } from "./tally.ts";
import { parseRecipient, RECIPIENTS_MAX } from "./wrap.ts";
import type { Recipient } from "./wrap.ts";

export interface SealerOptions {
  readonly gateway: string;
  readonly origin: Origin;
  /** 1-16, each with a kid of its own. */
  readonly recipients: readonly RecipientKey[];
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** A new epoch after this long; default one hour. */
  readonly rotateMs?: number;
  /** A new epoch after so many records; default 65 536. */
  readonly rotateBatches?: number;
}

/** A sealed record that has no place in a store yet: a COSE_Encrypt0. */
export interface Sealed {
  readonly bytes: Uint8Array;
  readonly epoch: string;
  readonly salt: string;
  readonly class: RecordClass;
  readonly items: number;
  readonly firstAt: number;
  readonly lastAt: number;
}

/**
 * Seals records to the recipients. Epoch keys live here and nowhere else: they are random, never stored, and replaced by
 * time, by count, and by every restart. The wrapped form of an epoch must reach the store together with its first record.
 */
export class Sealer {
  readonly #gateway: string;
  readonly #origin: Origin;
  readonly #recipients: readonly Recipient[];
  readonly #now: () => number;
  readonly #rotateMs: number;
  readonly #rotateBatches: number;
  readonly #unconfirmed = new Map<string, Uint8Array>();
  #epoch: Epoch | null = null;
  #batches = 0;

  /** Throws WardError `WARD_RECIPIENT` when a recipient key cannot be used. */
  constructor(o: SealerOptions) {
    if (!isGatewayId(o.gateway)) {
      throw new TypeError("Cannot seal: the gateway id must match [a-z0-9-]{3,64}.");
    }
    this.#gateway = o.gateway;
    this.#origin = o.origin;
    this.#recipients = distinctRecipients(o.recipients);
    this.#now = o.now;
    this.#rotateMs = o.rotateMs ?? ROTATE_MS;
    this.#rotateBatches = o.rotateBatches ?? ROTATE_BATCHES;
  }

  /** Seals items of one class. Throws WardError `WARD_SEAL_INPUT` when there are none, or too many bytes. */
  sealBatch(className: ClassName, batch: BatchWriter): Sealed {
    const { count: items, firstAt, lastAt } = batch;
    return this.#seal({ class: className, content: batch.finish(), items, firstAt, lastAt });
  }

  /** Seals 1-10 000 items that are all there. Throws WardError `WARD_SEAL_INPUT` when they cannot be sealed exactly. */
  sealItems(className: ClassName, items: readonly Item[]): Sealed {
    const batch = new BatchWriter();
    for (const item of items) {
      batch.add(item);
    }
    return this.sealBatch(className, batch);
  }

  /** Seals a tally. Throws WardError `WARD_SEAL_INPUT`. */
  sealTally(tally: Tally): Sealed {
    const at = this.#time();
    return this.#seal({
      class: "tally",
      content: encodeTally(tally),
      items: tally.takes.length + tally.gaps.length,
      firstAt: at,
      lastAt: at,
    });
  }

  /** Seals a record of records that were given up. Throws WardError `WARD_SEAL_INPUT`. */
  sealGap(gap: BatchGap): Sealed {
    return this.#seal({
      class: "gap",
      content: encodeGap(gap),
      items: gap.records.length,
      firstAt: gap.at,
      lastAt: gap.at,
    });
  }

  /** Wrapped epochs that must still be given along with every record, oldest first. */
  unconfirmedEpochs(): readonly { readonly epoch: string; readonly bytes: Uint8Array }[] {
    return Array.from(this.#unconfirmed, ([epoch, bytes]) => ({ epoch, bytes }));
  }

  /** The wrapped epoch is on disk. */
  confirmEpoch(epoch: string): void {
    this.#unconfirmed.delete(epoch);
  }

  #seal(o: {
    readonly class: RecordClass;
    readonly content: Uint8Array;
    readonly items: number;
    readonly firstAt: number;
    readonly lastAt: number;
  }): Sealed {
    const plaintext = pack(o.content);
    if (plaintext.length > RECORD_BYTES_MAX - HEADER_BYTES_MAX) {
      throw new WardError(
        "WARD_SEAL_INPUT",
        `Cannot seal: ${plaintext.length} bytes packed, more than one record holds. Seal fewer items at once.`,
      );
    }
    const epoch = this.#current();
    const salt = new Uint8Array(randomBytes(SALT_BYTES));
    const header = {
      version: ENVELOPE_VERSION,
      class: o.class,
      epoch: epoch.epoch,
      salt: toHex(salt),
      firstAt: o.firstAt,
      lastAt: o.lastAt,
      count: o.items,
    } as const;
    const bytes = makeEncrypt0({
      headers: sealedHeaders(header),
      plaintext,
      ...recordKey(epoch.key, fromHex(epoch.epoch), salt),
      context: CONTEXT.batch,
    });
    this.#batches += 1;
    const { class: recordClass, items, firstAt, lastAt } = o;
    const { salt: saltHex, epoch: epochId } = header;
    return { bytes, epoch: epochId, salt: saltHex, class: recordClass, items, firstAt, lastAt };
  }

  #current(): Epoch {
    const now = this.#time();
    if (this.#epoch !== null && !this.#isWorn(this.#epoch, now)) {
      return this.#epoch;
    }
    const epoch = makeEpoch({
      gateway: this.#gateway,
      origin: this.#origin,
      recipients: this.#recipients,
      createdAt: now,
    });
    this.#epoch = epoch;
    this.#batches = 0;
    this.#unconfirmed.set(epoch.epoch, epoch.wrapped);
    return epoch;
  }

  #isWorn(epoch: Epoch, now: number): boolean {
    // While the keeper cannot take epochs, more of them would only pile up here.
    if (this.#unconfirmed.size >= UNCONFIRMED_MAX) {
      return false;
    }
    const age = now - epoch.createdAt;
    return age < 0 || age >= this.#rotateMs || this.#batches >= this.#rotateBatches;
  }

  #time(): number {
    return Math.max(0, Math.trunc(this.#now()));
  }
}

function distinctRecipients(keys: readonly RecipientKey[]): Recipient[] {
  const recipients = keys.map((key) => parseRecipient(key));
  const kids = new Set(recipients.map((recipient) => recipient.kid));
  if (recipients.length < 1 || recipients.length > RECIPIENTS_MAX) {
    throw new WardError(
      "WARD_RECIPIENT",
      `Cannot seal: ${recipients.length} recipients, not 1 to ${RECIPIENTS_MAX}. Correct the signed settings.`,
    );
  }
  if (kids.size !== recipients.length) {
    throw new WardError(
      "WARD_RECIPIENT",
      "Cannot seal: two recipients have the same kid. Correct the signed settings.",
    );
  }
  return recipients;
}

const ROTATE_MS = 3_600_000;
const ROTATE_BATCHES = 65_536;
/** Epochs that wait for the keeper, at most. */
const UNCONFIRMED_MAX = 16;
/** Room for what COSE and the keeper's signature add to the ciphertext. */
const HEADER_BYTES_MAX = 1024;

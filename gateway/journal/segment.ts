import { createHmac, createSecretKey, hkdfSync, randomBytes, type KeyObject } from "node:crypto";

import { errorCode, WardError } from "../errors.ts";
import { gcmDecrypt, gcmEncrypt, IV_BYTES, TAG_BYTES } from "../sealing/cose.ts";
import { ENTRY_BYTES_MAX } from "./entry.ts";
import { isSame } from "./merkle.ts";

/** Entries in a whole segment: 2 to the power of SEGMENT_HEIGHT, so that each is one subtree. */
export const SEGMENT_HEIGHT = 10;
export const SEGMENT_ENTRIES: number = 2 ** SEGMENT_HEIGHT;

/** Whose journal it is, and the gateway's local key, under which it lies on disk. */
export interface SegmentOwner {
  readonly gateway: string;
  readonly key: KeyObject;
}

const HEADER_BYTES = 44;

/** What could be read of a segment. */
export interface SegmentContent {
  readonly entries: readonly Uint8Array[];
  /** Where the last whole entry ends. */
  readonly end: number;
}

/**
 * The bytes of one segment file, as README.md lists them: a header, then every entry encrypted and bound to its place in the
 * journal. An entry cannot be moved, neither within its segment nor to another.
 */
export class SegmentSeal {
  /** Bytes before the first entry. */
  static readonly headerBytes: number = HEADER_BYTES;
  readonly header: Uint8Array;
  readonly #first: number;
  readonly #key: KeyObject;

  private constructor(header: Uint8Array, number: number, owner: SegmentOwner) {
    this.header = header;
    this.#first = number * SEGMENT_ENTRIES;
    this.#key = segmentKey(header, owner);
  }

  /** For a new segment. */
  static make(number: number, owner: SegmentOwner): SegmentSeal {
    const head = Buffer.concat([MAGIC, Buffer.alloc(4), randomBytes(SALT_BYTES)]);
    head.writeUInt32BE(number, MAGIC.length);
    const header = Buffer.concat([head, checkOf(head, owner)]);
    return new SegmentSeal(header, number, owner);
  }

  /** For a file that is there. Throws WardError `WARD_JOURNAL_DAMAGED` when it is another segment's or under another key. */
  static read(file: Uint8Array, number: number, owner: SegmentOwner): SegmentSeal {
    const header = Buffer.from(file.subarray(0, HEADER_BYTES));
    const head = header.subarray(0, HEADER_BYTES - CHECK_BYTES);
    const isOurs =
      header.length === HEADER_BYTES &&
      isSame(head.subarray(0, MAGIC.length), MAGIC) &&
      head.readUInt32BE(MAGIC.length) === number &&
      isSame(header.subarray(head.length), checkOf(head, owner));
    if (!isOurs) {
      throw new WardError(
        "WARD_JOURNAL_DAMAGED",
        `Cannot read segment ${number} of the journal: it is another one's, was changed, or is under another local key.`,
      );
    }
    return new SegmentSeal(header, number, owner);
  }

  /** The bytes of entry number `place` of this segment, to be written behind the one before. */
  seal(place: number, entry: Uint8Array): Uint8Array {
    if (entry.length > ENTRY_BYTES_MAX) {
      throw new WardError(
        "WARD_JOURNAL_ENTRY",
        `Cannot write the journal: an entry of ${entry.length} bytes, at most ${ENTRY_BYTES_MAX}.`,
      );
    }
    const iv = randomBytes(IV_BYTES);
    const sealed = gcmEncrypt(this.#key, iv, this.#aad(place), entry);
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt16BE(sealed.length);
    return Buffer.concat([length, iv, sealed]);
  }

  /** Reads the entries of a file up to the first that is not as it was written, or not whole. */
  open(file: Uint8Array): SegmentContent {
    const bytes = Buffer.from(file.buffer, file.byteOffset, file.length);
    const entries: Uint8Array[] = [];
    let end = HEADER_BYTES;
    while (entries.length < SEGMENT_ENTRIES && end + LENGTH_BYTES <= bytes.length) {
      const start = end + LENGTH_BYTES;
      const next = start + IV_BYTES + bytes.readUInt16BE(end);
      const entry = next > bytes.length ? null : this.#opened(entries.length, start, next, bytes);
      if (entry === null) {
        break;
      }
      entries.push(entry);
      end = next;
    }
    return { entries, end };
  }

  #opened(place: number, start: number, end: number, bytes: Buffer): Uint8Array | null {
    const body = start + IV_BYTES;
    if (end - body < TAG_BYTES || end - body > ENTRY_BYTES_MAX + TAG_BYTES) {
      return null;
    }
    try {
      const iv = bytes.subarray(start, body);
      return gcmDecrypt(this.#key, iv, this.#aad(place), bytes.subarray(body, end));
    } catch (error) {
      if (errorCode(error) === "WARD_OPEN") {
        return null;
      }
      throw error;
    }
  }

  #aad(place: number): Uint8Array {
    const index = Buffer.alloc(8);
    index.writeBigUInt64BE(BigInt(this.#first + place));
    return Buffer.concat([this.header, index]);
  }
}

/** Bytes of a segment file, at most. */
export const SEGMENT_BYTES_MAX: number =
  HEADER_BYTES + SEGMENT_ENTRIES * (2 + IV_BYTES + ENTRY_BYTES_MAX + TAG_BYTES);

const MAGIC = Buffer.from("WARDJNL1");
const SALT_BYTES = 16;
const CHECK_BYTES = 16;
const LENGTH_BYTES = 2;
const KEY_BYTES = 32;

function segmentKey(head: Uint8Array, { gateway, key }: SegmentOwner): KeyObject {
  const salt = head.subarray(MAGIC.length + 4, MAGIC.length + 4 + SALT_BYTES);
  const info = `wardgate/journal/1/${gateway}`;
  return createSecretKey(Buffer.from(hkdfSync("sha256", key, salt, info, KEY_BYTES)));
}

function checkOf(head: Uint8Array, owner: SegmentOwner): Uint8Array {
  const mac = createHmac("sha256", segmentKey(head, owner)).update(head).digest();
  return mac.subarray(0, CHECK_BYTES);
}

import { createHash, type Hash } from "node:crypto";
import { open, type FileHandle } from "node:fs/promises";
import { crc32 } from "node:zlib";

import { WardError } from "../errors.ts";
import { isGatewayId } from "../reading.ts";
import { classNumber, RECORD_BYTES_MAX, RECORD_CLASSES, type RecordClass } from "./envelope.ts";

/**
 * A file that carries by hand what a broker would carry: sealed records and wrapped epochs from a gateway to a hub, or receipts
 * back. README.md specifies every byte. What is in it protects itself; the checksums only tell a damaged stick from a whole one.
 */
export type ParcelEntry =
  | { readonly kind: "gateway"; readonly gateway: string }
  | { readonly kind: "epoch"; readonly bytes: Uint8Array }
  | { readonly kind: "record"; readonly class: RecordClass; readonly bytes: Uint8Array }
  | { readonly kind: "receipt"; readonly bytes: Uint8Array };

/** What a parcel holds, and whether that is all of it. */
export interface ParcelEnd {
  /** Entries that are whole, the first one that names the gateway included. */
  readonly entries: number;
  readonly damaged: number;
  /** False when it ends too early or holds something else than what was written. */
  readonly complete: boolean;
}

/** Writes a parcel from its beginning to its end, or goes on where another writing was cut off. */
export class ParcelWriter {
  readonly #file: FileHandle;
  readonly #hash: Hash;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #position: number;
  #entries: number;
  #unsynced = 0;

  private constructor(file: FileHandle, hash: Hash, position: number, entries: number) {
    this.#file = file;
    this.#hash = hash;
    this.#position = position;
    this.#entries = entries;
  }

  /** Begins a parcel of a gateway; a file that is there is overwritten. Throws what the file system says. */
  static async create(path: string, gateway: string): Promise<ParcelWriter> {
    const file = await open(path, "w", 0o600);
    const writer = new ParcelWriter(file, createHash("sha256"), 0, 0);
    await writer.#write([MAGIC]);
    await writer.add({ kind: "gateway", gateway });
    return writer;
  }

  /**
   * Goes on with a parcel that was not finished, behind its last whole entry; `seen` is told of every one. Throws WardError
   * `WARD_PARCEL` when it is none, or a finished one.
   */
  static async resume(path: string, seen: (entry: ParcelEntry) => void): Promise<ParcelWriter> {
    const file = await open(path, "r+");
    try {
      const reader = new ParcelReader(file);
      for (let entry = await reader.next(); entry !== null; entry = await reader.next()) {
        if (entry === "damaged") {
          break;
        }
        seen(entry);
      }
      if (reader.end?.complete === true) {
        throw unusable("it is finished already");
      }
      await file.truncate(reader.wholeUpTo);
      return new ParcelWriter(file, reader.hash, reader.wholeUpTo, reader.entries);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Bytes of the file so far. */
  get bytes(): number {
    return this.#position + this.#waitingBytes;
  }

  async add(entry: ParcelEntry): Promise<void> {
    const content = contentOf(entry);
    this.#entries += 1;
    await this.#write([
      headOf(KINDS[entry.kind], content.length),
      ...content.parts,
      checkOf(content.parts),
    ]);
  }

  /** Writes the end, brings everything to the disk and closes. */
  async finish(): Promise<void> {
    const counts = Buffer.alloc(8);
    counts.writeBigUInt64BE(BigInt(this.#entries));
    const parts = [counts, this.#hash.copy().digest()];
    await this.#write([headOf(KIND_END, END_BYTES), ...parts, checkOf(parts)]);
    await this.#flush();
    await this.#file.sync();
    await this.#file.close();
  }

  /** Leaves it as it is, to be gone on with later. */
  async abandon(): Promise<void> {
    await this.#flush();
    await this.#file.close();
  }

  async #write(parts: readonly Uint8Array[]): Promise<void> {
    for (const part of parts) {
      this.#hash.update(part);
      this.#waiting.push(Buffer.from(part.buffer, part.byteOffset, part.length));
      this.#waitingBytes += part.length;
    }
    if (this.#waitingBytes >= WRITE_BYTES) {
      await this.#flush();
    }
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (let at = 0; at < bytes.length;) {
      const { bytesWritten } = await this.#file.write(bytes, at, bytes.length - at, this.#position);
      this.#position += bytesWritten;
      at += bytesWritten;
    }
    this.#unsynced += bytes.length;
    if (this.#unsynced >= SYNC_BYTES) {
      // A stick is slow: what has been said to be written should be.
      await this.#file.sync();
      this.#unsynced = 0;
    }
  }
}

/** Reads a parcel entry by entry. Throws WardError `WARD_PARCEL` for a file that is none. */
export async function readParcel(
  path: string,
  each: (entry: ParcelEntry) => Promise<void>,
): Promise<ParcelEnd> {
  const file = await open(path, "r");
  try {
    const reader = new ParcelReader(file);
    let damaged = 0;
    for (let entry = await reader.next(); entry !== null; entry = await reader.next()) {
      if (entry === "damaged") {
        damaged += 1;
      } else {
        await each(entry);
      }
    }
    const complete = reader.end?.complete === true && damaged === 0;
    return { entries: reader.entries, damaged, complete };
  } finally {
    await file.close();
  }
}

class ParcelReader {
  /** Of everything up to the last entry that was read. */
  hash: Hash = createHash("sha256");
  /** Where the last whole entry before any damage ends. */
  wholeUpTo = 0;
  entries = 0;
  end: { readonly complete: boolean } | null = null;
  readonly #file: FileHandle;
  #buffer: Buffer = Buffer.alloc(0);
  #position = 0;
  #isDamaged = false;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** The next entry; null behind the last, at the end of the file, and where nothing can be made of the bytes. */
  async next(): Promise<ParcelEntry | "damaged" | null> {
    if (this.wholeUpTo === 0) {
      await this.#begin();
    }
    const head = await this.#peek(HEAD_BYTES);
    const kind = head?.[0];
    const length = head?.readUInt32BE(1) ?? 0;
    if (
      this.end !== null ||
      head === null ||
      crc32(head.subarray(0, 5)) !== head.readUInt32BE(5) ||
      length > CONTENT_BYTES_MAX
    ) {
      return null;
    }
    const whole = await this.#peek(HEAD_BYTES + length + CHECK_BYTES);
    if (whole === null) {
      return null;
    }
    const content = whole.subarray(HEAD_BYTES, HEAD_BYTES + length);
    const isRight = crc32(content) === whole.readUInt32BE(HEAD_BYTES + length);
    if (kind === KIND_END) {
      this.end = { complete: isRight && this.#isEnd(content) };
      return null;
    }
    const entry = isRight ? entryOf(kind, content) : null;
    this.#take(whole);
    if (entry === null) {
      this.#isDamaged = true;
      return "damaged";
    }
    this.entries += 1;
    return entry;
  }

  async #begin(): Promise<void> {
    const magic = await this.#peek(MAGIC.length);
    if (magic === null || !magic.equals(MAGIC)) {
      throw unusable("it is no file of wardgate outbox export or hub import");
    }
    this.#take(magic);
  }

  #isEnd(content: Buffer): boolean {
    return (
      content.length === END_BYTES &&
      content.readBigUInt64BE(0) === BigInt(this.entries) &&
      content.subarray(8).equals(this.hash.copy().digest())
    );
  }

  #take(bytes: Buffer): void {
    this.hash.update(bytes);
    this.#buffer = this.#buffer.subarray(bytes.length);
    this.#position += bytes.length;
    if (!this.#isDamaged) {
      this.wholeUpTo = this.#position;
    }
  }

  /** The next bytes, which stay; null when the file ends before. */
  async #peek(length: number): Promise<Buffer | null> {
    while (this.#buffer.length < length) {
      const more = Buffer.allocUnsafe(Math.max(READ_BYTES, length - this.#buffer.length));
      const at = this.#position + this.#buffer.length;
      const { bytesRead } = await this.#file.read(more, 0, more.length, at);
      if (bytesRead === 0) {
        return null;
      }
      this.#buffer = Buffer.concat([this.#buffer, more.subarray(0, bytesRead)]);
    }
    return this.#buffer.subarray(0, length);
  }
}

const MAGIC = Buffer.from("wardpar\u0001", "latin1");
const KIND_END = 0;
const KINDS = { gateway: 1, epoch: 2, record: 3, receipt: 4 } as const;
const HEAD_BYTES = 9;
const CHECK_BYTES = 4;
const END_BYTES = 40;
const CONTENT_BYTES_MAX = RECORD_BYTES_MAX + 1;
const WRITE_BYTES = 2 ** 20;
const READ_BYTES = 2 ** 18;
const SYNC_BYTES = 32 * 2 ** 20;

function contentOf(entry: ParcelEntry): {
  readonly parts: readonly Uint8Array[];
  readonly length: number;
} {
  const parts =
    entry.kind === "gateway"
      ? [Buffer.from(entry.gateway, "latin1")]
      : entry.kind === "record"
        ? [Uint8Array.of(classNumber(entry.class)), entry.bytes]
        : [entry.bytes];
  return { parts, length: parts.reduce((sum, part) => sum + part.length, 0) };
}

function entryOf(kind: number | undefined, content: Buffer): ParcelEntry | null {
  // A copy: the buffer that it was read into goes on.
  const bytes = new Uint8Array(content);
  switch (kind) {
    case KINDS.gateway: {
      const gateway = content.toString("latin1");
      return isGatewayId(gateway) ? { kind: "gateway", gateway } : null;
    }
    case KINDS.epoch:
      return { kind: "epoch", bytes };
    case KINDS.record: {
      const name = RECORD_CLASSES[content[0] ?? RECORD_CLASSES.length];
      return name === undefined ? null : { kind: "record", class: name, bytes: bytes.subarray(1) };
    }
    case KINDS.receipt:
      return { kind: "receipt", bytes };
    default:
      return null;
  }
}

function headOf(kind: number, length: number): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head[0] = kind;
  head.writeUInt32BE(length, 1);
  head.writeUInt32BE(crc32(head.subarray(0, 5)), 5);
  return head;
}

function checkOf(parts: readonly Uint8Array[]): Buffer {
  const check = Buffer.alloc(CHECK_BYTES);
  check.writeUInt32BE(parts.reduce((crc, part) => crc32(part, crc), 0));
  return check;
}

function unusable(why: string): WardError {
  return new WardError("WARD_PARCEL", `Cannot use the file: ${why}.`);
}

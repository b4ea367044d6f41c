import { WardError } from "./errors.ts";

/** Bytes of one frame, at most. */
export const FRAME_BYTES_MAX: number = 24 * 2 ** 20;
/** Blobs in one frame, and bytes of one blob, at most. */
export const FRAME_BLOBS_MAX = 1024;
export const FRAME_BLOB_BYTES_MAX: number = 8 * 2 ** 20;
const HEAD_BYTES = 6;
const LENGTH_BYTES = 4;
const NOTHING: Buffer = Buffer.alloc(0);

/** One frame of a link between rooms. */
export interface Frame {
  /** Bytes of the whole frame. */
  readonly bytes: number;
  readonly json: Buffer;
  readonly blobs: readonly Buffer[];
}

/** What stands before the JSON and the blobs of a frame. */
export function frameHead(json: Uint8Array, blobs: readonly Uint8Array[]): Buffer {
  const head = Buffer.allocUnsafe(HEAD_BYTES + LENGTH_BYTES * blobs.length);
  head.writeUInt32BE(json.length, 0);
  head.writeUInt16BE(blobs.length, 4);
  for (const [place, blob] of blobs.entries()) {
    head.writeUInt32BE(blob.length, HEAD_BYTES + LENGTH_BYTES * place);
  }
  return head;
}

/**
 * Cuts what comes over a link into frames. It holds the frame that is being read, which is never longer than announced and
 * allowed, and what is left of the last chunk; in however many chunks a frame comes, it is held once.
 */
export class FrameReader {
  readonly #jsonBytesMax: number;
  #frame: Buffer = Buffer.allocUnsafe(HEAD_BYTES);
  #filled = 0;
  #chunk: Buffer = NOTHING;

  constructor(jsonBytesMax: number) {
    this.#jsonBytesMax = jsonBytesMax;
  }

  /** Takes in the next bytes. To be called when `next` has returned null. */
  push(chunk: Buffer): void {
    this.#chunk = this.#chunk.length === 0 ? chunk : Buffer.concat([this.#chunk, chunk]);
  }

  /** The next whole frame, or null when more bytes are needed. Throws WardError `WARD_LINK_OVERSIZE`. */
  next(): Frame | null {
    for (;;) {
      this.#fill();
      if (this.#filled < this.#frame.length) {
        return null;
      }
      const known = knownLength(this.#frame, this.#jsonBytesMax);
      if (known === this.#frame.length) {
        const frame = this.#frame;
        this.#frame = Buffer.allocUnsafe(HEAD_BYTES);
        this.#filled = 0;
        return partsOf(frame);
      }
      const longer = Buffer.allocUnsafe(known);
      longer.set(this.#frame);
      this.#frame = longer;
    }
  }

  #fill(): void {
    const part = this.#chunk.subarray(0, this.#frame.length - this.#filled);
    this.#frame.set(part, this.#filled);
    this.#filled += part.length;
    this.#chunk = part.length === this.#chunk.length ? NOTHING : this.#chunk.subarray(part.length);
  }
}

/** How long the frame that begins with `head` is, as far as `head` says: with the lengths of its blobs, or altogether. */
function knownLength(head: Buffer, jsonBytesMax: number): number {
  const jsonBytes = head.readUInt32BE(0);
  const blobCount = head.readUInt16BE(4);
  if (jsonBytes > jsonBytesMax || blobCount > FRAME_BLOBS_MAX) {
    throw oversize(`${jsonBytes} bytes of JSON, ${blobCount} blobs`);
  }
  const headBytes = HEAD_BYTES + LENGTH_BYTES * blobCount;
  if (head.length < headBytes) {
    return headBytes;
  }
  const lengths = blobLengths(head, blobCount);
  const total = lengths.reduce((sum, length) => sum + length, headBytes + jsonBytes);
  if (total > FRAME_BYTES_MAX || lengths.some((length) => length > FRAME_BLOB_BYTES_MAX)) {
    throw oversize(`${total} bytes in ${blobCount} blobs`);
  }
  return total;
}

function partsOf(frame: Buffer): Frame {
  const blobCount = frame.readUInt16BE(4);
  const headBytes = HEAD_BYTES + LENGTH_BYTES * blobCount;
  let place = headBytes + frame.readUInt32BE(0);
  const json = frame.subarray(headBytes, place);
  const blobs = blobLengths(frame, blobCount).map((length) => {
    const blob = frame.subarray(place, place + length);
    place += length;
    return blob;
  });
  return { bytes: frame.length, json, blobs };
}

function blobLengths(head: Buffer, blobCount: number): number[] {
  return Array.from({ length: blobCount }, (_, place) =>
    head.readUInt32BE(HEAD_BYTES + LENGTH_BYTES * place),
  );
}

function oversize(what: string): WardError {
  return new WardError("WARD_LINK_OVERSIZE", `Cannot read room message: ${what} are too many.`);
}

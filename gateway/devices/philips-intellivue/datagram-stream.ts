import type { BadBytes } from "../device.ts";
import { LostBytes } from "./lost-bytes.ts";
import type { Message, MessageStream } from "./message.ts";
import { PDU_BYTES_MAX, readMessage } from "./message.ts";

/**
 * Messages as they come on a LAN, one a datagram and without a frame. A recording has them one after the other, so they are
 * told apart by the lengths they carry, and the cuts between datagrams are not needed. There is no check sequence here: what
 * begins as no message does, or holds together as none, is passed over byte by byte. Memory is bounded by one message and
 * what one push brings.
 */
export class DatagramStream implements MessageStream {
  readonly #lost = new LostBytes();
  /** Bytes of a message that is not whole yet. */
  #carry: Uint8Array = new Uint8Array(0);

  push(bytes: Uint8Array): (Message | BadBytes)[] {
    const found: (Message | BadBytes)[] = [];
    const buffer = join(this.#carry, bytes);
    this.#carry = buffer.slice(this.#scan(buffer, found, false));
    return found;
  }

  /** A message whose length was damaged may have hidden whole ones that came after it. */
  end(): (Message | BadBytes)[] {
    const found: (Message | BadBytes)[] = [];
    this.#scan(this.#carry, found, true);
    this.#lost.tell(found);
    this.#carry = new Uint8Array(0);
    return found;
  }

  /** Returns where the first message begins that is not whole yet. */
  #scan(buffer: Uint8Array, found: (Message | BadBytes)[], isEnd: boolean): number {
    let from = 0;
    while (from < buffer.length) {
      const length = messageBytes(buffer, from);
      const isWhole = length > 0 && from + length <= buffer.length;
      if (!isWhole && length !== NO_MESSAGE && !isEnd) {
        break;
      }
      const message = isWhole ? readWhole(buffer.subarray(from, from + length)) : null;
      if (message === null) {
        this.#lost.add(
          isWhole ? "framing" : length === NO_MESSAGE ? "noise" : "truncated",
          1,
          found,
        );
        from += 1;
      } else {
        this.#lost.tell(found);
        found.push(message);
        from += length;
      }
    }
    return from;
  }
}

const NO_MESSAGE = 0;
const UNKNOWN_YET = -1;

/** How long the message at `from` is; `NO_MESSAGE` when none begins there, `UNKNOWN_YET` when too little of it is there. */
function messageBytes(bytes: Uint8Array, from: number): number {
  const first = bytes[from] ?? 0;
  const head = HEADS.get(first);
  if (head !== undefined) {
    return operationBytes(bytes, from, head);
  }
  const next = SESSION_NEXT.get(first);
  return next === undefined ? NO_MESSAGE : sessionBytes(bytes, from, next);
}

/** Data messages: four fixed bytes, kind of operation, length of the rest. Connect indications have another first word. */
const HEADS: ReadonlyMap<number, readonly number[]> = new Map([
  [0xe1, [0xe1, 0x00, 0x00, 0x02, 0x00]],
  [0x00, [0x00, 0x00, 0x01, 0x00, 0x00]],
]);
/** invoke, result, error, linked result. */
const OPERATIONS: ReadonlySet<number> = new Set([1, 2, 3, 5]);
const OPERATION_HEAD_BYTES = 8;
/** The shortest operation is an error without detail. */
const OPERATION_BYTES_MIN = 6;

function operationBytes(bytes: Uint8Array, from: number, head: readonly number[]): number {
  const there = Math.min(bytes.length - from, head.length);
  for (let place = 0; place < there; place += 1) {
    if (bytes[from + place] !== head[place]) {
      return NO_MESSAGE;
    }
  }
  if (bytes.length - from > head.length && !OPERATIONS.has(bytes[from + head.length] ?? 0)) {
    return NO_MESSAGE;
  }
  if (bytes.length - from < OPERATION_HEAD_BYTES) {
    return UNKNOWN_YET;
  }
  const length = ((bytes[from + 6] ?? 0) << 8) | (bytes[from + 7] ?? 0);
  return length < OPERATION_BYTES_MIN || length > PDU_BYTES_MAX - OPERATION_HEAD_BYTES
    ? NO_MESSAGE
    : OPERATION_HEAD_BYTES + length;
}

/**
 * Association messages: kind, length (one byte, or FF and two), and what the content begins with: connect and accept with
 * their connect/accept item, finish and disconnect with user data, abort with its transport item. How a refusal goes on is
 * in no source; these are the items that the session standard has for it.
 */
const SESSION_NEXT: ReadonlyMap<number, readonly number[]> = new Map([
  [0x0d, [0x05]],
  [0x0e, [0x05]],
  [0x0c, [0x00, 0x01, 0x05, 0x11, 0x16, 0x19, 0x32, 0xc1]],
  [0x09, [0xc1]],
  [0x0a, [0xc1]],
  [0x19, [0x11]],
]);
const LONG = 0xff;

function sessionBytes(bytes: Uint8Array, from: number, next: readonly number[]): number {
  const there = bytes.length - from;
  const isLong = bytes[from + 1] === LONG;
  const head = isLong ? 4 : 2;
  if (there <= head) {
    return UNKNOWN_YET;
  }
  const length = isLong
    ? ((bytes[from + 2] ?? 0) << 8) | (bytes[from + 3] ?? 0)
    : (bytes[from + 1] ?? 0);
  const isSession = length > 0 && length <= PDU_BYTES_MAX && next.includes(bytes[from + head] ?? 0);
  return isSession ? head + length : NO_MESSAGE;
}

/** Without a check sequence, only what holds together in every part is a message. */
function readWhole(bytes: Uint8Array): Message | null {
  return SESSION_NEXT.has(bytes[0] ?? 0) && !hasItems(bytes) ? null : readMessage(bytes);
}

/** Whether an association message is made of items (kind, length, content) up to its end. */
function hasItems(bytes: Uint8Array): boolean {
  let place = bytes[1] === LONG ? 4 : 2;
  while (place + 1 < bytes.length) {
    const length = bytes[place + 1] ?? 0;
    place +=
      length === LONG ? 4 + (((bytes[place + 2] ?? 0) << 8) | (bytes[place + 3] ?? 0)) : 2 + length;
  }
  return place === bytes.length;
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) {
    return second;
  }
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}

import type { ReadRequest } from "./modbus-frames.ts";
import {
  EXCEPTION,
  MBAP_BYTES,
  readTcpRequests,
  readValues,
  TCP_REQUEST_BYTES,
  writeTcpRequest,
} from "./modbus-frames.ts";
import type { ReadResult, Values } from "./modbus-link.ts";
import { badReply, headProblem, pduBytes } from "./modbus-reply.ts";
import type { Wire } from "./modbus-wire.ts";

/** A request, and who wants to know how it ended. `done` is called exactly once and must not throw. */
export interface Asked {
  readonly request: ReadRequest;
  readonly done: (result: ReadResult) => void;
}

/** Gives transaction numbers for all connections to one device: none comes again before all others were used. */
export class TransactionNumbers {
  #last = 0;

  next(): number {
    this.#last = (this.#last % TRANSACTION_MAX) + 1;
    return this.#last;
  }
}

/**
 * One Modbus TCP connection with several requests under way. A transaction number is used once on a connection, so a reply belongs to its
 * request or to none. Only the exact reply counts: right number, protocol, unit, function and length. Whatever else comes
 * (late, twice, short, from somebody else) ends the connection, which kills what may still follow.
 */
export class TcpMaster {
  readonly #wire: Wire;
  readonly #replyMs: number;
  readonly #numbers: TransactionNumbers;
  /** By transaction number, the oldest first. */
  readonly #pending = new Map<number, Asked & { readonly sentAt: number }>();
  #asked = 0;
  #rest: Buffer = Buffer.alloc(0);
  /** When the oldest request became the oldest, and when the last reply came (performance.now()). */
  #oldestAt = 0;
  #repliedAt = 0;
  #timer: NodeJS.Timeout | null = null;
  #ended = false;

  /** `replyMs`: how long a device may take for a reply once it has answered what was asked before. */
  constructor(wire: Wire, replyMs: number, numbers: TransactionNumbers) {
    this.#wire = wire;
    this.#replyMs = replyMs;
    this.#numbers = numbers;
    wire.onBytes = (bytes) => this.#receive(bytes);
    wire.onEnd = (why) => this.#end({ kind: "lost", why });
  }

  /** True when nothing may be asked any more. */
  get spent(): boolean {
    return this.#ended || this.#asked > TRANSACTION_MAX - BATCH_MAX;
  }

  /** True when a reply has ever come. */
  get isProven(): boolean {
    return this.#repliedAt > 0;
  }

  /** Sends up to 16 requests in one piece. Throws WardError `WARD_MODBUS_NOT_A_READ`; then nothing is sent. */
  ask(asked: readonly Asked[]): void {
    const bytes = Buffer.alloc(TCP_REQUEST_BYTES * asked.length);
    const numbers = asked.map(() => this.#numbers.next());
    for (const [place, { request }] of asked.entries()) {
      writeTcpRequest(bytes, TCP_REQUEST_BYTES * place, numbers[place] ?? 0, request);
    }
    readTcpRequests(bytes);
    const sentAt = performance.now();
    for (const [place, each] of asked.entries()) {
      this.#pending.set(numbers[place] ?? 0, { ...each, sentAt });
    }
    this.#asked += asked.length;
    this.#wire.write(bytes);
    this.#watch();
  }

  /** Ends it; what is under way is abandoned. */
  async close(): Promise<void> {
    this.#end({ kind: "abandoned" });
    await this.#wire.close();
  }

  #receive(bytes: Uint8Array): void {
    if (this.#ended) {
      return;
    }
    const piece = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const buffer = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    let at = 0;
    for (let used = this.#take(buffer, 0); used > 0; used = this.#take(buffer, at)) {
      at += used;
    }
    this.#rest = buffer.subarray(at);
  }

  /** Handles one reply at `at` and returns its length; 0 when more bytes are needed, or when this has ended. */
  #take(buffer: Buffer, at: number): number {
    const there = buffer.length - at;
    if (this.#ended || there < SHORTEST_BYTES) {
      return 0;
    }
    const transaction = buffer.readUInt16BE(at);
    const pending = this.#pending.get(transaction);
    if (pending === undefined) {
      return this.#break(there, "it came late or twice, or nobody asked for it");
    }
    const { request } = pending;
    const pduAt = at + MBAP_BYTES;
    const wrong = headProblem(buffer, request, pduAt);
    const needed = pduBytes(buffer, request, pduAt);
    if (buffer.readUInt16BE(at + 2) !== 0) {
      return this.#break(there, "its protocol is not Modbus", { transaction });
    }
    if (wrong !== null || buffer.readUInt16BE(at + 4) !== needed) {
      const unit = buffer[pduAt];
      const stranger = unit === request.unit ? undefined : unit;
      const why = wrong ?? "its length is not that of the reply";
      return this.#break(there, why, { transaction, stranger });
    }
    if (there < MBAP_BYTES + needed) {
      return 0;
    }
    this.#settle(transaction, performance.now());
    pending.done(
      buffer[pduAt + 1] === (request.function | EXCEPTION)
        ? { kind: "exception", code: buffer[pduAt + 2] ?? 0 }
        : { kind: "values", values: new TcpValues(buffer, pduAt + DATA_AT, request.function) },
    );
    return MBAP_BYTES + needed;
  }

  #settle(transaction: number, now: number): void {
    const [oldest] = this.#pending.keys();
    this.#pending.delete(transaction);
    this.#repliedAt = now;
    if (transaction === oldest) {
      this.#oldestAt = now;
    }
  }

  /** Something unexpected came: tells the request it pretends to answer, else the oldest one, and ends. */
  #break(
    bytes: number,
    why: string,
    from: { readonly transaction?: number; readonly stranger?: number | undefined } = {},
  ): 0 {
    const [oldest] = this.#pending.keys();
    const number = from.transaction ?? oldest ?? 0;
    const culprit = this.#pending.get(number);
    this.#pending.delete(number);
    // First, so that a poll of several requests ends for this reason and not as one of the others.
    culprit?.done({ kind: "bad", fault: badReply("foreign", bytes, why, from.stranger) });
    this.#end({ kind: "abandoned" });
    return 0;
  }

  #end(result: ReadResult): void {
    this.#ended = true;
    clearTimeout(this.#timer ?? undefined);
    this.#wire.close().catch(() => undefined);
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { done } of pending) {
      done(result);
    }
  }

  /** Keeps one timer for the oldest request: a device that answers one after the other has the time for each. */
  #watch(): void {
    const [oldest] = this.#pending.values();
    if (this.#timer !== null || oldest === undefined) {
      return;
    }
    const waitMs = Math.max(oldest.sentAt, this.#oldestAt) + this.#replyMs - performance.now();
    const check = (): void => {
      this.#timer = null;
      this.#checkOldest();
      this.#watch();
    };
    // On a busy gateway a reply may have come long ago and wait to be read: that goes first.
    this.#timer = setTimeout(() => setImmediate(check), Math.max(waitMs, 1));
  }

  /** So many bytes of this reply are there; what has begun may as well be the reply to another request. */
  #begunBytes(transaction: number): number {
    const rest = this.#rest;
    return rest.length >= 2 && rest.readUInt16BE(0) === transaction ? rest.length : 0;
  }

  #checkOldest(): void {
    const [entry] = this.#pending;
    const now = performance.now();
    if (entry === undefined || this.#ended) {
      return;
    }
    const [transaction, { sentAt, done }] = entry;
    const since = Math.max(sentAt, this.#oldestAt);
    if (now - since < this.#replyMs) {
      return;
    }
    const bytes = this.#begunBytes(transaction);
    const isAlive = this.#repliedAt > since && bytes === 0;
    this.#pending.delete(transaction);
    this.#oldestAt = now;
    done({ kind: "timeout", bytes });
    if (!isAlive) {
      // Nobody else has answered meanwhile: the connection itself may be dead.
      this.#end({ kind: "abandoned" });
    }
  }
}

/** Requests in one piece, at most. */
export const BATCH_MAX = 16;
const TRANSACTION_MAX = 0xff_ff;
/** Header, unit, function and exception code. */
const SHORTEST_BYTES = MBAP_BYTES + 3;

/** The values in a reply, read when they are wanted: of a block with gaps that is a part of them. */
class TcpValues implements Values {
  readonly #bytes: Uint8Array;
  readonly #at: number;
  readonly #function: ReadRequest["function"];

  /** The values begin at `at`. */
  constructor(bytes: Uint8Array, at: number, code: ReadRequest["function"]) {
    this.#bytes = bytes;
    this.#at = at;
    this.#function = code;
  }

  slice(from: number, end: number): number[] {
    return readValues(this.#bytes, this.#at, this.#function, from, end);
  }
}

/** Behind unit, function and byte count. */
const DATA_AT = 3;

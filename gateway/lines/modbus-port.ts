import { EventEmitter } from "node:events";

import type { BadBytes } from "../devices/device.ts";
import { WardError } from "../errors.ts";
import type { ReadRequest } from "./modbus-frames.ts";
import { parseReadRequest, wrapRequest } from "./modbus-frames.ts";
import { ReplyReader } from "./modbus-reply.ts";
import type { Wire } from "./modbus-wire.ts";

/**
 * The port of a serial bus that `modbus-serial` is given instead of one of its own. Whatever the library writes must parse as one read
 * request (functions 1-4), one at a time; whatever arrives reaches the library only if it is the exact reply to that
 * request. Replies come out as "data" events in RTU framing, which is what the library expects of a port.
 */
export class ReadOnlyPort extends EventEmitter {
  readonly isOpen = true;
  readonly #wire: Wire;
  readonly #framing: "rtu" | "ascii";
  readonly #onBad: (fault: BadBytes) => void;
  #pending: ReplyReader | null = null;
  #strayBytes = 0;
  #lastByteAt = 0;

  /** `onBad` is told of bytes that were not the reply; the request is then over. */
  constructor(wire: Wire, framing: "rtu" | "ascii", onBad: (fault: BadBytes) => void) {
    super();
    this.#wire = wire;
    this.#framing = framing;
    this.#onBad = onBad;
    wire.onBytes = (bytes) => this.#receive(bytes);
  }

  /** Bytes that came while nothing was asked, since the last request. */
  get strayBytes(): number {
    return this.#strayBytes;
  }

  /** When the last byte came, or the last request went (performance.now()). */
  get lastByteAt(): number {
    return this.#lastByteAt;
  }

  open(callback: (error: Error | null) => void): void {
    callback(null);
  }

  close(callback: () => void): void {
    callback();
  }

  /** Throws WardError `WARD_MODBUS_NOT_A_READ` or `WARD_MODBUS_BUSY`; then nothing is sent. */
  write(frame: Uint8Array): void {
    const request: ReadRequest = parseReadRequest(frame);
    if (this.#pending !== null) {
      throw new WardError(
        "WARD_MODBUS_BUSY",
        "Cannot send Modbus request: another one is under way.",
      );
    }
    this.#strayBytes = 0;
    this.#pending = new ReplyReader(request, this.#framing);
    this.#lastByteAt = performance.now();
    this.#wire.write(wrapRequest(frame, this.#framing));
  }

  /** Gives up the request under way; returns how many bytes of a reply had come. */
  giveUp(): number {
    const bytes = this.#pending?.length ?? 0;
    this.#pending = null;
    return bytes;
  }

  #receive(bytes: Uint8Array): void {
    this.#lastByteAt = performance.now();
    if (this.#pending === null) {
      this.#strayBytes += bytes.length;
      return;
    }
    const verdict = this.#pending.push(bytes);
    if (verdict.kind === "more") {
      return;
    }
    this.#pending = null;
    if (verdict.kind === "bad") {
      this.#onBad(verdict.fault);
    } else {
      this.emit("data", verdict.frame);
    }
  }
}

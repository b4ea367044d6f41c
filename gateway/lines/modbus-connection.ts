import { setTimeout as sleep } from "node:timers/promises";

import type { BadBytes, RegisterBlock } from "../devices/device.ts";
import type { Framing, ReadRequest } from "./modbus-frames.ts";
import { replyDataBytes } from "./modbus-frames.ts";
import type { OpenWire, Wire } from "./modbus-wire.ts";

/** How one request ended. */
export type ReadResult =
  | { readonly kind: "values"; readonly values: readonly number[] }
  /** The device answered that it will not: its exception code (V1.1b3 §7). */
  | { readonly kind: "exception"; readonly code: number }
  /** No reply in time; `bytes` of one had come. */
  | { readonly kind: "timeout"; readonly bytes: number }
  /** Something came that was not the reply. */
  | { readonly kind: "bad"; readonly fault: BadBytes }
  /** The wire ended. */
  | { readonly kind: "lost"; readonly why: string };

/** Speaks with the bus over one wire, one request at a time. Implemented in modbus.ts, the door to the library. */
export interface BusMaster {
  /** Bytes that came while nothing was asked. */
  readonly strayBytes: number;
  /** When bytes last crossed the wire (performance.now()). */
  readonly lastByteAt: number;
  /** True when the connection may not be used for another request. */
  readonly spent: boolean;
  /** Always resolves, at the latest after `deadlineMs`. */
  read(request: ReadRequest, deadlineMs: number): Promise<ReadResult>;
  /** Ends the request under way as lost. */
  abandon(): void;
}

/** What a connection is made of. */
export interface ConnectionOptions {
  readonly openWire: OpenWire;
  readonly framing: Framing;
  /** True for TCP: transaction numbers tell replies apart, and closing the socket kills late ones. */
  readonly numbered: boolean;
  readonly makeMaster: (wire: Wire, framing: Framing) => BusMaster;
  /** A device has this long to answer, beside the time the bytes take on the wire (milliseconds). */
  readonly replyMs: number;
  /** Time one byte takes on the wire; 0 on TCP (milliseconds). */
  readonly byteMs: number;
  /** Silence between two frames: 3.5 bytes, at least 1.75 ms (Serial Line V1.02 §2.5.1.1); 0 on TCP. */
  readonly gapMs: number;
  /** After anything unexpected a serial bus must be quiet for this long before it is believed again (milliseconds). */
  readonly quietMs: number;
}

/**
 * One connection to a bus that trusts nothing it cannot tell apart. On a serial bus a late reply looks like the right one
 * when it has the same unit, function and length. So two requests that look alike never follow each other: between
 * them goes a short *probe* of another length, and after anything unexpected everything that arrives is thrown away
 * until the bus is quiet, the port is opened afresh, and a probe goes first.
 */
export class BusConnection {
  readonly #options: ConnectionOptions;
  #wire: Wire | null = null;
  #master: BusMaster | null = null;
  /** What the last request to each unit looked like since the connection was opened. */
  readonly #lastShape = new Map<number, string>();

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#master !== null && !this.#master.spent;
  }

  /** Opens the wire; throws WardError when it cannot be opened. */
  async open(signal: AbortSignal): Promise<void> {
    await this.close();
    const { openWire, makeMaster, framing, numbered, gapMs } = this.#options;
    const wire = await openWire(signal);
    this.#wire = wire;
    this.#master = makeMaster(wire, framing);
    if (!numbered) {
      await this.#discard(Math.max(gapMs, OPEN_QUIET_MS));
    }
  }

  /** Reads one block of one unit, with a probe before it where it needs one. Never throws. */
  async read(unit: number, block: RegisterBlock): Promise<ReadResult> {
    if (!this.#options.numbered) {
      const last = this.#lastShape.get(unit);
      if (last === undefined || last === shapeOf(block)) {
        const probed = await this.#ask(unit, probeOf(block));
        if (probed.kind !== "values" && probed.kind !== "exception") {
          return probed;
        }
      }
    }
    return this.#ask(unit, block);
  }

  /** To be called after anything but values or an exception: throws away what still comes and ends the connection. */
  async drop(): Promise<void> {
    if (!this.#options.numbered && this.#master !== null) {
      await this.#discard(this.#options.quietMs);
    }
    await this.close();
  }

  async close(): Promise<void> {
    const wire = this.#wire;
    const master = this.#master;
    this.#wire = null;
    this.#master = null;
    this.#lastShape.clear();
    master?.abandon();
    await wire?.close();
  }

  async #ask(unit: number, block: RegisterBlock): Promise<ReadResult> {
    const master = this.#master;
    if (master === null) {
      return { kind: "lost", why: "the line is closed" };
    }
    this.#lastShape.set(unit, shapeOf(block));
    const { byteMs, replyMs, gapMs } = this.#options;
    const frames = FRAME_BYTES + replyDataBytes(block);
    const result = await master.read({ ...block, unit }, replyMs + frames * byteMs);
    await this.#pause(master, gapMs);
    return result.kind === "values" && master.strayBytes > 0 ? stray(master.strayBytes) : result;
  }

  /** Waits until the wire has been silent for `ms`, once; what comes meanwhile is stray. */
  async #pause(master: BusMaster, ms: number): Promise<void> {
    const wait = master.lastByteAt + ms - performance.now();
    if (wait > 0) {
      await sleep(Math.ceil(wait));
    }
  }

  /** Waits until nothing has come for `quietMs`, at most `DISCARD_MAX_MS`. */
  async #discard(quietMs: number): Promise<void> {
    const end = performance.now() + DISCARD_MAX_MS;
    let from = performance.now();
    for (;;) {
      const master = this.#master;
      const now = performance.now();
      if (master === null || now >= end) {
        return;
      }
      from = Math.max(from, master.lastByteAt);
      if (now - from >= quietMs) {
        return;
      }
      await sleep(Math.ceil(from + quietMs - now));
    }
  }
}

/** What a reply can be told by: two requests of the same shape have replies that look alike. */
function shapeOf(block: RegisterBlock): string {
  return `${block.function}:${replyDataBytes(block)}`;
}

/** A read of the same place with a reply of another length. Its values are not used. */
function probeOf({ function: code, address, count }: RegisterBlock): RegisterBlock {
  const one = { function: code, address, count: 1 } as const;
  if (shapeOf(one) !== shapeOf({ function: code, address, count })) {
    return one;
  }
  const longer = code <= 2 ? 9 : 2;
  return { function: code, address: Math.min(address, 0x1_00_00 - longer), count: longer };
}

function stray(bytes: number): ReadResult {
  const text = "Reply given up: bytes followed it that nobody asked for";
  return { kind: "bad", fault: { kind: "fault", fault: "foreign", bytes, text } };
}

/** Bytes of request and reply beside the values, in the longer of the serial framings. */
const FRAME_BYTES = 30;
const OPEN_QUIET_MS = 20;
const DISCARD_MAX_MS = 3000;

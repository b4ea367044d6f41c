import { setImmediate as soon, setTimeout as sleep } from "node:timers/promises";

import type { RegisterBlock, RegisterLimits } from "../devices/device.ts";
import type { ReadRequest } from "./modbus-frames.ts";
import { replyDataBytes } from "./modbus-frames.ts";
import type { BusLink, PollResult, ReadResult, Values } from "./modbus-link.ts";
import { isGone } from "./modbus-link.ts";
import type { PlannedRequest, RegisterCut } from "./modbus-plan.ts";
import { planRequests } from "./modbus-plan.ts";
import { badReply } from "./modbus-reply.ts";
import { nextUnlike, probeOf, shapeOf, varied } from "./modbus-shapes.ts";
import type { LineTiming } from "./modbus-timing.ts";
import type { OpenWire, Wire } from "./modbus-wire.ts";

/** Speaks with a serial bus over one wire, one request at a time. Implemented in modbus.ts, the door to the library. */
export interface SerialMaster {
  /** Bytes that came while nothing was asked. */
  readonly strayBytes: number;
  /** When bytes last crossed the wire (performance.now()). */
  readonly lastByteAt: number;
  readonly isLost: boolean;
  /** Always resolves, at the latest after `deadlineMs`. */
  read(request: ReadRequest, deadlineMs: number): Promise<ReadResult>;
  /** Ends the request under way. */
  abandon(): void;
}

export interface SerialLinkOptions {
  readonly openWire: OpenWire;
  readonly timing: LineTiming;
  readonly makeMaster: (wire: Wire, framing: "rtu" | "ascii") => SerialMaster;
  /** A device has this long to answer, beside the time the bytes take on the wire (milliseconds). */
  readonly replyMs: number;
  /** After anything unexpected the bus must be quiet for this long before it is believed again (milliseconds). */
  readonly quietMs: number;
}

/**
 * A serial bus that trusts nothing it cannot tell apart. A late reply looks like the right one when it has the same unit, function and
 * length. So two requests that look alike never follow each other: the order of requests avoids it, and where that is
 * not enough a short *probe* of another length goes between. After anything unexpected everything that arrives is thrown away until the
 * bus is quiet, the port is opened afresh, and each unit gets a probe first.
 */
export class SerialLink implements BusLink {
  readonly triesAside = false;
  readonly #options: SerialLinkOptions;
  #wire: Wire | null = null;
  #master: SerialMaster | null = null;
  /** What the last request to each unit looked like since the port was opened. */
  readonly #lastShape = new Map<number, number>();
  #probes = 0;
  /** Requests one after the other that got no byte of an answer, whatever their unit. */
  #silentAsks = 0;

  constructor(options: SerialLinkOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#master !== null && !this.#master.isLost;
  }

  plan(
    wanted: readonly RegisterBlock[],
    limits: RegisterLimits,
    cuts: readonly RegisterCut[],
  ): PlannedRequest[] {
    const options = { cost: this.#options.timing.cost, limits, cuts };
    return varied(planRequests(wanted, options), wanted, options, 2);
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.close();
    const { openWire, makeMaster, timing } = this.#options;
    const wire = await openWire(signal);
    this.#wire = wire;
    this.#master = makeMaster(wire, timing.framing === "ascii" ? "ascii" : "rtu");
    await this.#discard(Math.max(timing.gapMs, OPEN_QUIET_MS));
  }

  async poll(
    unit: number,
    requests: readonly RegisterBlock[],
    limits: RegisterLimits,
  ): Promise<PollResult> {
    const replies: (Values | number)[] = [];
    const left = [...requests];
    while (left.length > 0) {
      const request = nextUnlike(left, this.#lastShape.get(unit));
      if (request === undefined) {
        break;
      }
      left.splice(left.indexOf(request), 1);
      const result = await this.#read(unit, request, limits);
      if (result.kind === "values") {
        replies[requests.indexOf(request)] = result.values;
      } else if (result.kind === "exception" && !isGone(result.code)) {
        replies[requests.indexOf(request)] = result.code;
      } else {
        await this.#distrust(result, limits);
        return result;
      }
    }
    return { kind: "replies", replies };
  }

  async tryUnit(unit: number, block: RegisterBlock, limits: RegisterLimits): Promise<ReadResult> {
    const result =
      limits.apart === true
        ? await this.#read(unit, block, limits)
        : await this.#ask(unit, this.#probe(block));
    await this.#distrust(result, limits);
    return result;
  }

  async close(): Promise<void> {
    const wire = this.#wire;
    const master = this.#master;
    this.#wire = null;
    this.#master = null;
    this.#lastShape.clear();
    this.#silentAsks = 0;
    master?.abandon();
    await wire?.close();
  }

  /** Reads one block, with a probe before it where it needs one. */
  async #read(unit: number, block: RegisterBlock, { apart }: RegisterLimits): Promise<ReadResult> {
    const last = this.#lastShape.get(unit);
    if (last !== undefined && last !== shapeOf(block)) {
      return this.#ask(unit, block);
    }
    const first =
      apart === true ? await this.#silence() : await this.#ask(unit, this.#probe(block));
    const isFine = first.kind === "values" || (first.kind === "exception" && !isGone(first.code));
    return isFine ? this.#ask(unit, block) : first;
  }

  /**
   * In place of a probe for a device that answers nothing but what its document lists: so much silence that a late reply would have
   * come by now, and would be seen.
   */
  async #silence(): Promise<ReadResult> {
    const master = this.#master;
    await this.#discard(this.#options.quietMs);
    if (master === null || master !== this.#master) {
      return { kind: "abandoned" };
    }
    return master.strayBytes > 0 ? stray(master.strayBytes) : { kind: "values", values: [] };
  }

  #probe(block: RegisterBlock): RegisterBlock {
    this.#probes += 1;
    return probeOf(block, this.#probes);
  }

  async #ask(unit: number, { function: code, address, count }: RegisterBlock): Promise<ReadResult> {
    const master = this.#master;
    if (master === null) {
      return { kind: "abandoned" };
    }
    const request = { unit, function: code, address, count };
    this.#lastShape.set(unit, shapeOf(request));
    const { timing, replyMs } = this.#options;
    await waitUntil(master.lastByteAt + timing.gapMs);
    const frameBytes = FRAME_BYTES + replyDataBytes(request);
    const result = await master.read(request, replyMs + frameBytes * timing.byteMs);
    await waitUntil(master.lastByteAt + timing.gapMs);
    if (result.kind === "values" || result.kind === "exception") {
      this.#silentAsks = 0;
    }
    return result.kind === "values" && master.strayBytes > 0 ? stray(master.strayBytes) : result;
  }

  /**
   * After anything but values or an exception: throws away what still comes and ends the connection. A unit that is merely silent
   * needs none of that, since its next request looks different and others have other numbers; only when everybody is
   * silent the port may be at fault.
   */
  async #distrust(result: ReadResult, { apart }: RegisterLimits): Promise<void> {
    if (result.kind === "values" || result.kind === "exception") {
      return;
    }
    const isSilence = result.kind === "timeout" && result.bytes === 0 && apart !== true;
    this.#silentAsks += isSilence ? 1 : 0;
    if (!isSilence) {
      await this.#discard(this.#options.quietMs);
    }
    if (!isSilence || this.#silentAsks >= SILENT_ASKS_MAX) {
      await this.close();
    }
  }

  /** Waits until nothing has come for `quietMs`, at most `DISCARD_MAX_MS`. */
  async #discard(quietMs: number): Promise<void> {
    const end = performance.now() + DISCARD_MAX_MS;
    let from = performance.now();
    for (;;) {
      const master = this.#master;
      const now = performance.now();
      if (master === null || master.isLost || now >= end) {
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

/** Timers of Node.js are a millisecond or two late, which is as long as the silence itself: the last bit is waited for awake. */
async function waitUntil(at: number): Promise<void> {
  const waitMs = at - performance.now();
  if (waitMs > AWAKE_MS) {
    await sleep(waitMs - AWAKE_MS);
  }
  while (performance.now() < at) {
    await soon();
  }
}

function stray(bytes: number): ReadResult {
  const why = "bytes followed it that nobody asked for";
  return { kind: "bad", fault: badReply("foreign", bytes, why) };
}

/** Bytes of request and reply beside the values, in the longer of the framings. */
const FRAME_BYTES = 30;
const OPEN_QUIET_MS = 20;
const DISCARD_MAX_MS = 3000;
const AWAKE_MS = 1.5;
const SILENT_ASKS_MAX = 2;

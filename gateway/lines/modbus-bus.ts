import { setTimeout as sleep } from "node:timers/promises";

import type { SerialFormat } from "../devices/device.ts";
import { errorText } from "../errors.ts";
import { Backoff } from "./backoff.ts";
import type { DeviceSink, DeviceSpec, Line } from "./line.ts";
import type { HostLine, PortLine } from "./line-url.ts";
import { lineKey } from "./line-url.ts";
import type { BusMaster } from "./modbus-connection.ts";
import { BusConnection } from "./modbus-connection.ts";
import type { Framing } from "./modbus-frames.ts";
import { BusUnit } from "./modbus-unit.ts";
import type { Wire } from "./modbus-wire.ts";
import { openWireOf } from "./modbus-wire.ts";

/** Times of one bus, in milliseconds. */
export interface BusTiming {
  /** A device has this long to answer. @default 1000 */
  readonly replyMs: number;
  /** After anything unexpected a serial bus must be quiet for this long. @default 300 */
  readonly quietMs: number;
  /** A unit that does not answer is asked at least this often. @default 30000 */
  readonly unitBackoffMs: number;
}

export interface BusOptions {
  readonly line: PortLine | HostLine;
  readonly timing: Partial<BusTiming>;
  readonly makeMaster: (wire: Wire, framing: Framing) => BusMaster;
}

/**
 * One bus with its units. A single loop owns the wire: it always polls the unit that has been due longest, one request
 * at a time, and a unit that fails waits longer and longer, so that a dead one costs the others little.
 */
export class ModbusBus implements Line {
  readonly #options: BusOptions;
  readonly #units = new Set<BusUnit>();
  readonly #lineBackoff = new Backoff();
  #running: Promise<void> | null = null;
  #connection: BusConnection | null = null;
  #stop = new AbortController();
  /** Aborted to wake the loop when units come or go. */
  #wake = new AbortController();
  #closed = false;

  constructor(options: BusOptions) {
    this.#options = options;
  }

  attach(spec: DeviceSpec, sink: DeviceSink): () => void {
    const unit = new BusUnit(spec, sink, this.#timing.unitBackoffMs);
    const problem = this.#closed ? "the line is closed" : unit.problem(this.#options.line.scheme);
    if (problem !== null) {
      sink.state("closed", `cannot be read on this line: ${problem}`, Date.now());
      return () => undefined;
    }
    this.#units.add(unit);
    this.#wakeLoop();
    this.#running ??= this.#run();
    return () => {
      if (this.#units.delete(unit)) {
        unit.end();
        this.#wakeLoop();
      }
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const unit of this.#units) {
      unit.end();
    }
    this.#units.clear();
    this.#stop.abort();
    this.#wakeLoop();
    await this.#connection?.close();
    await Promise.race([this.#running, sleep(CLOSE_MAX_MS, undefined, { ref: false })]);
  }

  get #timing(): BusTiming {
    return { replyMs: 1000, quietMs: 300, unitBackoffMs: 30_000, ...this.#options.timing };
  }

  /** Runs while there are units. */
  async #run(): Promise<void> {
    const quiet = setInterval(() => {
      for (const unit of this.#units) {
        unit.machine.checkQuiet();
      }
    }, QUIET_CHECK_MS);
    while (this.#units.size > 0) {
      this.#connection = this.#makeConnection();
      await this.#serve(this.#connection);
      await this.#connection.close();
    }
    clearInterval(quiet);
    this.#running = null;
  }

  async #serve(connection: BusConnection): Promise<void> {
    for (let unit = this.#next(); unit !== null; unit = this.#next()) {
      const wait = unit.dueAt - performance.now();
      if (wait > 0) {
        await this.#pause(wait);
      } else if (connection.isOpen || (await this.#open(connection))) {
        await this.#poll(connection, unit);
      }
    }
  }

  /** The unit that has been due longest, or null when there is none. */
  #next(): BusUnit | null {
    let first: BusUnit | null = null;
    for (const unit of this.#units) {
      if (first === null || unit.dueAt < first.dueAt) {
        first = unit;
      }
    }
    return first;
  }

  async #open(connection: BusConnection): Promise<boolean> {
    const where = lineKey(this.#options.line);
    for (const unit of this.#units) {
      unit.connecting(where);
    }
    try {
      await connection.open(this.#stop.signal);
    } catch (error) {
      await this.#failed(errorText(error));
      return false;
    }
    for (const unit of this.#units) {
      unit.opened();
    }
    return true;
  }

  async #poll(connection: BusConnection, unit: BusUnit): Promise<void> {
    const words: (readonly number[])[] = [];
    for (const block of unit.blocks) {
      const result = await connection.read(unit.number, block);
      if (result.kind === "values") {
        words.push(result.values);
        continue;
      }
      if (result.kind === "lost") {
        await connection.close();
        await this.#failed(`Cannot read ${lineKey(this.#options.line)}: ${result.why}`);
        return;
      }
      unit.missed(result);
      if (result.kind !== "exception") {
        await connection.drop();
      }
      return;
    }
    this.#lineBackoff.reset();
    unit.polled(words);
  }

  /** The line itself failed: says so on every unit and waits before the next attempt. */
  async #failed(why: string): Promise<void> {
    const retryMs = this.#lineBackoff.next();
    for (const unit of this.#units) {
      unit.lineFailed(why, retryMs);
    }
    await sleep(retryMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#wake.signal }).catch(() => undefined);
  }

  #wakeLoop(): void {
    this.#wake.abort();
    this.#wake = new AbortController();
  }

  #makeConnection(): BusConnection {
    const { line, makeMaster } = this.#options;
    const { replyMs, quietMs } = this.#timing;
    const serial = this.#serial(line);
    const numbered = line.scheme === "modbus-tcp";
    const byteMs = numbered ? 0 : (BITS_PER_BYTE * 1000) / serial.baud;
    return new BusConnection({
      openWire: openWireOf(line, serial),
      framing: FRAMINGS[line.scheme] ?? "rtu",
      numbered,
      makeMaster,
      replyMs,
      quietMs,
      byteMs: line.scheme === "modbus-ascii" ? 2 * byteMs : byteMs,
      gapMs: numbered ? 0 : Math.max(GAP_BYTES * byteMs, GAP_MIN_MS),
    });
  }

  /** What the URL says, and what it leaves open from the first driver on the bus. */
  #serial(line: PortLine | HostLine): SerialFormat {
    const [unit] = this.#units;
    const format = unit?.serial ?? DEFAULT_SERIAL;
    return "serial" in line ? { ...format, ...line.serial } : format;
  }
}

const FRAMINGS: Partial<Record<string, Framing>> = {
  "modbus-tcp": "tcp",
  "modbus-ascii": "ascii",
};
const DEFAULT_SERIAL: SerialFormat = { baud: 19_200, format: "8E1", flow: "none" };
/** Start, 8 data, parity and stop bit. */
const BITS_PER_BYTE = 11;
const GAP_BYTES = 3.5;
const GAP_MIN_MS = 1.75;
const QUIET_CHECK_MS = 250;
const CLOSE_MAX_MS = 2000;

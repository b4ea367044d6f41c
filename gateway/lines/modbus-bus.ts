import { setTimeout as sleep } from "node:timers/promises";

import type { SerialFormat } from "../devices/device.ts";
import { errorText } from "../errors.ts";
import { Backoff } from "./backoff.ts";
import type { DeviceSink, DeviceSpec, Line } from "./line.ts";
import type { HostLine, PortLine } from "./line-url.ts";
import { lineKey } from "./line-url.ts";
import type { BusLink } from "./modbus-link.ts";
import type { UnitPoll } from "./modbus-poll.ts";
import { MODBUS_SERIAL } from "./modbus-timing.ts";
import type { UnitJob } from "./modbus-unit.ts";
import { BusUnit } from "./modbus-unit.ts";

export interface BusOptions {
  readonly line: PortLine | HostLine;
  /** A unit that does not answer is tried at least this often (milliseconds). */
  readonly unitBackoffMs: number;
  /** The way to the devices; `serial` is how the first device on the bus likes its port. */
  readonly makeLink: (serial: SerialFormat) => BusLink;
}

/**
 * One bus with its units. A single loop owns the wire: it always does what has been due longest, one poll at a time. A unit that does
 * not answer is no longer polled but tried, after longer and longer waits: on the side where the link can do that, so
 * that it costs the others nothing, else at the price of its deadline.
 */
export class ModbusBus implements Line {
  readonly #options: BusOptions;
  readonly #units = new Set<BusUnit>();
  readonly #lineBackoff = new Backoff();
  #running: Promise<void> | null = null;
  #link: BusLink | null = null;
  /** A unit is tried while others are polled. */
  #triesAside = false;
  /** Why the wire ended, when that was found on the side. */
  #lost: string | null = null;
  /** Gives on what the last poll read. */
  #waiting: (() => void) | null = null;
  #stop = new AbortController();
  /** Aborted to wake the loop when units come or go. */
  #wake = new AbortController();
  #closed = false;

  constructor(options: BusOptions) {
    this.#options = options;
  }

  attach(spec: DeviceSpec, sink: DeviceSink): () => void {
    const unit = new BusUnit(spec, sink, this.#options.unitBackoffMs);
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
    await this.#link?.close();
    await Promise.race([this.#running, sleep(CLOSE_MAX_MS, undefined, { ref: false })]);
  }

  /** Runs while there are units. */
  async #run(): Promise<void> {
    const quiet = setInterval(() => {
      for (const unit of this.#units) {
        unit.machine.checkQuiet();
      }
    }, QUIET_CHECK_MS);
    while (this.#units.size > 0) {
      const [first] = this.#units;
      this.#link = this.#options.makeLink(first?.serial ?? MODBUS_SERIAL);
      await this.#serve(this.#link);
      this.#giveWaiting();
      await this.#link.close();
    }
    clearInterval(quiet);
    this.#running = null;
  }

  async #serve(link: BusLink): Promise<void> {
    for (let job = this.#next(); job !== null; job = this.#next()) {
      const waitMs = job.dueAt - performance.now();
      if (this.#lost !== null) {
        await this.#wireLost(link, this.#lost);
      } else if (waitMs > 0) {
        this.#giveWaiting();
        await this.#pause(Math.min(waitMs, PAUSE_MAX_MS));
      } else if (link.isOpen || (await this.#open(link))) {
        await this.#do(job, link);
      }
    }
  }

  /** What has been due longest, or null when there are no units. */
  #next(): UnitJob | null {
    let first: UnitJob | null = null;
    for (const unit of this.#units) {
      const job = unit.job;
      // One trial on the side at a time: others that are to be tried wait for it.
      const dueAt = job.poll === null && this.#triesAside ? Infinity : job.dueAt;
      if (first === null || dueAt < first.dueAt) {
        first = { ...job, dueAt };
      }
    }
    return first;
  }

  async #open(link: BusLink): Promise<boolean> {
    this.#giveWaiting();
    const where = lineKey(this.#options.line);
    for (const unit of this.#units) {
      unit.connecting(where);
    }
    try {
      await link.open(this.#stop.signal);
    } catch (error) {
      await this.#failed(errorText(error));
      return false;
    }
    for (const unit of this.#units) {
      unit.opened();
    }
    return true;
  }

  async #do({ unit, poll }: UnitJob, link: BusLink): Promise<void> {
    if (poll !== null) {
      await this.#poll(unit, poll, link);
      return;
    }
    this.#giveWaiting();
    const trial = this.#try(unit, link);
    if (!link.triesAside) {
      await trial;
    }
  }

  async #poll(unit: BusUnit, poll: UnitPoll, link: BusLink): Promise<void> {
    const going = link.poll(unit.number, poll.requests(link), poll.limits);
    this.#giveWaiting();
    const result = await going;
    if (result.kind === "replies") {
      this.#lineBackoff.reset();
      this.#waiting = unit.polled(poll, result.replies);
    } else if (result.kind === "lost") {
      await this.#wireLost(link, result.why);
    } else {
      unit.missed(result);
    }
  }

  async #try(unit: BusUnit, link: BusLink): Promise<void> {
    this.#triesAside = link.triesAside;
    unit.trying();
    const result = await link.tryUnit(unit.number, unit.firstBlock, unit.limits);
    unit.tried(result);
    this.#triesAside = false;
    if (result.kind === "lost") {
      this.#lost = result.why;
    }
    this.#wakeLoop();
  }

  /** Gives on what the last poll read: it waits until the next one is on its way, so that device and gateway work at the same time. */
  #giveWaiting(): void {
    const give = this.#waiting;
    this.#waiting = null;
    give?.();
  }

  async #wireLost(link: BusLink, why: string): Promise<void> {
    this.#giveWaiting();
    await link.close();
    await this.#failed(`Cannot read ${lineKey(this.#options.line)}: ${why}`);
    this.#lost = null;
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
}

const QUIET_CHECK_MS = 250;
const CLOSE_MAX_MS = 2000;
/** A timer of Node.js cannot wait for ever. */
const PAUSE_MAX_MS = 60_000;

import type {
  BadBytes,
  LineScheme,
  ModbusDriver,
  Output,
  RegisterBlock,
  RegisterLimits,
  SerialFormat,
} from "../devices/device.ts";
import { errorText } from "../errors.ts";
import { Backoff } from "./backoff.ts";
import type { DeviceSink, DeviceSpec } from "./line.ts";
import { LineMachine } from "./machine.ts";
import type { ReadFailure, ReadResult, Values } from "./modbus-link.ts";
import { isGone } from "./modbus-link.ts";
import { unreadable } from "./modbus-plan.ts";
import { reasonOf, UnitPoll } from "./modbus-poll.ts";

/** What to do next for a unit: a poll, or, when `poll` is null, to try whether it is there. */
export interface UnitJob {
  readonly unit: BusUnit;
  readonly dueAt: number;
  readonly poll: UnitPoll | null;
}

/**
 * One device on a Modbus bus: when it is due, how it is doing, and where what it says goes. A unit that did not answer is suspect:
 * before it is polled again it is only tried with one short request, after longer and longer waits.
 */
export class BusUnit {
  readonly machine: LineMachine;
  readonly #spec: DeviceSpec;
  readonly #sink: DeviceSink;
  readonly #driver: ModbusDriver | null;
  readonly #polls: readonly UnitPoll[];
  /** What the device bears. */
  readonly limits: RegisterLimits;
  readonly #backoff: Backoff;
  /** When to try it next (performance.now()); null while it answers. */
  #tryAt: number | null = 0;
  #isTried = false;
  #lineIsUp = false;
  #ended = false;

  constructor(spec: DeviceSpec, sink: DeviceSink, backoffMaxMs: number) {
    this.#spec = spec;
    this.#sink = sink;
    this.#driver = spec.driver.kind === "modbus" ? spec.driver : null;
    this.limits = this.#driver?.limits?.(spec.options) ?? {};
    this.#polls = (this.#driver?.polls(spec.options) ?? []).map(
      (poll) => new UnitPoll(poll, this.limits, backoffMaxMs),
    );
    const fastestMs = Math.min(...this.#polls.map(({ poll }) => poll.everyMs));
    this.#backoff = new Backoff({ firstMs: RETRY_FIRST_MS, maxMs: backoffMaxMs });
    this.machine = new LineMachine({
      quietMs: Math.max(spec.driver.facts.quietMs, QUIET_POLLS * fastestMs),
      report: (state, text, at) => {
        if (!this.#ended) {
          sink.state(state, text, at);
        }
      },
      silentHint: "check unit number, cable and device menu",
      garbledHint: "check baud rate, format, unit number and register settings",
    });
  }

  get number(): number {
    return this.#spec.unit ?? DEFAULT_UNIT;
  }

  get serial(): SerialFormat | null {
    return this.#driver?.serial ?? null;
  }

  /** A block to try the unit with. */
  get firstBlock(): RegisterBlock {
    return this.#polls[0]?.poll.blocks[0] ?? { function: 3, address: 0, count: 1 };
  }

  /** What is to be done next for this unit, and when. */
  get job(): UnitJob {
    if (this.#tryAt !== null) {
      return { unit: this, dueAt: this.#isTried ? Infinity : this.#tryAt, poll: null };
    }
    let first: UnitPoll | null = null;
    for (const poll of this.#polls) {
      if (first === null || poll.dueAt < first.dueAt) {
        first = poll;
      }
    }
    return { unit: this, dueAt: first?.dueAt ?? Infinity, poll: first };
  }

  /** Why this device cannot be read over this kind of line, or null when it can. */
  problem(scheme: LineScheme): string | null {
    if (this.#driver === null) {
      return `${this.#spec.driver.facts.model} does not speak Modbus`;
    }
    const [lowest, highest] = scheme === "modbus-tcp" ? [0, 255] : [1, 247];
    const unit = this.number;
    if (!Number.isSafeInteger(unit) || unit < lowest || unit > highest) {
      return `unit ${unit} is not ${lowest} to ${highest}`;
    }
    const [wrong] = this.#driver.problems?.(this.#spec.options) ?? [];
    if (wrong !== undefined) {
      return wrong;
    }
    if (this.#polls.every(({ poll }) => poll.blocks.length === 0)) {
      return "its options ask for no registers";
    }
    return this.#polls.some(({ poll, limits }) => unreadable(poll.blocks, limits) !== undefined)
      ? "its options ask for registers that Modbus does not have, or that must not be read"
      : null;
  }

  connecting(where: string): void {
    if (!this.#lineIsUp) {
      this.machine.connecting(where);
    }
  }

  opened(): void {
    if (!this.#lineIsUp) {
      this.#lineIsUp = true;
      this.machine.opened();
    }
  }

  lineFailed(why: string, retryMs: number): void {
    this.#lineIsUp = false;
    this.machine.failed(why, retryMs);
  }

  /** It is being tried; until the result is known there is nothing else to do for it. */
  trying(): void {
    this.#isTried = true;
  }

  tried(result: ReadResult): void {
    this.#isTried = false;
    if (result.kind === "values" || (result.kind === "exception" && !isGone(result.code))) {
      this.#tryAt = null;
    } else {
      this.missed(result);
    }
  }

  /** The requests of a poll were answered. Returns the act that decodes the replies and gives them on. */
  polled(poll: UnitPoll, replies: readonly (Values | number)[]): (() => void) | null {
    const at = Date.now();
    const refused = replies.reduce<number>(
      (count, reply) => count + (typeof reply === "number" ? 1 : 0),
      0,
    );
    if (refused > 0 && !this.#ended) {
      this.#sink.refused?.(refused);
    }
    const meaning = poll.take(replies, (fault) => this.#fault(fault, at));
    if (meaning.kind === "refused") {
      this.machine.bytes();
    }
    if (meaning.kind !== "words") {
      return null;
    }
    this.#backoff.reset();
    return () => this.#give(poll, meaning.words, at);
  }

  #give(poll: UnitPoll, words: readonly (readonly number[] | null)[], at: number): void {
    if (this.#ended) {
      return;
    }
    this.machine.good();
    try {
      for (const output of poll.poll.decode(words)) {
        this.#put(output, at);
      }
    } catch (error) {
      const text = `Poll given up: ${errorText(error)}`;
      this.#fault({ kind: "fault", fault: "driver", bytes: 0, text }, at);
    }
  }

  /** A request failed. Only a failure that concerns this unit makes it suspect. */
  missed(result: ReadFailure): void {
    if (result.kind === "abandoned" || result.kind === "lost") {
      return;
    }
    this.#tryAt = performance.now() + this.#backoff.next();
    if (result.kind === "exception" && !this.#ended) {
      this.#sink.refused?.(1);
    }
    const fault = faultOf(result);
    if (fault !== null && !this.#ended) {
      this.machine.bytes();
      this.#fault(fault, Date.now());
    }
  }

  end(): void {
    this.machine.closed();
    this.#ended = true;
  }

  #put(output: Output, at: number): void {
    switch (output.kind) {
      case "frame":
        return this.#sink.frame(output, at);
      case "fault":
        return this.#fault(output, at);
      case "identity":
        return this.#sink.identity(output.serial, at);
      case "ask":
        return;
    }
  }

  #fault(fault: BadBytes, at: number): void {
    if (!this.#ended) {
      this.#sink.fault(fault, at);
    }
  }
}

/** What a failed request tells; silence is the machine's to tell. */
function faultOf(result: Exclude<ReadFailure, { kind: "abandoned" | "lost" }>): BadBytes | null {
  switch (result.kind) {
    case "bad":
      return result.fault;
    case "timeout": {
      const text = "Reply given up: it ended too early";
      return result.bytes === 0
        ? null
        : { kind: "fault", fault: "truncated", bytes: result.bytes, text };
    }
    case "exception": {
      const text = `The device did not answer: ${reasonOf(result.code)}`;
      return { kind: "fault", fault: "exception", bytes: 0, text };
    }
  }
}

const DEFAULT_UNIT = 1;
/** Without a good poll for so many of its fastest paces a device counts as silent, if its driver does not wait longer. */
const QUIET_POLLS = 3;
const RETRY_FIRST_MS = 1000;

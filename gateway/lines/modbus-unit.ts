import type {
  LineScheme,
  ModbusDriver,
  Output,
  RegisterBlock,
  SerialFormat,
} from "../devices/device.ts";
import { errorText } from "../errors.ts";
import { Backoff } from "./backoff.ts";
import type { DeviceSink, DeviceSpec } from "./line.ts";
import { LineMachine } from "./machine.ts";
import type { ReadResult } from "./modbus-connection.ts";
import { countMax } from "./modbus-frames.ts";

/** One device on a Modbus bus: when it is due, how it is doing, and where what it says goes. */
export class BusUnit {
  readonly machine: LineMachine;
  readonly #spec: DeviceSpec;
  readonly #sink: DeviceSink;
  readonly #driver: ModbusDriver | null;
  readonly #backoff: Backoff;
  /** When to poll next (performance.now()). */
  #dueAt: number;
  #blocks: readonly RegisterBlock[] | null = null;
  #lineIsUp = false;
  #ended = false;

  constructor(spec: DeviceSpec, sink: DeviceSink, backoffMaxMs: number) {
    this.#spec = spec;
    this.#sink = sink;
    this.#driver = spec.driver.kind === "modbus" ? spec.driver : null;
    this.#dueAt = performance.now();
    this.#backoff = new Backoff({
      firstMs: this.#driver?.pollMs ?? POLL_MS,
      maxMs: backoffMaxMs,
    });
    this.machine = new LineMachine({
      quietMs: spec.driver.facts.quietMs,
      report: (state, text, at) => {
        if (!this.#ended) {
          sink.state(state, text, at);
        }
      },
      silentHint: "check unit number, cable and device menu",
      garbledHint: "check baud rate, format, unit number and register settings",
    });
  }

  get dueAt(): number {
    return this.#dueAt;
  }

  get number(): number {
    return this.#spec.unit ?? DEFAULT_UNIT;
  }

  get serial(): SerialFormat | null {
    return this.#driver?.serial ?? null;
  }

  /** What one poll reads. */
  get blocks(): readonly RegisterBlock[] {
    this.#blocks ??= this.#driver?.blocks(this.#spec.options) ?? [];
    return this.#blocks;
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
    return this.blocks.length > 0 && this.blocks.every((block) => isReadable(block))
      ? null
      : "its options ask for registers that Modbus does not have";
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

  /** A whole poll was read. */
  polled(words: readonly (readonly number[])[]): void {
    this.#backoff.reset();
    this.#plan(this.#driver?.pollMs ?? POLL_MS);
    if (this.#ended || this.#driver === null) {
      return;
    }
    const at = Date.now();
    this.machine.good();
    try {
      for (const output of this.#driver.decode(words, this.#spec.options)) {
        this.#put(output, at);
      }
    } catch (error) {
      const text = `Poll given up: ${errorText(error)}`;
      this.#sink.fault({ kind: "fault", fault: "driver", bytes: 0, text }, at);
    }
  }

  /** A poll failed in a way that concerns this unit. */
  missed(result: Exclude<ReadResult, { kind: "values" | "lost" }>): void {
    this.#dueAt = performance.now() + this.#backoff.next();
    if (this.#ended) {
      return;
    }
    const at = Date.now();
    if (result.kind === "timeout" && result.bytes === 0) {
      return;
    }
    this.machine.bytes();
    this.#sink.fault(result.kind === "bad" ? result.fault : faultOf(result), at);
  }

  end(): void {
    this.machine.closed();
    this.#ended = true;
  }

  /** The next poll comes `pollMs` after this one was due, or now if that has passed. */
  #plan(pollMs: number): void {
    this.#dueAt = Math.max(this.#dueAt + pollMs, performance.now());
  }

  #put(output: Output, at: number): void {
    switch (output.kind) {
      case "frame":
        return this.#sink.frame(output, at);
      case "fault":
        return this.#sink.fault(output, at);
      case "identity":
        return this.#sink.identity(output.serial, at);
      case "ask":
        return;
    }
  }
}

function faultOf(result: Exclude<ReadResult, { kind: "values" | "lost" | "bad" }>): {
  readonly kind: "fault";
  readonly fault: string;
  readonly bytes: number;
  readonly text: string;
} {
  if (result.kind === "timeout") {
    const text = "Reply given up: it ended too early";
    return { kind: "fault", fault: "truncated", bytes: result.bytes, text };
  }
  const why = EXCEPTIONS[result.code] ?? "no reason known";
  const text = `The device refused to answer: exception ${result.code}, ${why}`;
  return { kind: "fault", fault: "exception", bytes: 0, text };
}

function isReadable({ address, count, function: code }: RegisterBlock): boolean {
  return (
    Number.isSafeInteger(address) &&
    Number.isSafeInteger(count) &&
    address >= 0 &&
    count >= 1 &&
    count <= countMax(code) &&
    address + count <= 0x1_00_00
  );
}

const POLL_MS = 1000;
const DEFAULT_UNIT = 1;
/** MODBUS Application Protocol V1.1b3 §7. */
const EXCEPTIONS: Readonly<Record<number, string>> = {
  1: "function not supported",
  2: "no such register",
  3: "value not allowed",
  4: "device failure",
  5: "request accepted, answer later",
  6: "device busy",
  8: "memory parity error",
  10: "gateway path unavailable",
  11: "device behind the gateway does not answer",
};

import { setTimeout as sleep } from "node:timers/promises";

import { numberAt } from "../../../gateway/json-value.ts";
import { memoryOf } from "../../../gateway/memory.ts";
import { BROKER_NAME, type BenchSite, GATEWAY } from "../bench-site.ts";
import { cpuSeconds, writtenBytes } from "../process-costs.ts";
import { Program } from "../program.ts";

/** Everything that is known at one moment. Counters go up from the start. */
export interface StockSample {
  /** `performance.now()`. */
  readonly at: number;
  /** Messages handed to `mqtt out`. */
  readonly emitted: number;
  /** Messages the broker has acknowledged. */
  readonly acknowledged: number;
  readonly cpu: number;
  readonly brokerCpu: number;
  readonly writtenBytes: number;
  readonly wireBytes: number;
  /** Milliseconds from the program's start to the first acknowledgement, or 0. */
  readonly firstMs: number;
}

/** Node-RED with nothing but its own nodes, sending the same readings to the same broker. */
export class StockWay {
  readonly #bench: BenchSite;
  readonly #red: Program;

  private constructor(bench: BenchSite, red: Program) {
    this.#bench = bench;
    this.#red = red;
  }

  static async open(bench: BenchSite): Promise<StockWay> {
    const { program } = await Program.start(
      "house/stock-node-red.ts",
      String(bench.proxyPort),
      BROKER_NAME,
      GATEWAY,
      bench.site.gatewayDirectory,
    );
    return new StockWay(bench, program);
  }

  /** Messages of so many readings, either a window without acknowledgement, or a rate in messages a second. */
  load(load: {
    readonly perMessage: number;
    readonly window: number;
    readonly perSecond: number;
  }): void {
    this.#red.write({ ...load });
  }

  async sample(): Promise<StockSample> {
    this.#bench.signal.throwIfAborted();
    const [red, wire] = await Promise.all([this.#red.count(), this.#bench.proxy.count()]);
    return {
      at: performance.now(),
      emitted: numberAt(red, "emitted"),
      acknowledged: numberAt(red, "acknowledged"),
      cpu: cpuSeconds(this.#red.pid),
      brokerCpu: cpuSeconds(this.#bench.brokerPid),
      writtenBytes: writtenBytes(this.#red.pid),
      wireBytes: numberAt(wire, "up") + numberAt(wire, "down"),
      firstMs: numberAt(red, "firstMs"),
    };
  }

  /** Lets time pass. */
  async pass(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#bench.signal });
  }

  /** Proportional set size (MB). */
  async memory(): Promise<number> {
    const { red = 0 } = await memoryOf({ red: this.#red.pid });
    return red;
  }

  reach(open: boolean): void {
    this.#bench.proxy.write({ open });
  }

  async close(): Promise<void> {
    await this.#red.stop();
  }
}

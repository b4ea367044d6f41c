import type { BenchSite } from "../bench-site.ts";
import { type Commit, GatewayRun, type GatewaySample } from "../gateway-run.ts";
import { numberAt } from "../../../gateway/json-value.ts";
import { Program } from "../program.ts";
import { benchFlow, type FlowEnd } from "./bench-flow.ts";
import { MONITOR_MODEL, MONITOR_OPTIONS, READINGS_PER_LINE } from "./monitor-lines.ts";

/** Everything that is known at one moment; `opened` and `evicted` of the readings. */
export interface WardSample extends Omit<GatewaySample, "opened" | "evicted" | "withheld"> {
  /** Readings that the load has put on the line. */
  readonly sent: number;
  /** At the hub; with an empty sink, withheld and accounted for on disk. */
  readonly opened: number;
  readonly evicted: number;
}

/** What became of every reading. */
export interface WardAccount {
  readonly sent: number;
  readonly taken: number;
  readonly opened: number;
  readonly evicted: number;
  readonly duplicates: number;
  /** Of all classes. The promise is 0. */
  readonly unaccounted: number;
}

const DEVICES = 8;

export interface WardOptions extends FlowEnd {
  /** What the gateway is run by, before its own command. */
  readonly command: readonly string[];
}

const USUAL: WardOptions = { windowMs: 100, isEmpty: false, command: [] };
const QUIET_MS = 20_000;
/** Readings a second while starting: a line a second and device, as a real device gives it. */
const IDLE = DEVICES * READINGS_PER_LINE;

/** The whole house on one box, from devices on real lines to the hub, each a process of its own. */
export class WardWay {
  readonly #load: Program;
  readonly #run: GatewayRun;
  readonly #isEmpty: boolean;

  private constructor(load: Program, run: GatewayRun, isEmpty: boolean) {
    this.#load = load;
    this.#run = run;
    this.#isEmpty = isEmpty;
  }

  /** Starts everything; resolves when the first reading is at the hub. */
  static async open(bench: BenchSite, options: Partial<WardOptions> = {}): Promise<WardWay> {
    const { windowMs, isEmpty, command } = { ...USUAL, ...options };
    const { program: load, ready } = await Program.start("house/load-device.ts", String(DEVICES));
    try {
      const ports = Array.isArray(ready["ports"]) ? ready["ports"].map(Number) : [];
      const lines = ports.map((port) => `tcp://127.0.0.1:${port}`);
      pace(load, IDLE);
      const run = await GatewayRun.start(bench, {
        lines,
        flows: benchFlow(
          lines.map((line, place) => ({
            device: `bed-${place + 1}/monitor`,
            line,
            model: MONITOR_MODEL,
            options: MONITOR_OPTIONS,
          })),
          { windowMs, isEmpty },
        ),
        pids: { load: load.pid },
        command,
      });
      return new WardWay(load, run, isEmpty);
    } catch (error) {
      await load.stop();
      throw error;
    }
  }

  /** Milliseconds from the gateway's start to the first reading that the hub has committed. */
  get startMs(): number {
    return this.#run.startMs;
  }

  /** Sets the load (readings a second, all devices together). */
  pace(readingsPerSecond: number): void {
    pace(this.#load, readingsPerSecond);
  }

  /** Proportional set sizes of the gateway's processes, from its last report (MB). */
  get memory(): Readonly<Record<string, number>> {
    return this.#run.memory;
  }

  /** Waits for the hub's next counters and looks at everything else in that moment. */
  async sample(): Promise<WardSample> {
    const { opened, evicted, withheld, ...sample } = await this.#run.sample();
    const sent = numberAt(await this.#load.count(), "lines") * READINGS_PER_LINE;
    const ended = this.#isEmpty ? withheld.vital : opened.vital;
    return { ...sample, sent, opened: ended, evicted: evicted.vital };
  }

  /** Bytes of the outbox's files. */
  storeBytes(): Promise<number> {
    return this.#run.storeBytes();
  }

  /** The batches that the hub has committed since `since` (epoch milliseconds), in order. */
  commits(since: number): Commit[] {
    return this.#run.commits(since);
  }

  /** Takes the broker out of reach, or gives it back. */
  reach(open: boolean): void {
    this.#run.reach(open);
  }

  /** Stops the load and waits until everything has arrived, or for so long as that may take. */
  async settle(): Promise<WardSample> {
    this.pace(0);
    const until = performance.now() + QUIET_MS;
    for (;;) {
      const sample = await this.sample();
      const isQuiet = sample.unsettledMs === 0 && sample.backlog === 0;
      const hasAll = sample.opened + sample.evicted >= sample.sent;
      if ((isQuiet && hasAll) || performance.now() > until) {
        return sample;
      }
    }
  }

  /** Ends everything in order and says what became of every reading. */
  async finish(): Promise<WardAccount> {
    const { sent } = await this.settle();
    const classes = await this.#run.finish();
    await this.#load.stop();
    const rows = Object.values(classes);
    return {
      sent,
      taken: classes.vital.taken,
      opened: classes.vital.opened,
      evicted: classes.vital.accounted,
      duplicates: rows.reduce((sum, row) => sum + row.duplicates, 0),
      unaccounted: rows.reduce((sum, row) => sum + Math.abs(row.unaccounted), 0),
    };
  }

  async close(): Promise<void> {
    await this.#load.stop();
    await this.#run.close();
  }
}

function pace(load: Program, readingsPerSecond: number): void {
  load.write({ linesPerSecond: readingsPerSecond / READINGS_PER_LINE });
}

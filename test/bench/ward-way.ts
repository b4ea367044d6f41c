import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { ownCommand, Part, type PartLine } from "../../gateway/demo/child.ts";
import { classReports } from "../../gateway/demo/report.ts";
import { WardError } from "../../gateway/errors.ts";
import { numberAt, valueAt } from "../../gateway/json-value.ts";
import { ROOMS } from "../../gateway/rooms.ts";
import { writeSignedSettings } from "../../provisioning/site.ts";
import { benchFlow } from "./bench-flow.ts";
import { BROKER_NAME, type BenchSite, GATEWAY } from "./bench-site.ts";
import { READINGS_PER_LINE } from "./masimo-lines.ts";
import { cpuSeconds, directoryBytes, writtenBytes } from "./process-costs.ts";
import { Program } from "./program.ts";

/** Everything that is known at one moment. Counters go up from the start. */
export interface WardSample {
  /** `performance.now()`. */
  readonly at: number;
  /** Readings that the load has put on the line. */
  readonly sent: number;
  /** Readings that the hub has opened and committed. */
  readonly opened: number;
  /** CPU seconds per process. */
  readonly cpu: Readonly<Record<string, number>>;
  readonly writtenBytes: number;
  /** TLS and MQTT, both ways. */
  readonly wireBytes: number;
  /** Given up by bedside because its buffer was full. */
  readonly evicted: number;
  /** Age of the oldest take that is not on disk yet. */
  readonly unsettledMs: number;
  /** Sealed batches that no receipt has named yet. */
  readonly backlog: number;
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
const READY_MS = 60_000;
const QUIET_MS = 20_000;
/** Readings a second while starting: a line a second and device, as the real device gives it. */
const IDLE = DEVICES * READINGS_PER_LINE;

/** The whole house on one box, from devices on real lines to the hub, each a process of its own. */
export class WardWay {
  readonly #bench: BenchSite;
  readonly #load: Program;
  readonly #hub: Part;
  readonly #gateway: Part;
  readonly #latest: Record<"hub" | "gateway", PartLine> = { hub: {}, gateway: {} };
  readonly #startedAt: number = Date.now();
  #memory: Readonly<Record<string, number>> = {};

  private constructor(
    bench: BenchSite,
    load: Program,
    commands: Record<"hub" | "gateway", string[]>,
  ) {
    this.#bench = bench;
    this.#load = load;
    this.#hub = new Part("hub", commands.hub);
    this.#gateway = new Part("gateway", commands.gateway);
    this.#hub.on("line", (line) => {
      this.#latest.hub = typeof line["classes"] === "object" ? line : this.#latest.hub;
    });
    this.#gateway.on("line", (line) => {
      if (line["event"] === "report" || line["event"] === "stopped") {
        this.#latest.gateway = line;
      }
    });
  }

  /** Starts everything; resolves when the first reading is at the hub. */
  static async open(bench: BenchSite): Promise<WardWay> {
    const { program: load, ready } = await Program.start("load-device.ts", String(DEVICES));
    const ports = Array.isArray(ready["ports"]) ? ready["ports"].map(Number) : [];
    const lines = ports.map((port) => `tcp://127.0.0.1:${port}`);
    const { site } = bench;
    await writeSignedSettings({
      authority: site.authority,
      gatewayDirectory: site.gatewayDirectory,
      gateway: GATEWAY,
      hubKeys: site.hubKeys,
      settings: {
        authoring: false,
        broker: { url: `mqtts://127.0.0.1:${bench.proxyPort}`, serverName: BROKER_NAME },
        lines,
        opcuaTrust: [],
        flows: benchFlow(
          lines.map((line, place) => ({ device: `bed-${place + 1}/monitor`, line })),
        ),
      },
    });
    const broker = ["--broker", `mqtts://127.0.0.1:${bench.hubPort}`, "--server-name", BROKER_NAME];
    const way = new WardWay(bench, load, {
      hub: ownCommand("hub", "--directory", site.hubDirectory, ...broker, "--json"),
      gateway: ownCommand("run", "--data", site.gatewayDirectory, "--json"),
    });
    way.pace(IDLE);
    await Promise.all([
      way.#hub.first(({ kind }) => kind === "ready", READY_MS),
      way.#gateway.first(({ event }) => event === "running", READY_MS),
    ]);
    await way.#hub.first((line) => typeof line["firstOpenedAt"] === "number", READY_MS);
    return way;
  }

  /** Milliseconds from the gateway's start to the first reading that the hub has committed. */
  get startMs(): number {
    return numberAt(this.#latest.hub, "firstOpenedAt") - this.#startedAt;
  }

  /** Sets the load (readings a second, all devices together). */
  pace(readingsPerSecond: number): void {
    this.#load.write({ linesPerSecond: readingsPerSecond / READINGS_PER_LINE });
  }

  /** Proportional set sizes of the gateway's processes, from its last report (MB). */
  get memory(): Readonly<Record<string, number>> {
    return this.#memory;
  }

  /** Device to hub, of all vital batches so far (milliseconds). */
  get latencyMs(): { readonly p50: number; readonly p99: number } {
    const of = (name: string): number => numberAt(this.#latest.hub, "latencyMs", name);
    return { p50: of("p50"), p99: of("p99") };
  }

  /** Waits for the hub's next counters and looks at everything else in that moment. */
  async sample(): Promise<WardSample> {
    this.#bench.signal.throwIfAborted();
    await this.#hub.first((line) => typeof line["classes"] === "object", READY_MS);
    const at = performance.now();
    const { hub, gateway } = this.#latest;
    const pids = this.#pids();
    const cpu = Object.fromEntries(
      Object.entries(pids).map(([name, pid]) => [name, cpuSeconds(pid)]),
    );
    const written = writtenBytes(pids["keeper"] ?? 0);
    this.#memory = memoryIn(gateway);
    const [load, wire] = await Promise.all([this.#load.count(), this.#bench.proxy.count()]);
    const bedside = valueAt(gateway, "rooms", "bedside", "stats");
    const classes = valueAt(gateway, "rooms", "keeper", "stats", "classes");
    return {
      at,
      sent: numberAt(load, "lines") * READINGS_PER_LINE,
      opened: numberAt(hub, "classes", "vital", "opened"),
      cpu,
      writtenBytes: written,
      wireBytes: numberAt(wire, "up") + numberAt(wire, "down"),
      evicted: numberAt(bedside, "classes", "vital", "evicted"),
      unsettledMs: numberAt(bedside, "oldestUnsettledMs"),
      backlog: Object.keys(Object(classes)).reduce(
        (sum, name) => sum + numberAt(classes, name, "backlog", "batches"),
        0,
      ),
    };
  }

  /** Bytes of the outbox's files. */
  async storeBytes(): Promise<number> {
    return directoryBytes(join(this.#bench.site.gatewayDirectory, "store"));
  }

  /** Takes the broker out of reach, or gives it back. */
  reach(open: boolean): void {
    this.#bench.proxy.write({ open });
  }

  /** Stops the load and waits until everything has arrived; throws when that takes too long. */
  async settle(): Promise<WardSample> {
    this.pace(0);
    const until = performance.now() + QUIET_MS;
    for (;;) {
      const sample = await this.sample();
      const isQuiet = sample.unsettledMs === 0 && sample.backlog === 0;
      if (isQuiet && sample.opened + sample.evicted >= sample.sent) {
        return sample;
      }
      if (performance.now() > until) {
        return sample;
      }
    }
  }

  /** Ends everything in order and says what became of every reading. */
  async finish(): Promise<WardAccount> {
    const { sent } = await this.settle();
    await this.#gateway.stop(8000);
    await sleep(300);
    await this.#hub.stop(3000);
    await this.close();
    const { gateway, hub } = this.#latest;
    const classes = classReports({
      bedside: valueAt(gateway, "rooms", "bedside", "stats"),
      keeper: valueAt(gateway, "rooms", "keeper", "stats"),
      hub,
    });
    const rows = Object.values(classes);
    return {
      sent,
      taken: classes.vital.taken,
      opened: classes.vital.opened,
      evicted: numberAt(gateway, "rooms", "bedside", "stats", "classes", "vital", "evicted"),
      duplicates: rows.reduce((sum, row) => sum + row.duplicates, 0),
      unaccounted: rows.reduce((sum, row) => sum + Math.abs(row.unaccounted), 0),
    };
  }

  async close(): Promise<void> {
    await Promise.all([this.#gateway.stop(6000), this.#load.stop()]);
    await this.#hub.stop(3000);
  }

  #pids(): Record<string, number> {
    const { gateway } = this.#latest;
    const rooms = ROOMS.map((room) => [room, numberAt(gateway, "pids", room)] as const);
    if (rooms.some(([, pid]) => pid === 0)) {
      throw new WardError("WARD_BENCH", "Cannot measure: a room of the gateway is gone.");
    }
    return {
      main: this.#gateway.pid,
      ...Object.fromEntries(rooms),
      hub: this.#hub.pid,
      broker: this.#bench.brokerPid,
      load: this.#load.pid,
      proxy: this.#bench.proxy.pid,
    };
  }
}

/** The processes of the gateway itself, in the order of a table. */
export const GATEWAY_PROCESSES = ["main", "bedside", "flowhost", "keeper", "listener"] as const;

function memoryIn(report: PartLine): Readonly<Record<string, number>> {
  return Object.fromEntries(
    GATEWAY_PROCESSES.map((name) => [name, numberAt(report, "memoryMb", name)]),
  );
}

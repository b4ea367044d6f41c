import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";

import { ownCommand, Part, type PartLine } from "../../gateway/demo/child.ts";
import { type ClassReport, classReports } from "../../gateway/demo/report.ts";
import { WardError } from "../../gateway/errors.ts";
import { numberAt, valueAt } from "../../gateway/json-value.ts";
import { CLASSES, type ClassName } from "../../gateway/reading.ts";
import { ROOMS } from "../../gateway/rooms.ts";
import { readRecord } from "../../gateway/sealing/open.ts";
import { type Site, writeSignedSettings } from "../../provisioning/site.ts";
import { BROKER_NAME, type BenchSite, GATEWAY } from "./bench-site.ts";
import { cpuSeconds, directoryBytes, writtenBytes } from "./process-costs.ts";

/** Everything that is known of a running gateway at one moment. Counters go up from the start. */
export interface GatewaySample {
  /** `performance.now()`. */
  readonly at: number;
  /** Items that the hub has opened and committed. */
  readonly opened: Readonly<Record<ClassName, number>>;
  /** CPU seconds per process. */
  readonly cpu: Readonly<Record<string, number>>;
  readonly writtenBytes: number;
  /** TLS and MQTT, both ways. */
  readonly wireBytes: number;
  /** Withheld by the flow, and accounted for. */
  readonly withheld: Readonly<Record<ClassName, number>>;
  /** Given up by bedside because its buffer was full. */
  readonly evicted: Readonly<Record<ClassName, number>>;
  /** Age of the oldest take that is not on disk yet. */
  readonly unsettledMs: number;
  /** Sealed batches that no receipt has named yet. */
  readonly backlog: number;
}

/** A batch of vital readings at the hub. */
export interface Commit {
  /** When it was committed (epoch milliseconds). */
  readonly at: number;
  readonly isLive: boolean;
  /** From its first reading, which has waited the longest, to the commit (milliseconds). */
  readonly ageMs: number;
}

/** What runs: lines that may be opened, flows, and other processes whose CPU is to be known. */
export interface GatewayRunOptions {
  readonly lines: readonly string[];
  readonly flows: readonly Record<string, unknown>[];
  readonly pids: Readonly<Record<string, number>>;
  /** What the gateway is run by, before its own command; it must stay the same process. */
  readonly command?: readonly string[];
}

/** The processes of the gateway itself, in the order of a table. */
export const GATEWAY_PROCESSES = ["main", "bedside", "flowhost", "keeper", "listener"] as const;

const READY_MS = 60_000;

/** A gateway and a hub at a bench's broker, each started as an operator would. */
export class GatewayRun {
  readonly #bench: BenchSite;
  readonly #pids: Readonly<Record<string, number>>;
  readonly #hub: Part;
  readonly #gateway: Part;
  readonly #latest: Record<"hub" | "gateway", PartLine> = { hub: {}, gateway: {} };
  readonly #startedAt: number = Date.now();
  #memory: Readonly<Record<string, number>> = {};

  private constructor(bench: BenchSite, { pids, command = [] }: GatewayRunOptions) {
    const { site } = bench;
    const broker = ["--broker", `mqtts://127.0.0.1:${bench.hubPort}`, "--server-name", BROKER_NAME];
    this.#bench = bench;
    this.#pids = pids;
    this.#hub = new Part(
      "hub",
      ownCommand("hub", "--directory", site.hubDirectory, ...broker, "--json"),
    );
    const own = ["--data", site.gatewayDirectory, "--settings", settingsOf(site), "--json"];
    this.#gateway = new Part("gateway", [...command, ...ownCommand("run", ...own)]);
    this.#hub.on("line", (line) => {
      this.#latest.hub = typeof line["classes"] === "object" ? line : this.#latest.hub;
    });
    this.#gateway.on("line", (line) => {
      if (line["event"] === "report" || line["event"] === "stopped") {
        this.#latest.gateway = line;
      }
    });
  }

  /** Signs the settings and starts gateway and hub; resolves when the first item is at the hub, so devices must speak. */
  static async start(bench: BenchSite, options: GatewayRunOptions): Promise<GatewayRun> {
    const { site } = bench;
    await writeSignedSettings({
      authority: site.authority,
      gatewayDirectory: site.gatewayDirectory,
      gateway: GATEWAY,
      hubKeys: site.hubKeys,
      settings: {
        authoring: false,
        broker: { url: `mqtts://127.0.0.1:${bench.proxyPort}`, serverName: BROKER_NAME },
        lines: options.lines,
        opcuaTrust: [],
        flows: options.flows,
      },
    });
    await writeFile(settingsOf(site), JSON.stringify({ ballastBytes: 0 }));
    const run = new GatewayRun(bench, options);
    try {
      await Promise.all([
        run.#hub.first(({ kind }) => kind === "ready", READY_MS),
        run.#gateway.first(({ event }) => event === "running", READY_MS),
      ]);
      await run.#hub.first((line) => typeof line["firstOpenedAt"] === "number", READY_MS);
    } catch (error) {
      await run.close();
      throw error;
    }
    return run;
  }

  /** Milliseconds from the gateway's start to the first item that the hub has committed. */
  get startMs(): number {
    return numberAt(this.#latest.hub, "firstOpenedAt") - this.#startedAt;
  }

  /** Proportional set sizes of the gateway's processes, from its last report (MB). */
  get memory(): Readonly<Record<string, number>> {
    return this.#memory;
  }

  /** Waits for the hub's next counters and looks at everything else in that moment. */
  async sample(): Promise<GatewaySample> {
    this.#bench.signal.throwIfAborted();
    await this.#hub.first((line) => typeof line["classes"] === "object", READY_MS);
    const at = performance.now();
    const { hub, gateway } = this.#latest;
    const pids = this.#allPids();
    const cpu = Object.fromEntries(
      Object.entries(pids).map(([name, pid]) => [name, cpuSeconds(pid)]),
    );
    const written = writtenBytes(pids["keeper"] ?? 0);
    this.#memory = memoryIn(gateway);
    const wire = await this.#bench.proxy.count();
    const bedside = valueAt(gateway, "rooms", "bedside", "stats");
    const classes = valueAt(gateway, "rooms", "keeper", "stats", "classes");
    return {
      at,
      opened: perClass((name) => numberAt(hub, "classes", name, "opened")),
      cpu,
      writtenBytes: written,
      wireBytes: numberAt(wire, "up") + numberAt(wire, "down"),
      withheld: perClass((name) => numberAt(bedside, "classes", name, "withheld")),
      evicted: perClass((name) => numberAt(bedside, "classes", name, "evicted")),
      unsettledMs: numberAt(bedside, "oldestUnsettledMs"),
      backlog: Object.keys(Object(classes)).reduce(
        (sum, name) => sum + numberAt(classes, name, "backlog", "batches"),
        0,
      ),
    };
  }

  /** Bytes of the outbox's files. */
  storeBytes(): Promise<number> {
    return directoryBytes(join(this.#bench.site.gatewayDirectory, "store"));
  }

  /** The batches of vital readings that the hub has committed since `since` (epoch milliseconds), in order. */
  commits(since: number): Commit[] {
    const database = new DatabaseSync(join(this.#bench.site.hubDirectory, "hub.sqlite"), {
      readOnly: true,
    });
    try {
      return database
        .prepare(
          `SELECT bytes, backlog, committed_at AS at FROM records JOIN chains ON chains.no = records.chain
           WHERE class = 'vital' AND committed_at >= ? ORDER BY id`,
        )
        .all(since)
        .flatMap(({ bytes, backlog, at }) =>
          bytes instanceof Uint8Array
            ? [
                {
                  at: Number(at),
                  isLive: backlog === 0,
                  ageMs: Number(at) - readRecord(bytes).header.firstAt,
                },
              ]
            : [],
        );
    } finally {
      database.close();
    }
  }

  /** Takes the broker out of reach, or gives it back. */
  reach(open: boolean): void {
    this.#bench.proxy.write({ open });
  }

  /** Ends everything in order and says what became of every item. */
  async finish(): Promise<Record<ClassName, ClassReport>> {
    await this.#gateway.stop(8000);
    await sleep(300);
    await this.#hub.stop(3000);
    const { gateway, hub } = this.#latest;
    return classReports({
      bedside: valueAt(gateway, "rooms", "bedside", "stats"),
      keeper: valueAt(gateway, "rooms", "keeper", "stats"),
      hub,
    });
  }

  async close(): Promise<void> {
    await this.#gateway.stop(6000);
    await this.#hub.stop(3000);
  }

  #allPids(): Record<string, number> {
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
      proxy: this.#bench.proxy.pid,
      ...this.#pids,
    };
  }
}

/** Where the gateway's settings are: without the ballast, which is written once and never again. */
function settingsOf({ gatewayDirectory }: Site): string {
  return `${gatewayDirectory}.json`;
}

function perClass(figure: (name: ClassName) => number): Record<ClassName, number> {
  const [notice, vital, trend, wave] = CLASSES.map(figure);
  return { notice: notice ?? 0, vital: vital ?? 0, trend: trend ?? 0, wave: wave ?? 0 };
}

function memoryIn(report: PartLine): Readonly<Record<string, number>> {
  return Object.fromEntries(
    GATEWAY_PROCESSES.map((name) => [name, numberAt(report, "memoryMb", name)]),
  );
}

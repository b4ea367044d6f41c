import { EventEmitter } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { demoFlow, type FlowDevice } from "../../flows/demo-flow.ts";
import { addConsole } from "../../provisioning/console.ts";
import { writeMosquittoConfig } from "../../provisioning/mosquitto.ts";
import { makeSite, type Site, writeSignedSettings } from "../../provisioning/site.ts";
import { driverOf } from "../devices/catalog.ts";
import { WardError } from "../errors.ts";
import { numberAt, textAt, valueAt } from "../json-value.ts";
import { CLASSES } from "../reading.ts";
import { aborted, ownCommand, Part, type PartLine } from "./child.ts";
import { freePort, untilListening } from "./ports.ts";
import { classReports, type DemoReport } from "./report.ts";
import type { DemoNumbers } from "./status-line.ts";
import { demoWards, type PlannedDevice, wardPlan } from "./ward-plan.ts";

/** How a demo is wanted. */
export interface DemoOptions {
  readonly beds: number;
  readonly seed: number;
  readonly broker: "embedded" | "mosquitto";
  /** 0: any free port. */
  readonly editorPort: number;
  /** Where to keep everything; null for a temporary directory that is removed at the end. */
  readonly directory: string | null;
}

interface DemoEvents {
  /** Something for people: one line. */
  say: [string];
  /** A part ended although nobody stopped it. */
  lost: [string];
}

const GATEWAY = "demo-gateway";
const HUB = "hub-demo";
const BROKER_NAME = "broker.demo";
const READY_MS = 60_000;

/**
 * A whole ward on one machine: simulated devices on real lines, broker, hub and gateway, each a process that runs the public
 * command. This starts them, listens to what they report, and ends them in order.
 */
export class Demo extends EventEmitter<DemoEvents> {
  readonly directory: string;
  readonly #options: DemoOptions;
  readonly #startedAt = Date.now();
  readonly #parts = new Map<string, Part>();
  readonly #commands = new Map<string, readonly string[]>();
  readonly #latest: Record<"gateway" | "hub", PartLine> = { gateway: {}, hub: {} };
  readonly #memory: Record<string, number> = {};
  readonly #down = new Set<string>();
  #readyMs = 0;
  #editorUrl = "";
  #stopping = false;
  #devices: readonly DemoDevice[] = [];

  private constructor(options: DemoOptions, directory: string) {
    super();
    this.#options = options;
    this.directory = directory;
  }

  /** Starts everything; resolves when readings flow. On failure nothing is left running. */
  static async open(
    options: DemoOptions,
    say: (text: string) => void,
    stop: AbortSignal = new AbortController().signal,
  ): Promise<Demo> {
    const directory = options.directory ?? (await mkdtemp(join(tmpdir(), "wardgate-demo-")));
    const demo = new Demo(options, directory);
    demo.on("say", say);
    try {
      await Promise.race([demo.#start(), aborted(stop)]);
    } catch (error) {
      await demo.close();
      throw error;
    }
    return demo;
  }

  /** The device ids on this ward, with where to read them. */
  get devices(): readonly DemoDevice[] {
    return this.#devices;
  }

  /** The editor's address with the newest one-time login. */
  get editorUrl(): string {
    return this.#editorUrl;
  }

  /** The last report line of a part. */
  latest(part: "gateway" | "hub"): PartLine {
    return this.#latest[part];
  }

  /** The process of a part, for tests; 0 when it is not running. */
  pid(part: string): number {
    const found = this.#parts.get(part);
    return found === undefined || found.ended ? 0 : found.pid;
  }

  /** Switches a fault of one simulated device. */
  setFault(device: string, fault: string, on: boolean): void {
    const found = this.#devices.find((each) => each.device === device);
    if (found !== undefined) {
      this.#parts.get(found.part)?.write({ line: found.line, fault, on });
    }
  }

  /** Ends one part as a power cut would. */
  kill(part: string): void {
    this.#down.add(part);
    this.#parts.get(part)?.killGroup();
  }

  /** Starts a killed part again, on the same ports and directories. */
  async restart(part: string): Promise<void> {
    const command = this.#commands.get(part);
    if (command !== undefined) {
      const isReady =
        part === "mosquitto" ? null : part === "gateway" ? isRunningLine : isReadyLine;
      await this.#run(part, command, isReady);
      this.#down.delete(part);
    }
  }

  numbers(): DemoNumbers {
    const gateway = this.#latest.gateway;
    const sum = (field: string): number =>
      CLASSES.reduce(
        (total, name) => total + numberAt(bedsideOf(gateway), "classes", name, field),
        0,
      );
    const keeper = keeperOf(gateway);
    const classes = Object.keys(valueAt(keeper, "classes") ?? {});
    const p99 = valueAt(this.#latest.hub, "latencyMs", "p99");
    const opened = CLASSES.reduce(
      (total, name) => total + numberAt(this.#latest.hub, "classes", name, "opened"),
      0,
    );
    return {
      seconds: (Date.now() - this.#startedAt) / 1000,
      taken: sum("taken"),
      stored: sum("stored"),
      forwarded: CLASSES.reduce(
        (total, name) => total + numberAt(keeper, "classes", name, "forwardedItems"),
        0,
      ),
      opened,
      backlog: classes.reduce(
        (total, name) => total + numberAt(keeper, "classes", name, "backlog", "batches"),
        0,
      ),
      p99: typeof p99 === "number" ? p99 : null,
      note: [...this.#down].map((part) => `${part} away`).join(", "),
    };
  }

  /** Ends everything in order and says what became of every reading. */
  async finish(): Promise<DemoReport> {
    this.#stopping = true;
    const seconds = Math.round((Date.now() - this.#startedAt) / 1000);
    await this.#parts.get("gateway")?.stop(6000);
    await this.#parts.get("hub")?.stop(3000);
    await this.close();
    const { gateway, hub } = this.#latest;
    const firstOpenedAt = valueAt(hub, "firstOpenedAt");
    return {
      seconds,
      classes: classReports({ bedside: bedsideOf(gateway), keeper: keeperOf(gateway), hub }),
      latencyMs: {
        p50: numberOrNull(valueAt(hub, "latencyMs", "p50")),
        p99: numberOrNull(valueAt(hub, "latencyMs", "p99")),
      },
      memoryMb: this.#memory,
      startMs: {
        ready: this.#readyMs,
        firstOpened: typeof firstOpenedAt === "number" ? firstOpenedAt - this.#startedAt : null,
      },
      beds: this.#options.beds,
      broker: this.#options.broker,
      restarts: Object.fromEntries(
        ["keeper", "bedside", "flowhost"].map((room) => [
          room,
          numberAt(gateway, "rooms", room, "restarts"),
        ]),
      ),
    };
  }

  /** Ends what still runs and removes what was temporary. */
  async close(): Promise<void> {
    this.#stopping = true;
    for (const name of ["gateway", "hub", "broker", "mosquitto"]) {
      await this.#parts.get(name)?.stop(3000);
    }
    await Promise.all([...this.#parts.values()].map((part) => part.stop(2000)));
    if (this.#options.directory === null) {
      await rm(this.directory, { recursive: true, force: true });
    }
  }

  async #start(): Promise<void> {
    this.emit("say", "Making keys and certificates ...");
    const site = await makeSite({
      directory: this.directory,
      gateway: GATEWAY,
      hub: HUB,
      brokerNames: [BROKER_NAME],
    });
    await addConsole(site.gatewayDirectory, ["localhost", "127.0.0.1"]);
    this.emit("say", "Starting broker and simulated devices ...");
    const [ports, devices, trust] = await Promise.all([
      this.#startBroker(site),
      this.#startDevices("devices", (planned) => planned.kind !== "opcua"),
      this.#startDevices("opcua", (planned) => planned.kind === "opcua"),
    ]);
    this.#devices = [...devices.devices, ...trust.devices];
    await this.#signSettings(site, ports.gatewayPort, [...devices.trust, ...trust.trust]);
    // Its keys lie in clear, and all is issued: nobody is to make a gateway with what a demo has left.
    await rm(site.caDirectory, { recursive: true });
    this.emit("say", "Starting hub and gateway ...");
    await this.#startHub(site, ports.hubPort);
    await this.#startGateway(site);
    this.#readyMs = Date.now() - this.#startedAt;
  }

  async #startBroker(site: Site): Promise<{ gatewayPort: number; hubPort: number }> {
    const [gatewayPort, hubPort] = [await freePort(), await freePort()];
    if (this.#options.broker === "mosquitto") {
      const { brokerDirectory: directory } = site;
      const config = await writeMosquittoConfig({ directory, gatewayPort, hubPort, hubs: [HUB] });
      await this.#run("mosquitto", ["mosquitto", "-c", config], null);
      await untilListening(gatewayPort);
    } else {
      const ports = ["--gateway-port", String(gatewayPort), "--hub-port", String(hubPort)];
      await this.#run(
        "broker",
        ownCommand("broker", "--directory", site.brokerDirectory, ...ports, "--json"),
        isReadyLine,
      );
    }
    return { gatewayPort, hubPort };
  }

  async #startDevices(
    part: string,
    wanted: (planned: PlannedDevice) => boolean,
  ): Promise<{ devices: DemoDevice[]; trust: string[] }> {
    const planned = wardPlan(this.#options.beds).filter(wanted);
    const words = planned.map(({ model, line }) => `${model}@${line}`);
    const ready = await this.#run(
      part,
      ownCommand(
        "simulate",
        ...words,
        "--until-stdin-ends",
        "--seed",
        String(this.#options.seed),
        "--json",
      ),
      isReadyLine,
    );
    const told = valueAt(ready, "devices");
    const lines = Array.isArray(told) ? told : [];
    const devices = planned.map((device, place) => ({
      ...device,
      part,
      line: textAt(lines[place], "line"),
      unit: numberOrNull(valueAt(lines[place], "unit")),
    }));
    const files = lines
      .map((line) => valueAt(line, "trust"))
      .filter((file) => typeof file === "string");
    return { devices, trust: await Promise.all(files.map((file) => readFile(file, "utf8"))) };
  }

  async #signSettings(
    site: Site,
    brokerPort: number,
    opcuaTrust: readonly string[],
  ): Promise<void> {
    await writeSignedSettings({
      authority: site.authority,
      gatewayDirectory: site.gatewayDirectory,
      gateway: GATEWAY,
      hubKeys: site.hubKeys,
      settings: {
        authoring: true,
        broker: { url: `mqtts://127.0.0.1:${brokerPort}`, serverName: BROKER_NAME },
        lines: [...new Set(this.#devices.map(({ line }) => line))],
        opcuaTrust,
        wards: demoWards(this.#devices),
        flows: demoFlow(this.#devices.map(flowDevice)).map((node) => ({ ...node })),
      },
    });
  }

  async #startHub(site: Site, hubPort: number): Promise<void> {
    const broker = `mqtts://127.0.0.1:${hubPort}`;
    const command = ownCommand(
      "hub",
      "--directory",
      site.hubDirectory,
      "--broker",
      broker,
      "--server-name",
      BROKER_NAME,
      "--json",
    );
    await this.#run("hub", command, isReadyLine);
  }

  async #startGateway(site: Site): Promise<void> {
    process.env["WARD_EDITOR_PORT"] = String(this.#options.editorPort);
    const command = ownCommand("run", "--data", site.gatewayDirectory, "--json");
    const running = await this.#run("gateway", command, isRunningLine);
    this.#editorUrl = textAt(running, "editor");
    this.emit("say", `Pages:    ${this.#editorUrl}   (works once)`);
    this.emit("say", `Readings: ${join(site.hubDirectory, "readings.ndjson")}`);
  }

  /** Starts one part and waits for the line that says it is ready, if it prints one. */
  async #run(
    name: string,
    command: readonly string[],
    isReady: ((line: PartLine) => boolean) | null,
  ): Promise<PartLine> {
    if (this.#stopping) {
      throw new WardError("WARD_STOPPED", "The demo is being stopped.");
    }
    this.#commands.set(name, command);
    const part = new Part(name, command);
    this.#parts.set(name, part);
    part.on("exit", () => {
      if (!this.#stopping && !this.#down.has(name)) {
        this.emit("lost", name);
      }
    });
    part.on("line", (line) => this.#heard(name, line));
    return isReady === null ? {} : part.first(isReady, READY_MS);
  }

  #heard(name: string, line: PartLine): void {
    if (name === "hub" && typeof line["classes"] === "object") {
      this.#latest.hub = line;
    }
    if (name !== "gateway") {
      return;
    }
    if (line["event"] === "report" || line["event"] === "stopped") {
      this.#latest.gateway = line;
      for (const [room, megabytes] of Object.entries(valueAt(line, "memoryMb") ?? {})) {
        this.#memory[room] = Math.max(this.#memory[room] ?? 0, Number(megabytes));
      }
    } else if (line["event"] === "notice") {
      this.emit("say", textAt(line, "text"));
    } else if (line["event"] === "login") {
      this.#editorUrl = textAt(line, "editor");
      this.emit("say", `Pages:    ${textAt(line, "editor")}   (the next login; works once)`);
    }
  }
}

/** A simulated device of the demo and where it is read. */
export interface DemoDevice extends PlannedDevice {
  readonly line: string;
  readonly unit: number | null;
  /** The part that simulates it. */
  readonly part: string;
}

function flowDevice({ device, model, line, unit }: DemoDevice): FlowDevice {
  return { device, model, line, unit, kind: driverOf(model)?.kind ?? "stream" };
}

function isReadyLine(line: PartLine): boolean {
  return line["kind"] === "ready" || line["event"] === "ready" || line["ready"] === true;
}

function isRunningLine(line: PartLine): boolean {
  return line["event"] === "running";
}

function bedsideOf(report: PartLine): unknown {
  return valueAt(report, "rooms", "bedside", "stats");
}

function keeperOf(report: PartLine): unknown {
  return valueAt(report, "rooms", "keeper", "stats");
}

function numberOrNull(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

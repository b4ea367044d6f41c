import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

import type { SimulatedFault } from "../devices/device.ts";
import { SIMULATED_FAULTS } from "../devices/device.ts";
import { errorText, WardError } from "../errors.ts";
import type { SimulatedDevice } from "../simulate/host.ts";
import { needSimulator, SIMULATORS } from "../simulate/registry.ts";
import { WARD_BEDS_MAX, wardPlan } from "../simulate/ward-plan.ts";
import type { Command, CommandIo } from "./command.ts";
import type { ReadyDevice } from "./ready-line.ts";
import { readyLine } from "./ready-line.ts";

const HELP = `wardgate simulate <model>[@LINE] [<model>[@LINE] ...] [options]
wardgate simulate --ward N [options]

Simulates bedside devices that speak their real protocol on lines of this machine. Prints one ready line with the
line URLs to read them from, then runs until it is stopped. Nothing is opened but the loopback.

  --ward N          a whole mixed ward of 1 to ${WARD_BEDS_MAX} beds in this process, with every model there is; the ready line suggests
                    a device id for each device
  --line LINE       line of models given without @LINE: pty, tcp, unix, udp, modbus-tcp, ..., or a URL such as
                    tcp://127.0.0.1:4001, unix:/tmp/port.sock, modbus-tcp://127.0.0.1:0 (port 0: any free one)
  --seed N          same seed, same simulated patients (default 1); each further device has a seed of its own
  --fault SPEC      NAME, NAME=on@SECONDS or NAME=off@SECONDS, also MODEL:NAME=...; may be repeated.
                    Names: ${SIMULATED_FAULTS.join(", ")}
  --until-stdin-ends  stop when stdin ends, so that the program which started it leaves nothing behind when it dies
  --json            print the ready line and what follows as JSON

While it runs, each line on stdin switches a fault: {"model":"masimo-ascii1","fault":"silence","on":true}
("line" with a line URL instead of "model" for one device; neither for all).
`;

/** `wardgate simulate`: simulated devices on real lines. */
export const command: Command = {
  summary: "simulate bedside devices on real lines",
  help: HELP,
  async run(args, io) {
    const options = readOptions(args);
    const devices: SimulatedDevice[] = [];
    const timers: NodeJS.Timeout[] = [];
    try {
      const ready: ReadyDevice[] = [];
      for (const { device, model, line, seed } of options.wanted) {
        const started = await needSimulator(model).start({ line, seed });
        devices.push(started);
        ready.push(readyDevice(started, device));
      }
      const count = `${ready.length} device${ready.length === 1 ? "" : "s"}`;
      io.stdout.write(readyLine(`simulating ${count}`, ready, options.json));
      for (const timed of options.faults) {
        timers.push(setTimeout(() => switchFault(devices, timed), timed.afterMs));
      }
      await untilStopped(io, options.untilStdinEnds, (text) => {
        obey(devices, text, io, options.json);
      });
    } finally {
      timers.forEach(clearTimeout);
      await Promise.all(devices.map((device) => device.close()));
    }
    return 0;
  },
};

interface Options {
  readonly wanted: readonly WantedDevice[];
  readonly faults: readonly (FaultSwitch & { readonly afterMs: number })[];
  readonly untilStdinEnds: boolean;
  readonly json: boolean;
}

interface WantedDevice {
  readonly device?: string;
  readonly model: string;
  readonly line: string;
  readonly seed: number;
}

/** Which fault to switch, and on which devices: one model, one line, or all. */
interface FaultSwitch {
  readonly model: string | null;
  readonly line: string | null;
  readonly fault: SimulatedFault;
  readonly on: boolean;
}

function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      line: { type: "string" },
      ward: { type: "string" },
      seed: { type: "string", default: "1" },
      fault: { type: "string", multiple: true, default: [] },
      "until-stdin-ends": { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  if (!/^\d{1,9}$/.test(values.seed)) {
    throw usage(`--seed ${values.seed} is no whole number`);
  }
  const seed = Number(values.seed);
  return {
    wanted:
      values.ward === undefined
        ? namedDevices(positionals, values.line, seed)
        : wardDevices(values.ward, positionals.length > 0 || values.line !== undefined, seed),
    faults: values.fault.map(parseFault),
    untilStdinEnds: values["until-stdin-ends"],
    json: values.json,
  };
}

function namedDevices(
  words: readonly string[],
  line: string | undefined,
  seed: number,
): WantedDevice[] {
  if (words.length === 0) {
    throw usage("name at least one model; wardgate devices list shows every model");
  }
  return words.map((word, place) => {
    const at = word.indexOf("@");
    const model = at === -1 ? word : word.slice(0, at);
    const given = at === -1 ? line : word.slice(at + 1);
    const usual = needSimulator(model).lines[0] ?? "tcp";
    return { model, line: given ?? usual, seed: seed + 101 * place };
  });
}

function wardDevices(beds: string, namesOthers: boolean, seed: number): readonly WantedDevice[] {
  if (!/^\d{1,3}$/.test(beds) || Number(beds) < 1 || Number(beds) > WARD_BEDS_MAX) {
    throw usage(`--ward ${beds} is no number of beds from 1 to ${WARD_BEDS_MAX}`);
  }
  if (namesOthers) {
    throw usage("--ward chooses models and lines itself, so name none");
  }
  return wardPlan(Number(beds), seed, SIMULATORS);
}

function parseFault(text: string): FaultSwitch & { afterMs: number } {
  const match = /^(?:([a-z0-9-]+):)?([a-z-]+)(?:=(on|off)(?:@(\d+(?:\.\d+)?))?)?$/.exec(text);
  const fault = SIMULATED_FAULTS.find((name) => name === match?.[2]);
  if (match === null || fault === undefined) {
    throw usage(
      `--fault ${text} is not NAME=on@SECONDS with one of ${SIMULATED_FAULTS.join(", ")}`,
    );
  }
  const afterMs = 1000 * Math.min(Number(match[4] ?? 0), AFTER_SECONDS_MAX);
  return { model: match[1] ?? null, line: null, fault, on: match[3] !== "off", afterMs };
}

/** A timer of Node.js cannot wait longer than 24.8 days. */
const AFTER_SECONDS_MAX = 2_000_000;

function readyDevice(
  { model, url, unit, trust }: SimulatedDevice,
  device: string | undefined,
): ReadyDevice {
  return {
    ...(device === undefined ? {} : { device }),
    model,
    line: url,
    unit,
    ...(trust === undefined ? {} : { trust }),
  };
}

function switchFault(devices: readonly SimulatedDevice[], wanted: FaultSwitch): number {
  const hit = devices.filter(
    ({ model, url }) =>
      (wanted.model === null || wanted.model === model) &&
      (wanted.line === null || wanted.line === url),
  );
  for (const device of hit) {
    device.setFault(wanted.fault, wanted.on);
  }
  return hit.length;
}

/** One line of stdin; what is wrong with it is told, nothing ends. */
function obey(
  devices: readonly SimulatedDevice[],
  text: string,
  io: CommandIo,
  json: boolean,
): void {
  if (text.trim() === "") {
    return;
  }
  try {
    const wanted = parseSwitch(text);
    const count = switchFault(devices, wanted);
    if (json) {
      io.stdout.write(`${JSON.stringify({ kind: "fault", ...wanted, devices: count })}\n`);
    }
  } catch (error) {
    io.stderr.write(`wardgate simulate: ${errorText(error)}\n`);
  }
}

function parseSwitch(text: string): FaultSwitch {
  const value = jsonOf(text);
  const fields: Readonly<Record<string, unknown>> =
    typeof value === "object" && value !== null ? { ...value } : {};
  const { model, line, fault, on } = fields;
  const known = SIMULATED_FAULTS.find((name) => name === fault);
  const textOrNull = (field: unknown): field is string | null | undefined =>
    field === undefined || field === null || typeof field === "string";
  if (known === undefined || typeof on !== "boolean" || !textOrNull(model) || !textOrNull(line)) {
    throw new WardError(
      "WARD_SIMULATE",
      `Cannot switch a fault: write {"model":"...","fault":"${SIMULATED_FAULTS.join("|")}","on":true}.`,
    );
  }
  return { model: model ?? null, line: line ?? null, fault: known, on };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

async function untilStopped(
  io: CommandIo,
  untilStdinEnds: boolean,
  onLine: (text: string) => void,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const lines = createInterface({ input: io.stdin });
  lines.on("line", onLine);
  if (untilStdinEnds) {
    lines.on("close", () => resolve());
  }
  if (io.stop.aborted) {
    resolve();
  }
  io.stop.addEventListener("abort", () => resolve(), { once: true });
  await promise;
  lines.close();
}

function usage(why: string): WardError {
  return new WardError("WARD_USAGE", `Cannot simulate: ${why}. See wardgate simulate --help.`);
}

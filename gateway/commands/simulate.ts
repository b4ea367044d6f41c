import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

import type { SimulatedFault } from "../devices/device.ts";
import { SIMULATED_FAULTS } from "../devices/device.ts";
import { errorText, WardError } from "../errors.ts";
import type { SimulatedDevice } from "../simulate/host.ts";
import { needSimulator, SIMULATORS } from "../simulate/registry.ts";
import type { Command, CommandIo } from "./command.ts";

const HELP = `wardgate simulate <model>[@LINE] [<model>[@LINE] ...] [options]

Simulates bedside devices that speak their real protocol on lines of this machine. Prints one ready line with the
line URLs to read them from, then runs until it is stopped. Nothing is opened but the loopback.

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
      for (const [place, { model, line }] of options.wanted.entries()) {
        devices.push(await start(model, line, options.seed + 101 * place));
      }
      io.stdout.write(readyLine(devices, options.json));
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
  readonly wanted: readonly { readonly model: string; readonly line: string }[];
  readonly seed: number;
  readonly faults: readonly (FaultSwitch & { readonly afterMs: number })[];
  readonly untilStdinEnds: boolean;
  readonly json: boolean;
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
      seed: { type: "string", default: "1" },
      fault: { type: "string", multiple: true, default: [] },
      "until-stdin-ends": { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  if (positionals.length === 0) {
    const models = SIMULATORS.map(({ model }) => model).join(", ");
    throw usage(`name at least one model of ${models}`);
  }
  if (!/^\d{1,9}$/.test(values.seed)) {
    throw usage(`--seed ${values.seed} is no whole number`);
  }
  return {
    wanted: positionals.map((word) => wantedOf(word, values.line)),
    seed: Number(values.seed),
    faults: values.fault.map(parseFault),
    untilStdinEnds: values["until-stdin-ends"],
    json: values.json,
  };
}

function wantedOf(word: string, line: string | undefined): { model: string; line: string } {
  const at = word.indexOf("@");
  const model = at === -1 ? word : word.slice(0, at);
  const given = at === -1 ? line : word.slice(at + 1);
  return { model, line: given ?? needSimulator(model).lines[0] ?? "tcp" };
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

function start(model: string, line: string, seed: number): Promise<SimulatedDevice> {
  return needSimulator(model).start({ line, seed });
}

function readyLine(devices: readonly SimulatedDevice[], json: boolean): string {
  const told = devices.map(({ model, url, unit, trust }) => ({
    model,
    line: url,
    unit,
    ...(trust === undefined ? {} : { trust }),
  }));
  if (json) {
    return `${JSON.stringify({ kind: "ready", line: told[0]?.line, devices: told })}\n`;
  }
  const lines = told.map(
    ({ model, line, unit, trust }) =>
      `  ${model}  ${line}${unit === null ? "" : `  unit ${unit}`}${trust === undefined ? "" : `  trust ${trust}`}`,
  );
  return `simulating ${told.length} device${told.length === 1 ? "" : "s"}:\n${lines.join("\n")}\n`;
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

import { writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import { Demo, type DemoOptions } from "../demo/demo.ts";
import type { DemoReport } from "../demo/report.ts";
import { StatusLine } from "../demo/status-line.ts";
import { BEDS_MAX, BEDS_MIN } from "../demo/ward-plan.ts";
import { errorText, WardError } from "../errors.ts";
import type { Command, CommandIo } from "./command.ts";

const help = `Usage: wardgate demo [--seconds N] [--beds N] [--report FILE] [--broker embedded|mosquitto] ...

Runs a whole ward on this machine: simulated bedside devices on real serial, Modbus and OPC-UA lines, the gateway, a broker
with mutual TLS, and the hub. Ctrl-C ends everything in order and leaves nothing behind.

  --seconds N       end by itself after N seconds (default: when you press Ctrl-C)
  --beds N          beds on the ward, ${BEDS_MIN} to ${BEDS_MAX} (default ${BEDS_MIN})
  --report FILE     write what became of every reading as JSON
  --broker NAME     embedded (default), or mosquitto (which must be installed)
  --editor-port N   port of the editor (default: any free one)
  --directory DIR   keep keys, outbox and readings here instead of in a temporary directory
  --seed N          same seed, same simulated patients (default 1)
  --quiet-bed       no rehearsed trouble (bed 2 falls silent for a while otherwise)
  --json            print the report on standard output
`;

/** `wardgate demo`. */
export const command: Command = { summary: "run a whole ward on this machine", help, run };

interface Wanted extends DemoOptions {
  readonly seconds: number | null;
  readonly report: string | null;
  readonly json: boolean;
  readonly trouble: boolean;
}

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const wanted = wantedOf(args);
  // A line that is rewritten in place takes commands to the terminal, which io lets none through.
  const shown = process.stdout.isTTY ? process.stdout : io.stdout;
  const out = wanted.json ? io.stderr : shown;
  const status = new StatusLine(out, () =>
    process.stdout.isTTY && !wanted.json ? process.stdout.columns : null,
  );
  if (wanted.report !== null) {
    await writeReport(wanted.report, {});
  }
  const demo = await Demo.open(wanted, (text) => status.say(text), io.stop).catch(
    (error: unknown) => {
      if (io.stop.aborted) {
        return null;
      }
      throw error;
    },
  );
  if (demo === null) {
    return 0;
  }
  const lost: string[] = [];
  demo.on("lost", (part) => lost.push(part));
  status.say(
    "For information only, not for monitoring or alarms. All devices are simulated. Ctrl-C ends the demo.",
  );
  const until = wanted.seconds === null ? Infinity : performance.now() + wanted.seconds * 1000;
  const trouble = wanted.trouble ? rehearseTrouble(demo) : [];
  while (!io.stop.aborted && lost.length === 0 && performance.now() < until) {
    status.show(demo.numbers());
    await sleep(Math.max(1, Math.min(SHOW_MS, until - performance.now())), undefined, {
      signal: io.stop,
    }).catch(() => undefined);
  }
  trouble.forEach((timer) => clearTimeout(timer));
  status.end();
  const report = await demo.finish();
  if (wanted.report !== null) {
    await writeReport(wanted.report, report);
  }
  if (wanted.json) {
    io.stdout.write(`${JSON.stringify(report)}\n`);
  }
  out.write(summary(report));
  if (lost.length > 0) {
    throw new WardError(
      "WARD_DEMO_PART",
      `Cannot go on with the demo: its ${lost.join(" and its ")} ended.`,
    );
  }
  return Object.values(report.classes).some(({ unaccounted }) => unaccounted !== 0) ? 1 : 0;
}

/** Also called before the start, so that a path that cannot be written is known then and not at the end. */
async function writeReport(file: string, report: object): Promise<void> {
  try {
    await writeFile(file, `${JSON.stringify(report, undefined, 2)}\n`);
  } catch (error) {
    throw new WardError("WARD_USAGE", `Cannot write the report ${file}: ${errorText(error)}.`, {
      cause: error,
    });
  }
}

const SHOW_MS = 500;
/** When bed 2 falls silent and comes back, so that a newcomer sees what the gateway says then. */
const SILENT_MS = 8000;
const BACK_MS = 16_000;
const SILENT_BED = "bed-2/monitor";

function rehearseTrouble(demo: Demo): NodeJS.Timeout[] {
  return [
    setTimeout(() => demo.setFault(SILENT_BED, "silence", true), SILENT_MS),
    setTimeout(() => demo.setFault(SILENT_BED, "silence", false), BACK_MS),
  ];
}

function wantedOf(args: readonly string[]): Wanted {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: "string" },
      beds: { type: "string", default: String(BEDS_MIN) },
      report: { type: "string" },
      broker: { type: "string", default: "embedded" },
      "editor-port": { type: "string", default: "0" },
      directory: { type: "string" },
      seed: { type: "string", default: "1" },
      "quiet-bed": { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  const { broker } = values;
  if (broker !== "embedded" && broker !== "mosquitto") {
    throw new WardError("WARD_USAGE", "Cannot run the demo: --broker is embedded or mosquitto.");
  }
  return {
    seconds: values.seconds === undefined ? null : whole("--seconds", values.seconds, 1, 1_000_000),
    beds: whole("--beds", values.beds, BEDS_MIN, BEDS_MAX),
    report: values.report ?? null,
    broker,
    editorPort: whole("--editor-port", values["editor-port"], 0, 65_535),
    directory: values.directory ?? null,
    seed: whole("--seed", values.seed, 0, 999_999_999),
    trouble: !values["quiet-bed"],
    json: values.json,
  };
}

function whole(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most) {
    throw new WardError(
      "WARD_USAGE",
      `Cannot run the demo: ${name} must be a whole number from ${least} to ${most}.`,
    );
  }
  return value;
}

function summary(report: DemoReport): string {
  const columns = [
    "taken",
    "withheld",
    "refused",
    "stored",
    "forwarded",
    "opened",
    "duplicates",
    "accounted",
    "unaccounted",
  ] as const;
  const rows = Object.entries(report.classes).map(([name, row]) =>
    [
      name.padEnd(8),
      ...columns.map((column) => row[column].toLocaleString("en-US").padStart(column.length + 1)),
    ].join(" "),
  );
  const head = ["class".padEnd(8), ...columns.map((column) => ` ${column}`)].join(" ");
  return `\n${head}\n${rows.join("\n")}\n`;
}

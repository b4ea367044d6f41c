import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { errorText, WardError } from "../../gateway/errors.ts";
import { goalTable } from "./goal.ts";
import { machineText, thisMachine } from "./machine.ts";
import { type MeasuredPart, writePages } from "./pages.ts";
import type { BenchContext, BenchPart } from "./part.ts";
import { PARTS } from "./parts.ts";
import { plainTable } from "./table.ts";

/**
 * `npm run bench`: the whole house and its parts, beside what is usual in their place, measured in one run on one machine.
 *
 *     npm run bench -- [--only PART,PART] [--seconds N] [--json FILE] [--write]
 *
 * `--only` measures some parts, `--seconds` is the length of a steady measurement (default 10), `--json` writes every number, `--write`
 * puts the tables into docs/benchmarks.md and the README, where parts that were not measured keep theirs. Exit code 1 when a reading is
 * unaccounted for or something could not be measured; a goal that is missed is no error.
 */
const SECONDS = 10;

process.exitCode = await main();

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      seconds: { type: "string", default: String(SECONDS) },
      json: { type: "string" },
      write: { type: "boolean", default: false },
    },
  });
  const seconds = Number(values.seconds);
  if (!Number.isInteger(seconds) || seconds < 2 || seconds > 600) {
    return wrongUsage("--seconds must be a whole number from 2 to 600");
  }
  const names = values.only?.split(",") ?? PARTS.map(({ name }) => name);
  const unknown = names.find((name) => PARTS.every((part) => part.name !== name));
  if (unknown !== undefined) {
    const known = PARTS.map(({ name }) => name).join(", ");
    return wrongUsage(`--only knows no part "${unknown}". Use ${known}.`);
  }
  const parts = PARTS.filter(({ name }) => names.includes(name));
  const measured = await measureAll(parts, seconds);
  if (values.json !== undefined) {
    await writeFile(values.json, `${JSON.stringify(figuresOf(measured), undefined, 2)}\n`);
  }
  if (values.write) {
    await writePages(measured);
  }
  const problems = measured.filter(({ report }) => (report.problem ?? null) !== null);
  return problems.length === 0 && measured.length === parts.length ? 0 : 1;
}

function wrongUsage(why: string): number {
  process.stderr.write(`bench: ${why}\n`);
  return 2;
}

/** Every part in turn, each told as soon as it is there; one that fails does not take the others with it. */
async function measureAll(parts: readonly BenchPart[], seconds: number): Promise<MeasuredPart[]> {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => stop.abort(new WardError("WARD_BENCH", `Stopped by ${signal}.`)));
  }
  const measured: MeasuredPart[] = [];
  for (const part of parts) {
    try {
      const one = await measurePart(part, {
        seconds,
        signal: stop.signal,
        earlier: resultsOf(measured),
      });
      process.stdout.write(`${textOf(one)}\n\n`);
      measured.push(one);
    } catch (error) {
      process.stderr.write(`bench: ${part.name}: ${errorText(error)}\n`);
    }
    if (stop.signal.aborted) {
      break;
    }
  }
  return measured;
}

async function measurePart(
  part: BenchPart,
  run: Pick<BenchContext, "seconds" | "signal" | "earlier">,
): Promise<MeasuredPart> {
  const machine = thisMachine();
  const directory = await mkdtemp(join(tmpdir(), `wardgate-bench-${part.name}-`));
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  try {
    const report = await part.measure({ ...run, directory, say });
    return { part, machine, report };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function resultsOf(measured: readonly MeasuredPart[]): ReadonlyMap<string, object> {
  return new Map(measured.map(({ part, report }) => [part.name, report.results]));
}

function textOf({ part, machine, report }: MeasuredPart): string {
  const { table, goals, notes, problem } = report;
  return [
    `${part.title}. ${machineText(machine)}.`,
    "",
    plainTable(table),
    "",
    ...(goals.length === 0 ? [] : [plainTable(goalTable(goals)), ""]),
    ...notes.map((note) => `- ${note}`),
    ...(typeof problem === "string" ? [`- ${problem}`] : []),
  ].join("\n");
}

function figuresOf(measured: readonly MeasuredPart[]): object {
  const entries = measured.map(
    ({ part, machine, report: { results, goals, problem = null } }) =>
      [part.name, { machine, results, goals, problem }] as const,
  );
  return Object.fromEntries(entries);
}

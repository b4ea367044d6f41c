import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { cpus, loadavg, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";

import { errorText, WardError } from "../../gateway/errors.ts";
import { openBenchSite } from "./bench-site.ts";
import { benchStock } from "./stock-bench.ts";
import {
  benchNotes,
  benchRows,
  type BenchResults,
  headlineRows,
  type Machine,
  machineText,
  markdownTable,
  plainTable,
} from "./table.ts";
import { benchWard, type WardResults } from "./ward-bench.ts";

/**
 * `npm run bench`: the whole house beside stock Node-RED, measured in one run on one machine.
 *
 *     npm run bench -- [--seconds N] [--json FILE] [--write]
 *
 * `--seconds` is the length of a phase (default 10), `--json` writes every number, `--write` puts the tables into
 * docs/benchmarks.md and the README. Exit code 1 when a reading is unaccounted for.
 */
const PACED = 1000;
const SECONDS = 10;

process.exitCode = await main();

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: String(SECONDS) },
      json: { type: "string" },
      write: { type: "boolean", default: false },
    },
  });
  const seconds = Number(values.seconds);
  if (!Number.isInteger(seconds) || seconds < 2 || seconds > 600) {
    process.stderr.write("bench: --seconds must be a whole number from 2 to 600\n");
    return 2;
  }
  try {
    const results = await measure(seconds);
    process.stdout.write(`${report(results)}\n`);
    if (values.json !== undefined) {
      await writeFile(values.json, `${JSON.stringify(results, undefined, 2)}\n`);
    }
    if (values.write) {
      await writeDocs(results);
    }
    return isComplete(results.ward) ? 0 : 1;
  } catch (error) {
    process.stderr.write(`bench: ${errorText(error)}\n`);
    return 1;
  }
}

async function measure(seconds: number): Promise<BenchResults> {
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  const about = machine();
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => stop.abort(new WardError("WARD_BENCH", `Stopped by ${signal}.`)));
  }
  const directory = await mkdtemp(join(tmpdir(), "wardgate-bench-"));
  try {
    const bench = await openBenchSite(directory, stop.signal);
    try {
      const load = { seconds, paced: PACED, say };
      const ward = await benchWard(bench, load);
      const stock = await benchStock(bench, load);
      return {
        machine: about,
        broker: bench.brokerKind === "embedded" ? "the embedded broker" : bench.brokerKind,
        secondsPerPhase: seconds,
        pacedReadingsPerSecond: PACED,
        ward,
        stock,
      };
    } finally {
      await bench.close();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** All that devices sent is at the hub or accounted for. */
function isComplete({ account, full }: WardResults): boolean {
  return account.unaccounted === 0 && account.sent === account.taken && full.evicted === 0;
}

function machine(): Machine {
  const [first] = cpus();
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: first?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release().replace(/-.*$/, ""),
    node: process.versions.node,
    loadAtStart: loadavg()[0] ?? 0,
  };
}

function report(results: BenchResults): string {
  const notes = benchNotes(results).map((note) => `- ${note}`);
  const head = `Wardgate beside stock Node-RED. ${machineText(results.machine)}`;
  return [head, "", plainTable(benchRows(results)), "", ...notes].join("\n");
}

async function writeDocs(results: BenchResults): Promise<void> {
  const at = (path: string): URL => new URL(`../../${path}`, import.meta.url);
  const notes = benchNotes(results).map((note) => `- ${note}`);
  const page = [
    "# Benchmarks",
    "",
    "Written by `npm run bench -- --write`. All of one table is measured in one run on one machine.",
    "",
    `${machineText(results.machine)}.`,
    "",
    markdownTable(benchRows(results)),
    "",
    ...notes,
    "",
  ];
  await writeFile(at("docs/benchmarks.md"), page.join("\n"));
  const readme = await readFile(at("README.md"), "utf8");
  const table = `<!-- bench:begin -->\n\n${markdownTable(headlineRows(results))}\n\n${machineText(results.machine)}.\n\n<!-- bench:end -->`;
  await writeFile(
    at("README.md"),
    readme.replace(/<!-- bench:begin -->.*<!-- bench:end -->/s, () => table),
  );
  // The formatter pads tables; a page that it would change fails the check of the next commit.
  await promisify(execFile)(fileURLToPath(at("node_modules/.bin/oxfmt")), [
    fileURLToPath(at("docs/benchmarks.md")),
    fileURLToPath(at("README.md")),
  ]);
}

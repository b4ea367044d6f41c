import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { promisify } from "node:util";

import { numberAt, textAt, valueAt } from "../../gateway/json-value.ts";

/**
 * The gateway's clock jumps by minutes and years, forward and back, while it works. `JUMPS=40 SEED=7 node --test
 * test/chaos/clock-jumps.test.ts` for a long run.
 */
const JUMPS = Number(process.env["JUMPS"] ?? 3);
const SEED = Number(process.env["SEED"] ?? 1);
const YEAR_S = 31_557_600;
const OFFSETS = [
  10 * YEAR_S,
  600,
  -50 * YEAR_S,
  -600,
  -3 * YEAR_S,
  60 * YEAR_S,
  0,
  -1,
  3600,
  2 * YEAR_S,
];
const why = process.getuid?.() === 0 ? null : "needs root (a mount namespace)";

test(
  `${JUMPS} jumps of the gateway's clock (from ${SEED}): nothing is lost, doubled or left unexplained`,
  { timeout: 120_000 + JUMPS * 30_000, skip: why ?? false },
  async () => {
    const root = mkdtempSync(join(tmpdir(), "wardgate-clock-"));
    const startedAt = Date.now();
    try {
      const offsetFile = join(root, "offset");
      writeFileSync(offsetFile, Buffer.alloc(8));
      const library = join(root, "wrong-clock.so");
      const source = join(import.meta.dirname, "wrong-clock.c");
      execFileSync("gcc", [
        "-shared",
        "-fPIC",
        "-O2",
        `-DOFFSET_FILE="${offsetFile}"`,
        "-o",
        library,
        source,
      ]);
      mkdirSync(join(root, "etc"));
      writeFileSync(join(root, "etc", "ld.so.preload"), `${library}\n`);
      const offsets = Array.from(
        { length: JUMPS },
        (_, place) => OFFSETS[(place + SEED - 1) % OFFSETS.length],
      );
      const imports = process.execArgv.filter((option) => option.startsWith("--import"));
      const house = join(import.meta.dirname, "clock-house.ts");
      // An /etc with one file more, for these processes only.
      const script = `mount -t overlay overlay -o "lowerdir=${root}/etc:/etc" /etc && exec "$@"`;
      const { stdout } = await promisify(execFile)("unshare", [
        "-m",
        "--propagation",
        "private",
        "sh",
        "-c",
        script,
        "sh",
        process.execPath,
        ...imports,
        house,
        offsetFile,
        join(root, "ward"),
        ...offsets.map(String),
      ]);
      const result: unknown = JSON.parse(stdout);
      process.stdout.write(
        `# ${JUMPS} jumps: ${JSON.stringify(valueAt(result, "totals"))} ${JSON.stringify(valueAt(result, "reasons"))}\n`,
      );
      assert.equal(numberAt(result, "totals", "unaccounted"), 0, stdout);
      assert.deepEqual(valueAt(result, "restarts"), [0, 0, 0], "no room fell over");
      assertSaneChains(valueAt(result, "chains"));
      assertTimesSeen(textAt(result, "readings"));
      assertTimesCorrected(textAt(result, "readings"), startedAt);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  },
);

/** The sealed records of every class came without a hole or a break. */
function assertSaneChains(chains: unknown): void {
  assert.ok(Array.isArray(chains) && chains.length > 0);
  for (const chain of chains) {
    assert.equal(numberAt(chain, "missing"), 0, JSON.stringify(chain));
    assert.equal(valueAt(chain, "broken"), false, JSON.stringify(chain));
  }
}

/** The clock was right in the end, so every reading's time can be put right: it was taken while this test ran. */
function assertTimesCorrected(file: string, startedAt: number): void {
  const lines = linesOf(file);
  const endedAt = Date.now();
  const sets = lines.flatMap((line, place) =>
    valueAt(line, "notice") === "clock-set" ? [{ line, place }] : [],
  );
  const last = new Map<string, number>();
  const readings = lines
    .flatMap((line, place) => (valueAt(line, "kind") === "reading" ? [{ line, place }] : []))
    .toSorted((a, b) => numberAt(a.line, "take") - numberAt(b.line, "take"));
  for (const { line, place } of readings) {
    const run = runOf(line);
    const take = numberAt(line, "take");
    const known = numberAt(line, valueAt(line, "atCorrected") === undefined ? "at" : "atCorrected");
    const at = sets
      .filter(
        (set) => set.place > place && run === runOf(set.line) && numberAt(set.line, "take") > take,
      )
      .reduce((sum, set) => sum + numberAt(set.line, "at") - numberAt(set.line, "since"), known);
    const context = `${JSON.stringify(line)}: ${new Date(at).toISOString()}`;
    assert.ok(at >= startedAt - TOLERANCE_MS && at <= endedAt + TOLERANCE_MS, context);
    const before = last.get(run);
    assert.ok(at >= (before ?? at) - TOLERANCE_MS, `reordered: ${context}`);
    last.set(run, at);
  }
}

/** Steps below a quarter of a second are not told, and there are a few. */
const TOLERANCE_MS = 2000;

function runOf(line: unknown): string {
  return `${textAt(line, "device")} ${textAt(line, "boot")}`;
}

function linesOf(file: string): unknown[] {
  return readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line): unknown => JSON.parse(line));
}

/** The clock really was wrong: readings say so. */
function assertTimesSeen(file: string): void {
  const times = linesOf(file)
    .filter((item) => textAt(item, "kind") === "reading")
    .map((item) => numberAt(item, "at"));
  assert.ok(Math.max(...times) - Math.min(...times) > YEAR_S * 1000, "the clock did not jump");
}

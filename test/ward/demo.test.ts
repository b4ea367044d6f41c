import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import type { DemoReport } from "../../gateway/demo/report.ts";
import { CLASSES } from "../../gateway/reading.ts";

const WARDGATE = join(import.meta.dirname, "..", "..", "wardgate");

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly ms: number;
}

/** Runs the public command in a temporary directory of its own; `act` is called with every piece of output. */
async function demo(
  args: readonly string[],
  temporary: string,
  act: (out: string, kill: (signal: NodeJS.Signals) => void) => void = () => undefined,
): Promise<Ended> {
  const child = spawn(WARDGATE, ["demo", ...args], { env: { ...process.env, TMPDIR: temporary } });
  let out = "";
  let killedAt = Date.now();
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
    act(out, (signal) => {
      killedAt = Date.now();
      child.kill(signal);
    });
  });
  child.stderr.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  const [code] = await once(child, "exit");
  return { code: Number(code), out, ms: Date.now() - killedAt };
}

test("two demos side by side: every class, all three kinds of line, nothing unaccounted; one ends by itself and one by Ctrl-C, in order within 5 seconds, and leave no process and no file", async () => {
  const places = await Promise.all(
    ["a", "b"].map((name) => mkdtemp(join(tmpdir(), `ward-${name}-`))),
  );
  const [first = "", second = ""] = places;
  try {
    const reportOf = (place: string): string => join(place, "report.json");
    const alone = demo(["--seconds", "20", "--report", reportOf(first)], first);
    let isRunning = false;
    const authorities = Promise.withResolvers<readonly string[]>();
    const interrupted = demo(["--report", reportOf(second)], second, (out, kill) => {
      if (!isRunning && /not for monitoring/.test(out)) {
        isRunning = true;
        authorities.resolve(globSync(join(second, "*", "ca")));
        void alone.then(() => kill("SIGINT"));
      }
    });
    for (const { code, out } of await Promise.all([alone, interrupted])) {
      assert.equal(code, 0, out);
      assert.match(out, /https:\/\/localhost:\d+\/login\?token=/);
      assert.match(out, /not for monitoring or alarms/);
    }
    const { ms } = await interrupted;
    assert.ok(ms < 6000, `took ${ms} ms`);
    assert.deepEqual(
      await authorities.promise,
      [],
      "the authority's keys are gone when all is issued",
    );
    for (const place of places) {
      assertWhole(JSON.parse(await readFile(reportOf(place), "utf8")));
      assert.deepEqual(await readdir(place), ["report.json"]);
      assert.deepEqual(await processesWith(place), []);
    }
  } finally {
    await Promise.all(places.map((place) => rm(place, { recursive: true, force: true })));
  }
});

function assertWhole(report: DemoReport): void {
  for (const name of CLASSES) {
    const row = report.classes[name];
    assert.ok(row.taken > 0, `${name} was taken`);
    assert.equal(row.unaccounted, 0, `${name}: ${JSON.stringify(row)}`);
    assert.equal(row.opened + row.withheld + row.refused + row.accounted, row.taken);
  }
  assert.ok(report.beds >= 6);
  assert.ok((report.latencyMs.p99 ?? Infinity) < 10_000);
  for (const room of ["main", "bedside", "flowhost", "keeper"]) {
    assert.ok((report.memoryMb[room] ?? 0) > 0, `memory of ${room}`);
  }
  assert.ok(report.startMs.ready > 0 && (report.startMs.firstOpened ?? 0) > 0);
}

/** Command lines of processes that mention a directory. */
async function processesWith(directory: string): Promise<string[]> {
  const ids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    ids.map((id) => readFile(`/proc/${id}/cmdline`, "utf8").catch(() => "")),
  );
  return lines.filter((line) => line.includes(directory));
}

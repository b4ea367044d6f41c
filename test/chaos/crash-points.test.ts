import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";

import { randomOf } from "../../gateway/devices/simulator.ts";
import { Checker, type Checked } from "./checker.ts";
import { DISK_MODELS, ModelDisk, type DiskModel } from "./disk-models.ts";
import { readTrace, straceInto, type DiskStep } from "./disk-trace.ts";
import { Oracle } from "./oracle.ts";
import { Worker } from "./worker.ts";

/**
 * Power cuts, replayed: every change that an outbox makes to its files is recorded, together with what it acknowledged. Then
 * the power is cut at many points, and for each a file system of three kinds decides what is left. The oracle is the record
 * of acknowledgements. `POINTS=600 SEED=7 node --test test/chaos/crash-points.test.ts` for a long run.
 */
const POINTS = Number(process.env["POINTS"] ?? 12);
const SEED = Number(process.env["SEED"] ?? 1);
/** The outbox is closed, or killed, and opened again so often while it is recorded. */
const RUNS = POINTS > 100 ? 8 : 3;
const RECORDS_A_RUN = 800;

test(
  `${POINTS} crash points on ${DISK_MODELS.length} file systems (seed ${SEED}): nothing acknowledged is lost`,
  { timeout: 60_000 + POINTS * 10_000 },
  async (t) => {
    const root = mkdtempSync(
      join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "wardgate-points-"),
    );
    const checker = new Checker();
    try {
      const steps = await record(t, join(root, "traced"));
      const random = randomOf(SEED);
      const points = choosePoints(steps, random);
      const disk = new ModelDisk(join(root, "traced"));
      const oracle = new Oracle();
      const outcomes: Outcome[] = [];
      for (const [place, step] of steps.entries()) {
        if (step.do === "begin") {
          disk.restart();
          oracle.begin();
        } else if (step.do === "said") {
          oracle.hear(step.line);
        } else {
          disk.take(step);
        }
        if (points.has(place)) {
          for (const model of DISK_MODELS) {
            const files = disk.cut(model, random);
            const checked = await checkCut(checker, root, files);
            outcomes.push({ model, place, ...judge(oracle.copy(), checked) });
          }
        }
      }
      report(outcomes, oracle.acknowledged);
      assert.deepEqual(oracle.wrongs, []);
      assert.deepEqual(
        outcomes.filter(({ wrongs }) => wrongs.length > 0).slice(0, 10),
        [],
        "a cut lost something",
      );
    } finally {
      await checker.close();
      rmSync(root, { recursive: true, force: true });
    }
  },
);

type Step = DiskStep | { readonly do: "begin" } | { readonly do: "said"; readonly line: string };

interface Outcome {
  readonly model: DiskModel;
  readonly place: number;
  readonly wrongs: readonly string[];
  readonly renewed: boolean;
  readonly restarts: number;
}

/** Runs the worker several times on one directory; every second time it is killed. */
async function record(t: TestContext, directory: string): Promise<Step[]> {
  mkdirSync(directory);
  const steps: Step[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    const file = `${directory}.trace`;
    const worker = new Worker(t, new Oracle(), {
      directory: join(directory, "store"),
      seed: SEED * RUNS + run,
      run: `r${run}`,
      recordsMax: RECORDS_A_RUN,
      room: run % 4 < 2 ? "tight" : "roomy",
      confined: true,
      end: run % 2 === 0 ? "kill" : "close",
      through: straceInto(file),
    });
    await worker.ended();
    steps.push({ do: "begin" });
    let said = "";
    for (const step of readTrace(file)) {
      if (step.do === "write" && step.fd === 1) {
        const lines = (said + step.bytes.toString("latin1")).split("\n");
        said = lines.pop() ?? "";
        steps.push(...lines.map((line) => ({ do: "said", line }) as const));
      } else {
        steps.push(step);
      }
    }
    rmSync(file);
  }
  return steps;
}

/** Half of them behind any change, half of them where names change: when the store opens, changes its log, compacts. */
function choosePoints(steps: readonly Step[], random: () => number): Set<number> {
  const disk = new ModelDisk(steps.length === 0 ? "" : commonRoot(steps));
  const all: number[] = [];
  const rare: number[] = [];
  for (const [place, step] of steps.entries()) {
    if (step.do === "begin") {
      disk.restart();
    } else if (step.do !== "said" && disk.take(step)) {
      (step.do === "write" || step.do === "sync" ? all : rare).push(place);
    }
  }
  const points = new Set<number>();
  while (points.size < Math.min(POINTS, all.length)) {
    const from = points.size % 2 === 0 && points.size < rare.length ? rare : all;
    points.add(from[Math.floor(random() * from.length)] ?? 0);
  }
  return points;
}

function commonRoot(steps: readonly Step[]): string {
  const opened = steps.find((step) => step.do === "open" && step.path.endsWith("/store/CURRENT"));
  return opened?.do === "open" ? dirname(dirname(opened.path)) : "";
}

async function checkCut(
  checker: Checker,
  root: string,
  files: ReadonlyMap<string, Buffer>,
): Promise<Checked> {
  const directory = join(root, "cut");
  mkdirSync(join(directory, "store"), { recursive: true });
  for (const [path, bytes] of files) {
    const file = join(directory, path.slice(root.length + "/traced".length));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }
  try {
    return await checker.check(join(directory, "store"));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function judge(oracle: Oracle, { lines, restarts }: Checked): Omit<Outcome, "model" | "place"> {
  oracle.begin();
  const words = lines.map((line) => oracle.hear(line));
  const failed = lines.filter((line) => line.startsWith("failed"));
  return { wrongs: [...oracle.wrongs, ...failed], renewed: words.includes("renewed"), restarts };
}

function report(outcomes: readonly Outcome[], acknowledged: number): void {
  for (const model of DISK_MODELS) {
    const some = outcomes.filter((outcome) => outcome.model === model);
    const lossy = some.filter(({ wrongs }) => wrongs.length > 0).length;
    const renewed = some.filter((outcome) => outcome.renewed).length;
    const restarts = some.reduce((sum, outcome) => sum + outcome.restarts, 0);
    process.stdout.write(
      `# ${model}: ${some.length} cuts in ${acknowledged} acknowledged records: ${lossy} lossy, ` +
        `${renewed} began a new store, ${restarts} further starts\n`,
    );
  }
}

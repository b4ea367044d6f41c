import assert from "node:assert/strict";
import { readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";

import { randomOf } from "../../gateway/devices/simulator.ts";
import { temporaryDirectory } from "../fakes/outbox-kit.ts";
import { Oracle } from "./oracle.ts";
import { Worker } from "./worker.ts";

/**
 * A disk that fails for a moment: some calls of the outbox end with EIO, ENOSPC and the like (by strace), also while it opens
 * and while it is repaired. It must stop acknowledging, lose nothing, and go on; then it is killed. `EPISODES=200 SEED=7 node
 * --test test/chaos/disk-errors.test.ts` for a long run.
 */
const EPISODES = Number(process.env["EPISODES"] ?? 4);
const SEED = Number(process.env["SEED"] ?? 1);
const RECORDS = 400;

/** Calls that fail, at one of the first so many of a thread; `files` only on LevelDB's files. */
const FAULTS = [
  { call: "fdatasync", error: "EIO", within: 12, files: false },
  { call: "write", error: "EIO", within: 400, files: true },
  { call: "read", error: "EIO", within: 12, files: true },
  { call: "write", error: "ENOSPC", within: 400, files: true },
  { call: "fsync", error: "EIO", within: 6, files: false },
  { call: "rename", error: "EIO", within: 5, files: false },
  { call: "openat", error: "EMFILE", within: 8, files: true },
] as const;

const timeout = 60_000 + EPISODES * 30_000;

test(
  `${EPISODES} runs on a failing disk (seed ${SEED}): nothing acknowledged is lost`,
  { timeout },
  async (t) => {
    const directory = temporaryDirectory(t);
    const random = randomOf(SEED);
    const oracle = new Oracle();
    const counts = { failed: 0, unopened: 0 };
    for (let episode = 0; episode < EPISODES; episode += 1) {
      await failingRun(t, { directory, episode, random, oracle, counts });
    }
    await goodRun(t, directory, oracle);
    assert.ok(counts.failed > EPISODES / 2, `only ${counts.failed} calls failed`);
    tell(`${EPISODES} runs`, counts, oracle);
  },
);

test(
  `${EPISODES} damaged stores opened on a failing disk (seed ${SEED}): nothing acknowledged is lost`,
  { timeout },
  async (t) => {
    const random = randomOf(SEED + 1);
    const counts = { failed: 0, unopened: 0 };
    const all = new Oracle();
    for (let episode = 0; episode < EPISODES; episode += 1) {
      const directory = temporaryDirectory(t);
      const oracle = new Oracle();
      const made = { directory, seed: SEED + episode, run: "made", recordsMax: RECORDS } as const;
      await new Worker(t, oracle, { ...made, end: "kill" }).ended();
      damage(directory, episode);
      await failingRun(t, { directory, episode, random, oracle, counts });
      await goodRun(t, directory, oracle);
      all.acknowledged += oracle.acknowledged;
      all.checked += oracle.checked;
      all.starts += oracle.starts;
    }
    assert.ok(counts.failed > EPISODES / 3, `only ${counts.failed} calls failed`);
    tell(`${EPISODES} damaged stores`, counts, all);
  },
);

interface Episode {
  readonly directory: string;
  readonly episode: number;
  readonly random: () => number;
  readonly oracle: Oracle;
  readonly counts: { failed: number; unopened: number };
}

async function failingRun(t: TestContext, run: Episode): Promise<void> {
  const { directory, episode, random, oracle, counts } = run;
  const fault = FAULTS[(episode + SEED - 1) % FAULTS.length] ?? FAULTS[0];
  const first = 1 + Math.floor(random() * fault.within);
  const last = first + Math.floor(random() * 3);
  const inject = `inject=${fault.call}:error=${fault.error}:when=${first}..${last}`;
  const log = `${directory}.calls`;
  const calls = ["-e", `trace=${fault.call}`, "-e", inject];
  const strace = ["strace", "-f", "--seccomp-bpf", "-qq", "-o", log, ...calls];
  const worker = new Worker(t, oracle, {
    directory,
    seed: SEED * EPISODES + episode,
    run: `r${episode}`,
    recordsMax: RECORDS,
    end: "kill",
    through: fault.files ? [...strace, ...pathsOf(directory)] : strace,
  });
  const { code } = await worker.ended();
  counts.failed += readFileSync(log, "latin1").split("(INJECTED)").length - 1;
  // A store that does not open in a few tries is given up until the next start; 137 is the kill that ends a run.
  counts.unopened += code === 4 ? 1 : 0;
  assert.ok(code === null || code === 4 || code === 137, `episode ${episode}: code ${code}`);
  assert.deepEqual(oracle.wrongs, [], `episode ${episode}: ${inject}`);
}

async function goodRun(t: TestContext, directory: string, oracle: Oracle): Promise<void> {
  const check = new Worker(t, oracle, { directory, seed: SEED, run: "last", recordsMax: 1 });
  assert.equal((await check.ended()).code, 0);
  assert.deepEqual(oracle.wrongs, []);
}

/** Harm that LevelDB's repair can make good without loss. */
function damage(directory: string, episode: number): void {
  if (episode % 3 === 0) {
    rmSync(join(directory, "CURRENT"));
    return;
  }
  const name = readdirSync(directory).find((each) => each.startsWith("MANIFEST-")) ?? "";
  const bytes = readFileSync(join(directory, name));
  bytes[20]! ^= 4;
  writeFileSync(join(directory, name), episode % 3 === 1 ? bytes : "");
}

/** The files that LevelDB will make, for strace to fail nothing else. */
function pathsOf(directory: string): string[] {
  const real = join(realpathSync(dirname(directory)), "store");
  return Array.from({ length: FILES }, (_, place) => String(place + 1).padStart(6, "0")).flatMap(
    (number) =>
      [`${number}.log`, `${number}.ldb`, `MANIFEST-${number}`].flatMap((name) => [
        "-P",
        join(real, name),
      ]),
  );
}

function tell(what: string, counts: Episode["counts"], oracle: Oracle): void {
  process.stdout.write(
    `# ${what}, ${counts.failed} failed calls, ${counts.unopened} not opened at once, ` +
      `${oracle.acknowledged} acknowledged, ${oracle.checked} looked for at ${oracle.starts} starts, 0 lost\n`,
  );
}

const FILES = 120;

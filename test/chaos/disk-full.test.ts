import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { randomOf } from "../../gateway/devices/simulator.ts";
import { Oracle } from "./oracle.ts";
import { cannotFill, SmallDisk } from "./small-disk.ts";
import { Worker } from "./worker.ts";

/**
 * Somebody else fills the disk under a working outbox, and frees it again. The outbox must stop acknowledging, lose nothing,
 * and go on by itself; then it is killed, so that what lies on the disk counts. `EPISODES=20 SEED=7 node --test
 * test/chaos/disk-full.test.ts` for a long run.
 */
const EPISODES = Number(process.env["EPISODES"] ?? 3);
const SEED = Number(process.env["SEED"] ?? 1);
const DISK_BYTES = 48 * 2 ** 20;
const why = cannotFill();

test(
  `${EPISODES} times no space left (seed ${SEED}): nothing acknowledged is lost, and it goes on by itself`,
  { timeout: 60_000 + EPISODES * 60_000, skip: why ?? false },
  async (t) => {
    const disk = SmallDisk.make(DISK_BYTES);
    const random = randomOf(SEED);
    const oracle = new Oracle();
    const directory = join(disk.mountPoint, "store");
    let slowest = 0;
    let troubled = 0;
    let opensFull = 0;
    let startsFull = 0;
    const startedWhenFull = async (seed: number, run: string): Promise<Worker> => {
      const worker = new Worker(t, oracle, { directory, seed, run });
      if (await worker.opens()) {
        opensFull += 1;
        return worker;
      }
      // It says so and ends; main would start it again and again until there is space.
      disk.free();
      return new Worker(t, oracle, { directory, seed, run: `${run}x` });
    };
    try {
      for (let episode = 0; episode < EPISODES; episode += 1) {
        const seed = SEED * EPISODES + episode;
        let worker = new Worker(t, oracle, { directory, seed, run: `r${episode}` });
        await worker.said("ack");
        await sleep(random() * 100);
        await disk.fill(
          () => worker.hasSaid("trouble") || worker.hasSaid("refused"),
          () => sleep(1),
        );
        await sleep(random() * 300);
        troubled += worker.hasSaid("trouble") ? 1 : 0;
        if (episode === 0 || random() < 0.4) {
          await worker.kill();
          startsFull += 1;
          worker = await startedWhenFull(seed + 0.5, `f${episode}`);
        }
        disk.free();
        const from = performance.now();
        await worker.says("ack");
        slowest = Math.max(slowest, performance.now() - from);
        await sleep(random() * 100);
        await worker.kill();
        assert.deepEqual(oracle.wrongs, [], `episode ${episode}`);
      }
      const last = new Worker(t, oracle, { directory, seed: SEED, run: "last", recordsMax: 1 });
      assert.equal((await last.ended()).code, 0);
    } finally {
      disk.remove();
    }
    assert.deepEqual(oracle.wrongs, []);
    process.stdout.write(
      `# ${EPISODES} times full (${troubled} to the last byte), ${oracle.acknowledged} acknowledged, ${oracle.checked} looked for, 0 lost; ` +
        `${opensFull} of ${startsFull} starts on the full disk opened; going on took ${Math.round(slowest)} ms at most\n`,
    );
  },
);
if (why !== null) {
  process.stdout.write(`# NO DISK WAS FILLED: this ${why}\n`);
}

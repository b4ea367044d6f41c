import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { randomOf } from "../../gateway/devices/simulator.ts";
import { cannotCut, CutDisk } from "./cut-disk.ts";
import { Oracle } from "./oracle.ts";
import { Worker } from "./worker.ts";

/**
 * The power of a disk is cut under an outbox that works hard, on ext4; of some disks all writes fail before that. The oracle is this process, whose memory lies
 * elsewhere. `CUTS=300 SEED=7 node --test test/chaos/power-cuts.test.ts` for a long run.
 */
const CUTS = Number(process.env["CUTS"] ?? 6);
const SEED = Number(process.env["SEED"] ?? 1);
const why = cannotCut();

test(
  `${CUTS} power cuts (seed ${SEED}): nothing acknowledged is lost, and the outbox opens`,
  { timeout: 60_000 + CUTS * 20_000, skip: why ?? false },
  async (t) => {
    const disk = CutDisk.make();
    const random = randomOf(SEED);
    const oracle = new Oracle();
    const directory = join(disk.mountPoint, "store");
    try {
      for (let cut = 0; cut < CUTS; cut += 1) {
        await disk.on();
        const worker = new Worker(t, oracle, {
          directory,
          seed: SEED * CUTS + cut,
          run: `r${cut}`,
        });
        const early = random() < 0.2;
        if (!early) {
          await worker.said("open");
        }
        await sleep(random() * 300);
        if (random() < 0.3) {
          disk.fail();
          await sleep(random() * 300);
        }
        await disk.cut();
        await worker.killWithoutDisk();
        await disk.off();
        assert.deepEqual(oracle.wrongs, [], `cut ${cut}`);
      }
      await disk.on();
      const last = new Worker(t, oracle, { directory, seed: SEED, run: "last", recordsMax: 1 });
      assert.equal((await last.ended()).code, 0);
    } finally {
      await disk.remove();
    }
    assert.deepEqual(oracle.wrongs, []);
    assert.ok(oracle.acknowledged > CUTS * 5, `only ${oracle.acknowledged} were acknowledged`);
    process.stdout.write(
      `# ${CUTS} power cuts, ${oracle.acknowledged} acknowledged, ${oracle.checked} looked for at ` +
        `${oracle.starts} starts, 0 lost\n`,
    );
  },
);
if (why !== null) {
  process.stdout.write(`# NO POWER WAS CUT: this ${why}\n`);
}

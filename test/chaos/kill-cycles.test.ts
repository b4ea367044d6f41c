import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { randomOf } from "../../gateway/devices/simulator.ts";
import { temporaryDirectory } from "../fakes/outbox-kit.ts";
import { Oracle } from "./oracle.ts";
import { Worker } from "./worker.ts";

/**
 * kill -9 of a process that puts, receipts, rejects and gives up, at any moment: also while it opens. The oracle is this process, which
 * hears the acknowledgements over a pipe. `CYCLES=1000 SEED=7 node --test test/chaos/kill-cycles.test.ts` for a long run.
 */
const CYCLES = Number(process.env["CYCLES"] ?? 20);
const SEED = Number(process.env["SEED"] ?? 1);

test(
  `${CYCLES} times kill -9 (seed ${SEED}): nothing acknowledged is lost, no number given twice`,
  { timeout: 60_000 + CYCLES * 5000 },
  async (t) => {
    const directory = temporaryDirectory(t);
    const random = randomOf(SEED);
    const oracle = new Oracle();
    let whileOpening = 0;
    for (let cycle = 0; cycle < CYCLES; cycle += 1) {
      const worker = new Worker(t, oracle, {
        directory,
        seed: SEED * CYCLES + cycle,
        run: `r${cycle}`,
        room: cycle % 3 === 2 ? "roomy" : "tight",
      });
      const early = random() < 0.25;
      if (!early) {
        await worker.said("open");
      }
      await sleep(early ? random() * 250 : random() ** 2 * 300);
      whileOpening += worker.hasSaid("open") || !early ? 0 : 1;
      await worker.kill();
      assert.deepEqual(oracle.wrongs, [], `cycle ${cycle}`);
    }
    const last = new Worker(t, oracle, { directory, seed: SEED, run: "last", recordsMax: 1 });
    assert.equal((await last.ended()).code, 0);
    assert.deepEqual(oracle.wrongs, []);
    assert.ok(oracle.acknowledged > CYCLES * 10, `only ${oracle.acknowledged} were acknowledged`);
    process.stdout.write(
      `# ${CYCLES} kills (${whileOpening} while opening), ${oracle.acknowledged} acknowledged, ` +
        `${oracle.accounted} given up and accounted for, ${oracle.checked} looked for at ${oracle.starts} starts, 0 lost\n`,
    );
  },
);

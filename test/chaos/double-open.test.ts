import assert from "node:assert/strict";
import { mkdirSync, readdirSync, symlinkSync, watch } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { randomOf } from "../../gateway/devices/simulator.ts";
import { openTestOutbox, readAll, temporaryDirectory } from "../fakes/outbox-kit.ts";
import { fakeBatch, fakeEpoch, fakeRecord, hex } from "../fakes/record-codec.ts";
import { Oracle } from "./oracle.ts";
import { Worker } from "./worker.ts";

/**
 * Two on one store. LevelDB's own lock falls when one process opens twice; then a second process gets in, and what the first
 * one writes is lost. `RACES=100 SEED=7 node --test test/chaos/double-open.test.ts` for a long run.
 */
const RACES = Number(process.env["RACES"] ?? 2);
const SEED = Number(process.env["SEED"] ?? 1);
const RACERS = 4;
const PUTS = 300;

test(`a second open in the same process, by any name, ${PUTS} puts long: refused, and no lock falls`, async (t) => {
  const directory = temporaryDirectory(t);
  const link = `${directory}-link`;
  symlinkSync(directory, link);
  const names = [directory, `${directory}/.`, link, relative(".", directory), `${link}/../store/`];
  const { outbox } = await openTestOutbox(directory);
  const epoch = hex("one");
  for (let count = 0; count < PUTS; count += 1) {
    const batches = [fakeBatch("vital", epoch, 1, `word-${count}`)];
    await outbox.put({ epochs: [fakeEpoch(epoch)], batches });
    const name = names[count % names.length] ?? directory;
    await assert.rejects(openTestOutbox(name), { code: "WARD_OUTBOX_TWICE" }, name);
    if (count % 60 === 30) {
      const second = new Worker(t, new Oracle(), {
        directory,
        seed: SEED,
        run: "b",
        recordsMax: 1,
      });
      assert.equal((await second.ended()).code, 4, "another process does not get in either");
      assert.ok(second.hasSaid("unopened"));
    }
  }
  await outbox.close();
  const again = await openTestOutbox(join(dirname(directory), "store"));
  const bodies = (await readAll(again.outbox)).map(({ bytes }) => fakeRecord(bytes).body);
  await again.outbox.close();
  assert.deepEqual(
    bodies,
    Array.from({ length: PUTS }, (_, count) => `word-${count}`),
  );
  process.stdout.write(
    `# ${PUTS} second opens and ${PUTS / 60} second processes refused, 0 lost\n`,
  );
});

test(
  `${RACES} races of ${RACERS} processes for one store (seed ${SEED}): one wins, nothing is lost`,
  { timeout: 60_000 + RACES * 30_000 },
  async (t) => {
    const directory = temporaryDirectory(t);
    const random = randomOf(SEED);
    const oracle = new Oracle();
    let refused = 0;
    for (let race = 0; race < RACES; race += 1) {
      const racers = Array.from({ length: RACERS }, (_, racer) => {
        const run = `r${race}x${racer}`;
        return new Worker(t, oracle, { directory, seed: SEED * RACES + race, run });
      });
      const winners = await openers(racers);
      assert.equal(winners.length, 1, `race ${race}`);
      await sleep(random() * 200);
      await winners[0]!.kill();
      refused += racers.length - 1;
      assert.deepEqual(oracle.wrongs, [], `race ${race}`);
    }
    const last = new Worker(t, oracle, { directory, seed: SEED, run: "last", recordsMax: 1 });
    assert.equal((await last.ended()).code, 0);
    assert.deepEqual(oracle.wrongs, []);
    process.stdout.write(
      `# ${RACES} races, ${refused} refused, ${oracle.acknowledged} acknowledged, 0 lost\n`,
    );
  },
);

test(
  `a process that comes while another one writes a table, ${RACES} times: refused, and it touches nothing`,
  { timeout: 60_000 + RACES * 30_000 },
  async (t) => {
    const directory = temporaryDirectory(t);
    mkdirSync(directory);
    const oracle = new Oracle();
    for (let round = 0; round < RACES; round += 1) {
      const first = new Worker(t, oracle, {
        directory,
        seed: SEED * RACES + round,
        run: `a${round}`,
      });
      await first.said("open");
      await tableBegun(directory);
      // It stands still with half a table on the disk: to anybody else that looks like damage.
      process.kill(first.pid, "SIGSTOP");
      const before = namesBeside(directory);
      for (let comer = 0; comer < COMERS; comer += 1) {
        const second = new Worker(t, new Oracle(), { directory, seed: 1, run: "b", recordsMax: 1 });
        assert.equal((await second.ended()).code, 4, `round ${round}: it got in`);
      }
      assert.deepEqual(namesBeside(directory), before, `round ${round}: something was moved`);
      process.kill(first.pid, "SIGCONT");
      await first.said("ack");
      await first.kill();
    }
    const last = new Worker(t, oracle, { directory, seed: SEED, run: "last", recordsMax: 1 });
    assert.equal((await last.ended()).code, 0);
    assert.deepEqual(oracle.wrongs, []);
    process.stdout.write(
      `# ${RACES * COMERS} processes refused at half a table, ${oracle.acknowledged} acknowledged, 0 lost\n`,
    );
  },
);

/** So many starts without a good end make the next one look at every table. */
const COMERS = 4;

function namesBeside(directory: string): string[] {
  return [...readdirSync(dirname(directory)), ...readdirSync(directory)].toSorted();
}

/** Resolves when a table appears: it is being written then. */
async function tableBegun(directory: string): Promise<void> {
  const begun = Promise.withResolvers<void>();
  const watcher = watch(directory, (_event, name) => {
    if (name?.endsWith(".ldb") === true) {
      begun.resolve();
    }
  });
  await begun.promise;
  watcher.close();
}

/** Those that have the store open, when all others have given up. */
async function openers(racers: readonly Worker[]): Promise<Worker[]> {
  const opened = await Promise.all(racers.map((racer) => racer.opens()));
  return racers.filter((_, place) => opened[place]);
}

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { randomOf } from "../../gateway/devices/simulator.ts";
import { readJournal } from "../../gateway/journal/audit.ts";
import { JournalFiles } from "../../gateway/journal/journal-files.ts";
import { isConsistent } from "../../gateway/journal/merkle.ts";
import { freshJournal, numbersIn, openJournal, OWNER } from "../fakes/journal-kit.ts";

/**
 * kill -9 of a process that appends as fast as it can to a journal in the tightest room, so that segments are begun and given
 * up all the time. `CYCLES=500 SEED=7 node --test test/chaos/journal-kills.test.ts` for a long run.
 */
const CYCLES = Number(process.env["CYCLES"] ?? 12);
const SEED = Number(process.env["SEED"] ?? 1);
const WRITER = fileURLToPath(new URL("../fakes/journal-writer.ts", import.meta.url));

test(
  `${CYCLES} times kill -9 (seed ${SEED}): no acknowledged entry is missing, the tree only grows`,
  { timeout: 60_000 + CYCLES * 5000 },
  async () => {
    const random = randomOf(SEED);
    const directory = freshJournal();
    let next = 0;
    let before = { size: 0, root: openJournal(directory).tree.root };
    let proven = 0;
    for (let cycle = 0; cycle < CYCLES; cycle += 1) {
      const together = 1 + Math.floor(random() * 180);
      const acknowledged = await killed(directory, { next, together, after: random() ** 2 * 40 });
      const journal = openJournal(directory, { bytesMax: 1 });
      const { tree } = journal;
      const { size, root } = tree;
      await journal.close();
      const numbers = numbersIn(directory);
      const [first = 0] = numbers;
      assert.deepEqual(
        numbers,
        numbers.map((_, place) => first + place),
        `cycle ${cycle}: a hole`,
      );
      const end = first + numbers.length;
      assert.ok(end >= acknowledged, `cycle ${cycle}: ${end} of ${acknowledged}`);
      // What was given up meanwhile can only be compared where a segment ends.
      const proof = await tree.consistency(before.size);
      const { size: old, root: oldRoot } = before;
      assert.ok(proof === null || isConsistent({ old, oldRoot, size, root, proof }));
      const { problems, restBytes } = readJournal(new JournalFiles(directory, OWNER));
      assert.deepEqual([problems, restBytes], [[], 0]);
      proven += proof === null ? 0 : 1;
      next = end;
      before = { size, root };
    }
    process.stdout.write(`# ${CYCLES} kills, ${next} entries, ${proven} trees proven, 0 lost\n`);
  },
);

/** Runs the writer, kills it after so many acknowledgements, and returns the number it had come to. */
async function killed(
  directory: string,
  o: { readonly next: number; readonly together: number; readonly after: number },
): Promise<number> {
  const args = [WRITER, directory, String(o.next), String(o.together), "1"];
  const child = spawn(process.execPath, [...process.execArgv, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let acknowledged = o.next;
  let heard = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged = Number(line);
    heard += 1;
    if (heard >= o.after) {
      child.kill("SIGKILL");
    }
  }
  return acknowledged;
}

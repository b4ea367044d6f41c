import assert from "node:assert/strict";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { randomOf } from "../../gateway/devices/simulator.ts";
import { openTestOutbox } from "../fakes/outbox-kit.ts";
import { fakeBatch, fakeEpoch, hex } from "../fakes/record-codec.ts";
import { Checker } from "./checker.ts";

/**
 * One bit of a store's files is turned over, then the store is opened. The oracle is what was written. `FLIPS=1000 SEED=7 node
 * --test test/chaos/bit-flips.test.ts` for a long run.
 */
const FLIPS = Number(process.env["FLIPS"] ?? 40);
const SEED = Number(process.env["SEED"] ?? 1);
const PUTS = 600;
/** What may go with one bit: a block of a table (4 KiB), in records of half a KB. */
const UNIT_RECORDS_MAX = 20;
const TAIL_BYTES = 16_384;
const INDEX_BYTES = 4096;

test(
  `${FLIPS} flipped bits (seed ${SEED}): nothing wrong is sent, the rest survives, what is gone is accounted for`,
  { timeout: 60_000 + FLIPS * 5000 },
  async () => {
    const memory = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
    const root = mkdtempSync(join(memory, "wardgate-flips-"));
    const checker = new Checker();
    try {
      const original = join(root, "original");
      const written = await writeStore(original);
      const random = randomOf(SEED);
      const outcomes: Outcome[] = [];
      for (let number = 0; number < FLIPS; number += 1) {
        const copy = join(root, `copy-${number}`);
        cpSync(original, copy, { recursive: true });
        const flip = flipBit(copy, random);
        const { lines, restarts } = await checker.check(copy);
        outcomes.push({ flip, restarts, ...judge(lines, written) });
        for (const name of readdirSync(root).filter((each) => each.startsWith("copy-"))) {
          rmSync(join(root, name), { recursive: true });
        }
      }
      report(outcomes);
      const faulty = outcomes.filter(({ faults }) => faults.length > 0);
      assert.deepEqual(faulty.slice(0, 10), [], `${faulty.length} flips did harm`);
    } finally {
      await checker.close();
      rmSync(root, { recursive: true, force: true });
    }
  },
);

interface Outcome {
  readonly flip: string;
  readonly restarts: number;
  readonly faults: readonly string[];
  readonly gone: number;
  readonly renewed: boolean;
}

/** Several tables and a log, all of one run: as a store that was opened some times. */
async function writeStore(directory: string): Promise<Map<string, string>> {
  const written = new Map<string, string>();
  for (let part = 0; part < 4; part += 1) {
    const { outbox } = await openTestOutbox(directory);
    const epoch = hex(`part ${part}`);
    for (let count = 0; count < PUTS / 4; count += 1) {
      const word = `f-${part}-${count}-0`;
      const body = `${word} ${"x".repeat(100 + ((count * 37) % 900))}`;
      const stored = await outbox.put({
        epochs: [fakeEpoch(epoch)],
        batches: [fakeBatch("vital", epoch, 1, body), fakeBatch("wave", epoch, 1, body)],
      });
      for (const record of stored) {
        written.set(`${record.class} ${outbox.storeId} ${record.sequence}`, word);
      }
    }
    await outbox.close();
  }
  return written;
}

/** Turns one bit over, of a file of a kind chosen at random; says which. */
function flipBit(directory: string, random: () => number): string {
  const names = readdirSync(directory);
  const dice = random();
  const kind =
    dice < 0.5 ? /\.ldb$/ : dice < 0.8 ? /\.log$/ : dice < 0.95 ? /^MANIFEST/ : /^CURRENT/;
  const some = names.filter((name) => kind.test(name));
  const name = some[Math.floor(random() * some.length)] ?? "CURRENT";
  const bytes = readFileSync(join(directory, name));
  // Hit often what is told apart from what a crash cut off, the end of the log; and the index of a table.
  const tail = dice < 0.15 ? INDEX_BYTES : dice > 0.65 && dice < 0.8 ? TAIL_BYTES : bytes.length;
  const from = Math.max(0, bytes.length - tail);
  const at = from + Math.floor(random() * (bytes.length - from));
  const bit = Math.floor(random() * 8);
  bytes[at]! ^= 1 << bit;
  writeFileSync(join(directory, name), bytes);
  return `${name}: byte ${at} of ${bytes.length}, bit ${bit}`;
}

function judge(
  lines: readonly string[],
  written: ReadonlyMap<string, string>,
): Pick<Outcome, "faults" | "gone" | "renewed"> {
  const found = new Map<string, string>();
  const accounted = new Set<string>();
  const faults = lines.filter((line) => /^(wrong|failed)/.test(line));
  for (const line of lines) {
    const [what, name = "", store = "", first = "", second = ""] = line.split(" ");
    if (what === "found" && name !== "gap") {
      found.set(`${name} ${store} ${first}`, second);
    } else if (what === "gap") {
      for (let sequence = Number(first); sequence <= Number(second); sequence += 1) {
        accounted.add(`${name} ${store} ${sequence}`);
      }
    }
  }
  for (const [place, word] of found) {
    if (word !== written.get(place)) {
      faults.push(`${place} is ${word}, ${written.get(place)} was written`);
    }
  }
  const gone = [...written.keys()].filter((place) => !found.has(place));
  const unnamed = gone.filter((place) => !accounted.has(place));
  if (unnamed.length > 0) {
    faults.push(`${unnamed.length} of ${gone.length} gone are not accounted for: ${unnamed[0]}`);
  }
  if (gone.length > UNIT_RECORDS_MAX) {
    faults.push(`${gone.length} are gone by one bit`);
  }
  return { faults, gone: gone.length, renewed: lines.includes("renewed") };
}

function report(outcomes: readonly Outcome[]): void {
  const count = (is: (outcome: Outcome) => boolean): number => outcomes.filter(is).length;
  const gone = outcomes.reduce((sum, outcome) => sum + outcome.gone, 0);
  const most = Math.max(...outcomes.map((outcome) => outcome.gone));
  process.stdout.write(
    `# ${outcomes.length} flips in a store of ${2 * PUTS} records: ${count(({ gone: some }) => some > 0)} cost records ` +
      `(${gone} in all, ${most} at most), ${count(({ renewed }) => renewed)} began a new store, ` +
      `${count(({ restarts }) => restarts > 0)} needed another start, ` +
      `${count(({ faults }) => faults.length > 0)} did unexplained harm\n`,
  );
}

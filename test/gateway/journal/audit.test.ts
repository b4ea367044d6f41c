import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import {
  copyFileSync,
  cpSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import fc from "fast-check";

import { verifyJournal } from "../../../gateway/commands/journal-verify.ts";
import { readJournal } from "../../../gateway/journal/audit.ts";
import { isSignedBy, readCheckpoint, signCheckpoint } from "../../../gateway/journal/checkpoint.ts";
import { JournalFiles } from "../../../gateway/journal/journal-files.ts";
import { SEGMENT_ENTRIES, SegmentSeal } from "../../../gateway/journal/segment.ts";
import { freshJournal, openJournal, OWNER, rejected, SIGNING } from "../../fakes/journal-kit.ts";

const PARTS = ["segment-00000000", "segment-00000001"] as const;

interface Kept {
  readonly directory: string;
  /** A file with the checkpoints that the hub has kept. */
  readonly hub: string;
}

/** A journal of a segment and a bit, with a checkpoint after every 300 entries. */
async function journalOf(first: number): Promise<Kept> {
  const directory = freshJournal();
  const journal = openJournal(directory);
  const notes: string[] = [];
  for (let done = 0; done < SEGMENT_ENTRIES; done += 300) {
    const some = Array.from({ length: 300 }, (_, place) => rejected(first + done + place));
    await Promise.all(some.map((event) => journal.append(event)));
    const { size, root } = journal.tree;
    notes.push(signCheckpoint({ gateway: "gw-001", size, root }, SIGNING.privateKey));
    journal.keepCheckpoint(notes.at(-1)!);
  }
  await journal.close();
  const hub = `${directory}.hub`;
  writeFileSync(hub, notes.map((note) => `${JSON.stringify({ note })}\n`).join(""));
  return { directory, hub };
}

function verified(directory: string, hub: string, key = SIGNING.publicKey) {
  const files = new JournalFiles(directory, OWNER);
  return verifyJournal({ gateway: "gw-001", files, key }, [hub]);
}

const made = journalOf(0);

/** A copy to damage, which goes when the test is over. */
async function copyOf(): Promise<Kept> {
  const { directory, hub } = await made;
  const copy = freshJournal();
  cpSync(directory, copy, { recursive: true });
  return { directory: copy, hub };
}

test("a journal as it was written fits every checkpoint", async () => {
  const { directory, hub } = await copyOf();
  const { problems, checkpoints, size, from } = await verified(directory, hub);
  assert.deepEqual(problems, []);
  assert.deepEqual([size, from, checkpoints.length], [1201, 0, 5]);
  assert.ok(checkpoints.every(({ verdict, signed }) => verdict === "same" && signed));
});

test("an entry that was rewritten with all keys is found, between two checkpoints", async () => {
  const { directory, hub } = await copyOf();
  const path = join(directory, PARTS[0]);
  const bytes = readFileSync(path);
  const seal = SegmentSeal.read(bytes, 0, OWNER);
  const { entries } = seal.open(bytes);
  const changed = entries.with(700, entries[9]!).map((entry, place) => seal.seal(place, entry));
  writeFileSync(path, Buffer.concat([seal.header, ...changed]));
  const withRoots = await verified(directory, hub);
  assert.match(withRoots.problems[0]!, /entries 0-1023 some are not those/);
  // The forger writes the roots and signs anew: then only what the hub has kept tells.
  rmSync(join(directory, "roots"));
  const again = openJournal(directory);
  const { size, root } = again.tree;
  again.keepCheckpoint(signCheckpoint({ gateway: "gw-001", size, root }, SIGNING.privateKey));
  await again.close();
  const { problems, rewritten } = await verified(directory, hub);
  assert.deepEqual(rewritten, { from: 601, to: 901 });
  assert.match(problems.join(), /rewritten: of entries 601-900 at least one is another/);
});

test("a journal that was cut off is told from where", async () => {
  const { directory, hub } = await copyOf();
  rmSync(join(directory, PARTS[1]));
  const { problems, cutFrom, size } = await verified(directory, hub);
  assert.deepEqual([size, cutFrom], [1024, 1201]);
  assert.match(problems.join(), /cut off: .*Entries 1024-1200 are missing/);
  const some = await copyOf();
  truncateSync(join(some.directory, PARTS[0]), 50_000);
  const inside = await verified(some.directory, some.hub);
  assert.match(inside.problems[0]!, /^Entries \d{3}-1023 are missing, or were changed\.$/);
});

test("segments that changed places are no segments", async () => {
  const { directory, hub } = await copyOf();
  const aside = join(directory, "aside");
  renameSync(join(directory, PARTS[0]), aside);
  renameSync(join(directory, PARTS[1]), join(directory, PARTS[0]));
  copyFileSync(aside, join(directory, PARTS[1]));
  const { problems } = await verified(directory, hub);
  assert.match(problems[0]!, /segment 0 of the journal: it is another one's/);
  assert.match(problems.join(), /Entries 0-1023 are missing/);
});

test("another whole journal in its place is good in itself, and found out by the hub's checkpoints", async () => {
  const { directory } = await journalOf(7);
  const alone = await verified(directory, join(directory, "checkpoint"));
  assert.deepEqual(alone.problems, []);
  const { hub } = await made;
  const { rewritten, problems } = await verified(directory, hub);
  assert.deepEqual(rewritten, { from: 0, to: 301 });
  assert.match(problems.join(), /rewritten: of entries 0-300/);
});

test("a checkpoint that another key has signed counts as such", async () => {
  const { directory, hub } = await copyOf();
  const stranger = createPrivateKey({
    key: Buffer.from(`302e020100300506032b657004220420${"11".repeat(32)}`, "hex"),
    format: "der",
    type: "pkcs8",
  });
  const [note] = readFileSync(hub, "utf8").split("\n");
  const { size, root } = readCheckpoint((JSON.parse(note!) as { note: string }).note);
  const forged = signCheckpoint({ gateway: "gw-001", size, root }, stranger);
  assert.ok(!isSignedBy(forged, SIGNING.publicKey));
  const file = `${directory}.forged`;
  writeFileSync(file, forged);
  const { problems } = await verified(directory, file);
  assert.match(problems.join(), /1 checkpoints are not signed by this gateway's key/);
});

test("whatever was changed on disk, it is looked at to the end, and found", async () => {
  const { directory, hub } = await copyOf();
  const whole = PARTS.map((name) => readFileSync(join(directory, name)));
  await fc.assert(
    fc.asyncProperty(
      fc.nat(1),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      async (part, at, bit) => {
        const bytes = Buffer.from(whole[part]!);
        bytes[at % bytes.length]! ^= bit;
        writeFileSync(join(directory, PARTS[part]!), bytes);
        const { problems } = await verified(directory, hub);
        assert.ok(problems.length > 0);
        writeFileSync(join(directory, PARTS[part]!), whole[part]!);
      },
    ),
    { numRuns: 5 },
  );
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), (text) => {
      assert.throws(() => readCheckpoint(text), { code: "WARD_JOURNAL_CHECKPOINT" });
    }),
  );
  assert.equal(readJournal(new JournalFiles(directory, OWNER)).problems.length, 0);
});

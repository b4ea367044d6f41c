import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createSecretKey } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import fc from "fast-check";

import { signCheckpoint } from "../../../gateway/journal/checkpoint.ts";
import { decodeEntry, encodeEntry } from "../../../gateway/journal/entry.ts";
import { type JournalEvent, parseJournalEvent } from "../../../gateway/journal/event.ts";
import { isConsistent, isIncluded, leafHash, rootOf } from "../../../gateway/journal/merkle.ts";
import { SEGMENT_ENTRIES, SegmentSeal } from "../../../gateway/journal/segment.ts";
import { toHex } from "../../../gateway/sealing/envelope.ts";
import {
  entriesIn,
  freshJournal,
  numbersIn,
  openJournal,
  OWNER,
  rejected,
  SIGNING,
} from "../../fakes/journal-kit.ts";

const SEGMENT = "segment-00000000";

async function fill(directory: string, from: number, to: number, bytesMax = 2 ** 25) {
  const journal = openJournal(directory, { bytesMax });
  const numbers = Array.from({ length: to - from }, (_, place) => from + place);
  for (let at = 0; at < numbers.length; at += 500) {
    const some = numbers.slice(at, at + 500);
    await Promise.all(some.map((number) => journal.append(rejected(number))));
  }
  return journal;
}

test("an entry is read back as it was written, and nothing else can be one", () => {
  const stamp = { at: 1, clock: "synchronised", boot: "00112233445566ff" } as const;
  const event: JournalEvent = {
    kind: "flows-deployed",
    who: "editor/ab12",
    outcome: "accepted",
    what: { document: "flows", before: "00".repeat(32), after: "ab".repeat(32) },
  };
  const bytes = encodeEntry(event, stamp);
  assert.deepEqual(decodeEntry(bytes), { ...event, ...stamp });
  const unfit: unknown[] = [
    { ...event, kind: "toString" },
    { ...event, who: "Dr. Who" },
    { ...event, outcome: "perhaps" },
    { ...event, text: "SpO2 98 %" },
    { ...event, what: { ...event.what, value: 98 } },
    { ...event, what: { ...event.what, document: "free text" } },
    { ...event, what: { document: "flows", before: "00".repeat(32) } },
    { ...rejected(1), what: { ...rejected(1).what, from: 1.5 } },
    {
      kind: "device-login",
      who: "local",
      outcome: "done",
      what: { line: "opc.tcp://user:secret@host:4840", change: "password" },
    },
  ];
  for (const value of unfit) {
    assert.throws(() => parseJournalEvent(value), { code: "WARD_JOURNAL_ENTRY" });
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(), fc.nat(255), (noise, at, byte) => {
      const damaged = Uint8Array.from(bytes);
      damaged[at % bytes.length] = byte;
      for (const input of [noise, damaged]) {
        try {
          const entry = decodeEntry(input);
          assert.equal(toHex(encodeEntry(entry, entry)), toHex(input));
        } catch (error) {
          assert.match(
            String((error as { code?: string }).code),
            /^WARD_(ENVELOPE|JOURNAL_ENTRY)$/,
          );
        }
      }
    }),
    { numRuns: 100 },
  );
});

test("what was appended is there after a new start, in order, and the tree goes on", async () => {
  const directory = freshJournal();
  const first = openJournal(directory);
  const numbers = await Promise.all([1, 2, 3].map((number) => first.append(rejected(number))));
  assert.deepEqual(numbers, [1, 2, 3]);
  await assert.rejects(first.append({ ...rejected(1), who: "?" }), {
    code: "WARD_JOURNAL_ENTRY",
  });
  const before = first.tree;
  await first.close();
  const second = openJournal(directory);
  assert.equal(second.lastHouse, null);
  assert.equal(toHex(second.tree.root), toHex(before.root));
  assert.equal(await second.append(rejected(4)), 4);
  const after = second.tree;
  const proof = await after.consistency(before.size);
  const roots = { old: 4, oldRoot: before.root, size: 5, root: after.root };
  assert.ok(proof !== null && isConsistent({ ...roots, proof }));
  await second.close();
  assert.deepEqual(numbersIn(directory), [1, 2, 3, 4]);
  assert.equal(entriesIn(directory)[0]?.kind, "journal-begun");
});

test("cut at any byte, the journal keeps every whole entry, says so, and goes on", async () => {
  const whole = freshJournal();
  const journal = openJournal(whole);
  for (const number of [1, 2]) {
    await journal.append(rejected(number));
  }
  await journal.close();
  const bytes = readFileSync(join(whole, SEGMENT));
  const seal = SegmentSeal.read(bytes, 0, OWNER);
  const ends = [0, 1, 2, 3].map((count) => {
    const next = count < 3 ? seal.open(bytes).entries.slice(0, count) : seal.open(bytes).entries;
    return 44 + next.reduce((sum, entry) => sum + 30 + entry.length, 0);
  });
  assert.equal(ends.at(-1), bytes.length);
  const directory = freshJournal();
  for (let length = 0; length <= bytes.length; length += 1) {
    mkdirSync(directory);
    writeFileSync(join(directory, SEGMENT), bytes.subarray(0, length));
    const cut = openJournal(directory);
    await cut.append(rejected(9));
    await cut.close();
    const kinds = entriesIn(directory).map(({ kind }) => kind);
    const kept = ends.filter((end) => end <= length).length - 1;
    const isClean = length < 44 || ends.includes(length);
    const expected = ["journal-begun", "record-rejected", "record-rejected"].slice(
      0,
      Math.max(0, kept),
    );
    const notes = [
      ...(isClean ? [] : ["journal-repaired"]),
      ...(kept <= 0 && isClean ? ["journal-begun"] : []),
    ];
    assert.deepEqual(kinds, [...expected, ...notes, "record-rejected"], `${length} bytes`);
    rmSync(directory, { recursive: true });
  }
});

test("whole segments become subtrees, the oldest go, and proofs of the rest hold", async () => {
  const directory = freshJournal();
  const early = await fill(directory, 0, 100);
  const old = early.tree;
  await early.close();
  const journal = await fill(directory, 100, 3 * SEGMENT_ENTRIES, 1);
  const { tree } = journal;
  const names = readdirSync(directory).filter((name) => name.startsWith("segment-"));
  assert.deepEqual(
    names,
    [2, 3].map((number) => `segment-0000000${number}`),
  );
  const dropped = entriesIn(directory).filter(({ kind }) => kind === "journal-dropped");
  assert.ok(dropped.length >= 1);
  for (const index of [2 * SEGMENT_ENTRIES + 7, tree.size - 1]) {
    const proof = await tree.inclusion(index, tree.size);
    const entries = entriesIn(directory);
    const entry = entries[index - 2 * SEGMENT_ENTRIES]!;
    const leaf = leafHash(encodeEntry(entry, entry));
    assert.ok(proof !== null);
    assert.ok(isIncluded({ index, size: tree.size, leaf, root: tree.root, proof }));
  }
  assert.equal(await tree.consistency(old.size), null, "its entries are gone");
  for (const at of [SEGMENT_ENTRIES, 2 * SEGMENT_ENTRIES + 3]) {
    const [oldRoot, proof] = [await tree.rootAt(at), await tree.consistency(at)];
    assert.ok(oldRoot !== null && proof !== null);
    assert.ok(isConsistent({ old: at, oldRoot, size: tree.size, root: tree.root, proof }));
  }
  await journal.close();
  const again = openJournal(directory);
  assert.equal(toHex(again.tree.root), toHex(tree.root));
  await again.close();
});

test("a page of it: the last entries, or those from a number on, over the end of a segment and of what is gone", async () => {
  const journal = await fill(freshJournal(), 0, SEGMENT_ENTRIES + 30);
  const { size } = journal.tree;
  const numbers = (from: number | null, count: number): number[] =>
    journal.page(from, count).entries.map(({ index }) => index);
  assert.deepEqual(numbers(null, 3), [size - 3, size - 2, size - 1]);
  assert.deepEqual(numbers(SEGMENT_ENTRIES - 1, 2), [SEGMENT_ENTRIES - 1, SEGMENT_ENTRIES]);
  assert.deepEqual(numbers(size + 5, 10), []);
  assert.equal(numbers(0, 5000).length, 200);
  assert.equal(journal.page(7, 1).entries[0]?.entry.kind, "record-rejected");
  await journal.close();
  const dropped = await fill(freshJournal(), 0, 3 * SEGMENT_ENTRIES, 1);
  assert.deepEqual(dropped.page(0, 10), { size: dropped.tree.size, entries: [] });
  await dropped.close();
});

test("lost roots are made anew from the entries; without either a new journal begins and says why", async () => {
  const directory = freshJournal();
  const journal = await fill(directory, 0, 2 * SEGMENT_ENTRIES + 5);
  const { root } = journal.tree;
  await journal.close();
  const rootsFile = join(directory, "roots");
  for (const length of [63, 32, 0]) {
    truncateSync(rootsFile, length);
    const again = openJournal(directory);
    assert.equal(toHex(again.tree.root), toHex(root));
    await again.close();
    assert.equal(readFileSync(rootsFile).length, 64);
  }
  unlinkSync(rootsFile);
  unlinkSync(join(directory, SEGMENT));
  const anew = openJournal(directory);
  await anew.append(rejected(1));
  await anew.close();
  const [begun] = entriesIn(directory);
  assert.deepEqual(begun?.kind === "journal-begun" && begun.what, { after: "damage" });
  const beside = readdirSync(dirname(directory));
  assert.ok(beside.some((name) => name.startsWith("journal.damaged-")));
});

test("another local key, or a swapped segment, is no torn end: nothing is cut", async () => {
  const directory = freshJournal();
  await (await fill(directory, 0, SEGMENT_ENTRIES + 9)).close();
  const bytes = [SEGMENT, "segment-00000001"].map((name) => readFileSync(join(directory, name)));
  const stranger = { ...OWNER, key: createSecretKey(Buffer.alloc(32, 8)) };
  assert.throws(() => SegmentSeal.read(bytes[0]!, 0, stranger), { code: "WARD_JOURNAL_DAMAGED" });
  assert.throws(() => SegmentSeal.read(bytes[1]!, 0, OWNER), { code: "WARD_JOURNAL_DAMAGED" });
  const journal = openJournal(directory, { owner: stranger });
  await journal.append(rejected(1));
  await journal.close();
  const aside = readdirSync(dirname(directory)).find((name) => name.includes("damaged-"));
  assert.deepEqual(readFileSync(join(dirname(directory), aside!, SEGMENT)), bytes[0]);
});

test("entries that were signed for and cannot be read are missed, and a copy is kept", async () => {
  const directory = freshJournal();
  const journal = await fill(directory, 0, 9);
  const { size, root } = journal.tree;
  journal.keepCheckpoint(signCheckpoint({ gateway: "gw-001", size, root }, SIGNING.privateKey));
  await journal.close();
  const path = join(directory, SEGMENT);
  const bytes = readFileSync(path);
  bytes[bytes.length - 200]! ^= 1;
  writeFileSync(path, bytes);
  const again = openJournal(directory);
  await again.append(rejected(9));
  await again.close();
  const damaged = entriesIn(directory).find(({ kind }) => kind === "journal-damaged");
  assert.equal(damaged?.kind === "journal-damaged" && damaged.what.to, size);
  assert.deepEqual(readFileSync(`${path}.damaged`), bytes);
});

test("a full disk: nothing is acknowledged, the error says so, and afterwards it goes on", async () => {
  const directory = freshJournal();
  const journal = openJournal(directory);
  symlinkSync("/dev/full", join(directory, SEGMENT));
  const appended = [1, 2].map((number) => journal.append(rejected(number)));
  for (const outcome of await Promise.allSettled(appended)) {
    assert.equal(outcome.status, "rejected");
    assert.match(
      String(outcome.status === "rejected" && outcome.reason),
      /Cannot write the journal: ENOSPC.*was not done/,
    );
  }
  assert.equal(journal.tree.size, 0);
  unlinkSync(join(directory, SEGMENT));
  assert.equal(await journal.append(rejected(3)), 1);
  await journal.close();
  assert.deepEqual(numbersIn(directory), [3]);
});

test("more at once than the journal takes is refused, and what it took is there", async () => {
  const directory = freshJournal();
  const journal = openJournal(directory);
  const many = Array.from({ length: 2050 }, (_, number) => journal.append(rejected(number)));
  const outcomes = await Promise.allSettled(many);
  const refused = outcomes.filter(({ status }) => status === "rejected");
  assert.ok(refused.length > 0 && refused.length <= 50, String(refused.length));
  assert.match(JSON.stringify(refused[0]), /WARD_JOURNAL_BUSY/);
  await journal.close();
  assert.equal(numbersIn(directory).length, 2050 - refused.length);
});

test("whatever lies in its files, a journal opens and goes on, or says that it cannot", async () => {
  const directory = freshJournal();
  const whole = freshJournal();
  await (await fill(whole, 0, SEGMENT_ENTRIES + 3)).close();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(SEGMENT, "segment-00000001", "roots"),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      fc.option(fc.nat()),
      async (name, changes, length) => {
        cpSync(whole, directory, { recursive: true });
        const bytes = readFileSync(join(directory, name));
        changes.forEach(([at, byte]) => (bytes[at % bytes.length] = byte));
        writeFileSync(
          join(directory, name),
          bytes.subarray(0, length === null ? bytes.length : length % (bytes.length + 1)),
        );
        const journal = openJournal(directory);
        const place = await journal.append(rejected(5));
        const { size, root } = journal.tree;
        assert.equal(place, size - 1);
        await journal.close();
        const again = openJournal(directory);
        assert.equal(toHex(again.tree.root), toHex(root));
        await again.close();
        rmSync(directory, { recursive: true });
      },
    ),
    { numRuns: 6 },
  );
});

test("kill -9 while appending: what was acknowledged is there", async () => {
  for (const acknowledged of [1, 40]) {
    const directory = freshJournal();
    const writer = fileURLToPath(new URL("../../fakes/journal-writer.ts", import.meta.url));
    const child = spawn(process.execPath, [...process.execArgv, writer, directory], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let said = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      said = Number(line);
      if (said >= 3 * acknowledged) {
        child.kill("SIGKILL");
      }
    }
    const journal = openJournal(directory);
    await journal.append(rejected(0));
    const { root } = journal.tree;
    await journal.close();
    assert.ok(existsSync(directory));
    const numbers = numbersIn(directory).slice(0, -1);
    assert.ok(numbers.length >= said, `${numbers.length} of ${said}`);
    assert.deepEqual(
      numbers,
      numbers.map((_, place) => place),
    );
    const leaves = entriesIn(directory).map((entry) => leafHash(encodeEntry(entry, entry)));
    assert.equal(toHex(rootOf(leaves)), toHex(root));
  }
});

import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";

import { readCheckpoint } from "../../../gateway/journal/checkpoint.ts";
import type { JournalEvent } from "../../../gateway/journal/event.ts";
import { isConsistent } from "../../../gateway/journal/merkle.ts";
import {
  type JournalMessage,
  readJournalMessage,
  writeJournalQuestion,
} from "../../../gateway/journal/message.ts";
import { Allowance } from "../../../gateway/keeper/allowance.ts";
import { JournalBook } from "../../../gateway/keeper/journal-book.ts";
import { JournalPost } from "../../../gateway/keeper/journal-post.ts";
import { entriesIn, freshJournal, OWNER, rejected, SIGNING } from "../../fakes/journal-kit.ts";

const REFUSED: JournalEvent = {
  kind: "login-refused",
  who: "editor",
  outcome: "refused",
  what: { reason: "unknown" },
};

function bookOf(directory: string): { book: JournalBook; trouble: unknown[] } {
  const trouble: unknown[] = [];
  const book = new JournalBook({
    dataDirectory: dirname(directory),
    owner: OWNER,
    bytesMax: 2 ** 25,
    now: Date.now,
    clock: () => "synchronised",
    written: () => undefined,
    trouble: (error) => trouble.push(error),
  });
  return { book, trouble };
}

test("an allowance fills again with time, and counts what it left out", () => {
  let now = 0;
  const allowance = new Allowance(2, 10, () => now);
  const taken = [0, 1, 5, 9, 10, 11, 29, 30, 1000, 1000, 1000].map((at) => {
    now = at;
    return allowance.take();
  });
  const [yes, no] = [true, false];
  assert.deepEqual(taken, [yes, yes, no, no, yes, no, yes, yes, yes, yes, no]);
  assert.equal(allowance.takeLeftOut(), 4);
  assert.equal(allowance.takeLeftOut(), 0);
});

test("strangers cannot fill the journal; other kinds are written on", async () => {
  const directory = freshJournal();
  const { book } = bookOf(directory);
  const answers = await Promise.all(
    Array.from({ length: 300 }, () => book.ask(`journal-append ${JSON.stringify(REFUSED)}`)),
  );
  assert.equal(answers.filter((answer) => "written" in answer).length, 20);
  assert.match(JSON.stringify(answers.at(-1)), /WARD_JOURNAL_BUSY/);
  await book.append(rejected(1));
  await book.close();
  assert.equal(entriesIn(directory).length, 1 + 20 + 1);
});

test("a journal that cannot be opened is told, tried again, and refuses in words", async () => {
  const directory = freshJournal();
  mkdirSync(dirname(directory), { recursive: true });
  writeFileSync(directory, "no directory");
  const { book, trouble } = bookOf(directory);
  assert.equal(trouble.length, 1);
  await assert.rejects(book.append(rejected(1)), { code: "WARD_JOURNAL_OPEN" });
  book.note(rejected(1));
  assert.match(JSON.stringify(await book.ask("journal-last")), /WARD_JOURNAL_OPEN/);
  assert.equal(trouble.length, 2);
  rmSync(directory);
  await book.append(rejected(2));
  assert.deepEqual(await book.ask("journal-last"), { kind: null });
  for (const nonsense of ["journal-append", "journal-append {", "journal-append 1", "journal-"]) {
    assert.ok("error" in (await book.ask(nonsense)), nonsense);
  }
  await book.close();
});

test("each checkpoint proves the last one that the broker took; a question is answered, one a second", async () => {
  const directory = freshJournal();
  const { book } = bookOf(directory);
  const sent: (JournalMessage & { retain: boolean })[] = [];
  let isUp = false;
  const post = new JournalPost({
    gateway: "gw-001",
    journal: () => book.journal,
    identity: { signingKey: SIGNING.privateKey, binding: new Uint8Array(9) },
    publish: async (topic, payload, retain) => {
      assert.equal(topic, "ward/v1/gw-001/journal");
      if (!isUp) {
        throw new Error("no connection");
      }
      sent.push({ ...readJournalMessage(payload), retain });
      return 0;
    },
    everyMs: 5,
    trouble: (error) => assert.fail(String(error)),
  });
  const sentAt = async (count: number): Promise<void> => {
    while (sent.length < count) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await book.append(rejected(1));
  post.changed();
  while (book.journal?.checkpoint === null) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(sent, [], "signed and kept without a connection");
  isUp = true;
  await book.append(rejected(2));
  post.up();
  await sentAt(1);
  await book.append(rejected(3));
  post.changed();
  await sentAt(2);
  post.asked(writeJournalQuestion({ size: 2, token: "00112233aabbccdd" }));
  post.asked(writeJournalQuestion({ size: 2, token: "ffffffffffffffff" }));
  await sentAt(3);
  await post.close();
  assert.deepEqual(
    sent.map(({ old, answer, retain, note }) => [old, answer, retain, readCheckpoint(note).size]),
    [
      [2, null, true, 3],
      [3, null, true, 4],
      [2, "00112233aabbccdd", false, 4],
      [4, null, true, 4],
    ],
  );
  const [first, second] = sent.map(({ note }) => readCheckpoint(note));
  const { old, proof } = sent[1]!;
  assert.ok(isConsistent({ ...second!, old, oldRoot: first!.root, proof }));
  await book.close();
});

import assert from "node:assert/strict";
import { test } from "node:test";

import { EGRESS_NOTICE } from "../../../gateway/egress.ts";
import { HouseJournal } from "../../../gateway/house/house-journal.ts";
import { isJournalEvent, type JournalEvent } from "../../../gateway/journal/event.ts";
import type { SignedSettings } from "../../../gateway/identity/signed-settings.ts";
import { readSettings } from "../../../gateway/settings.ts";

const SITE: SignedSettings = {
  version: 1,
  gateway: "gw-1",
  issuedAt: 1,
  authoring: true,
  recipients: [],
  receiptKey: "",
  broker: { url: "mqtts://127.0.0.1", serverName: "localhost" },
  lines: [],
  opcuaTrust: [],
  flows: [],
};

/** A keeper that is there or not. */
class FakeKeeper {
  isThere = true;
  last: string | null = null;
  readonly events: JournalEvent[] = [];
  readonly journal = new HouseJournal(readSettings({}, {}), (question) => this.#ask(question));

  async #ask(question: string): Promise<unknown> {
    if (!this.isThere) {
      throw new Error("not there");
    }
    if (question === "journal-last") {
      return { kind: this.last };
    }
    const event: unknown = JSON.parse(question.slice("journal-append ".length));
    assert.ok(isJournalEvent(event), question);
    this.events.push(event);
    return { written: true };
  }
}

test("how the run before ended is told at the start", async () => {
  for (const [last, before] of [
    [null, "none"],
    ["house-stopped", "stopped"],
    ["house-started", "cut-off"],
  ] as const) {
    const keeper = new FakeKeeper();
    keeper.last = last;
    await keeper.journal.began(SITE);
    await keeper.journal.flush();
    const [started, loaded] = keeper.events;
    assert.ok(started?.kind === "house-started" && started.what.before === before);
    assert.equal(loaded?.kind, "settings-loaded");
  }
});

test("a room that was about to call a stranger is written down, with whom; other notices are not", async () => {
  const keeper = new FakeKeeper();
  const text = (to: string): string =>
    `A part of this gateway was about to call ${to}, which it may not.`;
  for (const to of ["tcp://10.9.9.9:443", "udp://[fd00::9]:53", "unix:/run/x.sock", "nobody"]) {
    keeper.journal.heard("bedside", {
      device: "",
      notice: EGRESS_NOTICE,
      text: text(to),
      since: null,
    });
  }
  keeper.journal.heard("keeper", {
    device: "",
    notice: "other",
    text: text("tcp://x:1"),
    since: null,
  });
  await keeper.journal.flush();
  assert.deepEqual(
    keeper.events.map(({ kind, what }) => [kind, what]),
    ["tcp://10.9.9.9:443", "udp://[fd00::9]:53", "unix:/run/x.sock", "none:none"].map((to) => [
      "egress-refused",
      { room: "bedside", to },
    ]),
  );
});

test("why a room ended is a word and a code, never the words of an error", async () => {
  const keeper = new FakeKeeper();
  const ends = [
    ["did not answer for 10 s, SIGKILL", "hung none"],
    ["exit code 1", "exit-1 none"],
    ["SIGSEGV", "sigsegv none"],
    ["Cannot open: secret of patient 7 (WARD_VAULT_KEY), exit code 1", "exit-1 ward-vault-key"],
    ["password=hunter2 (no code), exit code 7", "exit-7 none"],
    ["anything", "unknown none"],
  ] as const;
  ends.forEach(([why]) => keeper.journal.roomEnded("flowhost", why));
  await keeper.journal.flush();
  assert.deepEqual(
    keeper.events.map((event) =>
      event.kind === "room-ended" ? `${event.what.reason} ${event.what.code}` : event.kind,
    ),
    ends.map(([, said]) => said),
  );
});

test("what happens without a keeper waits for one, bounded, and nothing is lost in silence", async () => {
  const keeper = new FakeKeeper();
  keeper.isThere = false;
  for (let count = 0; count < 205; count += 1) {
    keeper.journal.roomEnded("keeper", "exit code 1");
  }
  await assert.rejects(
    keeper.journal.append({ kind: "login-issued", who: "local", outcome: "accepted", what: {} }),
  );
  keeper.isThere = true;
  await keeper.journal.stopping();
  const kinds = Map.groupBy(keeper.events, ({ kind }) => kind);
  assert.equal(kinds.get("room-ended")?.length, 200);
  const [left] = kinds.get("journal-left-out") ?? [];
  assert.ok(left?.kind === "journal-left-out" && left.what.count === 6, "five ends, and the stop");
});

test("a keeper that refuses is an error, with its words", async () => {
  const refusing = new HouseJournal(readSettings({}, {}), async () => ({
    code: "WARD_JOURNAL_WRITE",
    error: "Cannot write the journal: the disk is full.",
  }));
  await assert.rejects(
    refusing.append({ kind: "house-stopped", who: "gateway", outcome: "done", what: {} }),
    { code: "WARD_JOURNAL_WRITE", message: /disk is full/ },
  );
  const starting = new HouseJournal(readSettings({}, {}), async () => null);
  await assert.rejects(
    starting.append({ kind: "house-stopped", who: "gateway", outcome: "done", what: {} }),
    { message: /the keeper is starting/ },
  );
  const answers: unknown[] = [];
  const event = {
    kind: "login",
    who: "editor",
    outcome: "accepted",
    what: { session: "00112233" },
  };
  assert.ok(isJournalEvent(event));
  await refusing.answer(
    { send: (message) => answers.push(message) },
    { t: "journal", id: 3, event },
  );
  assert.deepEqual(answers, [
    { t: "journaled", id: 3, problem: "Cannot write the journal: the disk is full." },
  ]);
});

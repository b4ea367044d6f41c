import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { finished } from "node:stream/promises";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { command } from "../../../gateway/commands/journal.ts";
import { noteLocally, noteUnderLock } from "../../../gateway/commands/journal-note.ts";
import { lockDataDirectory } from "../../../gateway/data-lock.ts";
import { isSignedBy } from "../../../gateway/journal/checkpoint.ts";
import { CurrentIdentity } from "../../../gateway/keeper/current-identity.ts";
import { JournalDesk } from "../../../gateway/keeper/journal-desk.ts";
import { parseKeeperConfig } from "../../../gateway/keeper/messages.ts";
import { readSettings } from "../../../gateway/settings.ts";
import { Hub } from "../../../hub/hub.ts";
import { readHubIdentity } from "../../../hub/hub-identity.ts";
import { STORE_FILE } from "../../../hub/desk.ts";
import { isProven } from "../../fakes/journal-verifier.ts";
import { TestKeeper, TestSite } from "../../fakes/keeper-kit.ts";

let site: TestSite;
before(async () => {
  site = await TestSite.make();
  await site.startBroker();
});
after(async () => await site.remove());

const ISSUED = { kind: "login-issued", who: "local/uid-0", outcome: "accepted", what: {} };
const QUICK = { journalCheckpointS: 1 };

async function append(keeper: TestKeeper, event: object = ISSUED): Promise<unknown> {
  return keeper.child.ask(`journal-append ${JSON.stringify(event)}`, 5000);
}

/** Size and verdict of what the hub has kept, when there is `verdict` among it. */
async function kept(verdict: string, size = 0): Promise<Record<string, unknown>[]> {
  for (;;) {
    const path = join(site.site.hubDirectory, STORE_FILE);
    const database = new DatabaseSync(path, { readOnly: true });
    const rows = database.prepare("SELECT * FROM checkpoints ORDER BY no").all();
    database.close();
    if (rows.some((row) => row["verdict"] === verdict && Number(row["size"]) >= size)) {
      return rows;
    }
    await sleep(50);
  }
}

async function journal(...args: string[]): Promise<{ code: number; text: string }> {
  const stdout = new PassThrough({ encoding: "utf8" });
  let text = "";
  stdout.on("data", (chunk: string) => (text += chunk));
  const stop = new AbortController().signal;
  const io = { stdout, stderr: stdout, stdin: process.stdin, stop };
  const data = ["--data", site.site.gatewayDirectory];
  const code = await command.run([...args, ...data], io);
  stdout.end();
  await finished(stdout);
  return { code, text };
}

test("what a gateway writes down is signed, published, kept by the hub, and a rewritten journal is found out", async (t) => {
  const notices: string[] = [];
  const stop = new AbortController();
  const directory = site.site.hubDirectory;
  const hub = await Hub.open({
    directory,
    identity: await readHubIdentity(directory),
    broker: { url: `mqtts://127.0.0.1:${site.hubPort}`, serverName: "localhost" },
    onNotice: (code) => notices.push(code),
  });
  const running = hub.run(stop.signal);
  t.after(async () => {
    stop.abort();
    await running;
  });
  const keeper = await TestKeeper.start(t, site, QUICK);
  assert.deepEqual(await append(keeper), { written: true });
  const refused = await append(keeper, { ...ISSUED, text: "SpO2 98 %" });
  assert.equal((refused as { code: string }).code, "WARD_JOURNAL_ENTRY");
  await kept("first", 2);
  for (let count = 0; count < 3; count += 1) {
    await append(keeper);
  }
  await keeper.child.stop(5000);
  const rows = await kept("consistent", 6);
  assert.deepEqual(notices, []);
  const file = join(site.directory, "checkpoints.ndjson");
  writeFileSync(file, rows.map((row) => `${JSON.stringify({ note: row["note"] })}\n`).join(""));

  const shown = await journal("show", "--kind", "login-issued", "--json");
  const lines = shown.text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { index: number });
  assert.deepEqual(
    lines.map(({ index }) => index),
    [2, 3, 4, 5],
  );
  const begun = await journal("show", "--kind", "identity-loaded");
  assert.match(begun.text, /identity-loaded done by gateway certificate=[0-9a-f]{64}/);
  const good = await journal("verify", "--checkpoint", file);
  assert.equal(good.code, 0, good.text);
  const proof = await journal("prove", "--entry", "3");
  const signingKey = join(site.site.gatewayDirectory, "identity/signing.key.pem");
  assert.ok(isProven(proof.text, signingKey));
  assert.ok(!isProven(proof.text.replace("index 3", "index 2"), signingKey));
  assert.ok(!isProven(proof.text.replace("\n6\n", "\n5\n"), signingKey));
  await assert.rejects(journal("prove", "--entry", "99"), { code: "WARD_JOURNAL_PROOF" });

  // Somebody with the card and all its keys begins another journal.
  rmSync(join(site.site.gatewayDirectory, "journal"), { recursive: true });
  const forger = await TestKeeper.start(t, site, QUICK);
  for (let count = 0; count < 9; count += 1) {
    await append(forger);
  }
  await kept("rewritten");
  await forger.child.stop(5000);
  assert.deepEqual(new Set(notices), new Set(["WARD_HUB_JOURNAL_REWRITTEN"]));
  const bad = await journal("verify", "--checkpoint", file);
  assert.equal(bad.code, 3);
  assert.match(bad.text, /The journal was rewritten: of entries 0-\d at least one is another/);
});

test("what somebody does with a command on a stopped gateway is written down, or refused", async () => {
  const { gatewayDirectory } = site.site;
  const what = { line: "opc.tcp://127.0.0.1:4840", change: "removed" };
  const event = { kind: "device-login", outcome: "accepted", what } as const;
  await noteLocally(gatewayDirectory, event);
  const shown = await journal("show", "--kind", "device-login");
  assert.match(
    shown.text,
    /device-login accepted by local\/uid-\d+ line=opc.tcp:\S+ change=removed/,
  );
  const lock = await lockDataDirectory(gatewayDirectory);
  await assert.rejects(noteLocally(gatewayDirectory, event), { code: "WARD_DATA_LOCKED" });
  const note = await noteUnderLock(gatewayDirectory, {
    kind: "wiped",
    outcome: "accepted",
    what: { keys: 7 },
  });
  const signer = new CurrentIdentity(gatewayDirectory).signingKey;
  assert.ok(note !== null && isSignedBy(note, createPublicKey(signer)));
  assert.equal(await noteUnderLock(site.directory, event), null, "no journal, and no new key");
  lock.release();
  const wiped = await journal("show", "--kind", "wiped");
  assert.match(wiped.text, /wiped accepted by local\/uid-\d+ keys=7/);
  await noteLocally(site.directory, event);
});

test("what the hub rejects is written down before it is done, or not done", async () => {
  const { gatewayDirectory } = site.site;
  rmSync(join(gatewayDirectory, "journal"), { recursive: true, force: true });
  const settings = readSettings({}, {});
  const config = { dataDirectory: gatewayDirectory, settings: site.settings, tuning: settings };
  const desk = new JournalDesk({
    config: parseKeeperConfig(config),
    identity: new CurrentIdentity(gatewayDirectory),
    now: Date.now,
    publish: async () => Promise.reject(new Error("no connection")),
    trouble: (error) => assert.fail(error),
  });
  const reject = (sequence: number) => ({ class: "wave" as const, sequence, reason: "open" });
  const rejects = [1, 2, 3, 7].map(reject);
  const news = { store: "00".repeat(8), ranges: [], rejects };
  assert.equal(await desk.mayBeDone(news), news);
  const shown = await journal("show", "--kind", "record-rejected");
  assert.match(
    shown.text,
    /class=wave store=0{16} from=1 to=3 reason=open\n.* from=7 to=7 reason=open\n$/,
  );
  const unfit = { ...news, store: "not hex" };
  assert.deepEqual(await desk.mayBeDone(unfit), { ...unfit, rejects: [] });
  await desk.close();
});

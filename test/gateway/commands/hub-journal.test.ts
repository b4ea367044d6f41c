import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { command } from "../../../gateway/commands/hub.ts";
import { STORE_FILE } from "../../../hub/desk.ts";
import { SqliteStore } from "../../../hub/sqlite-store.ts";
import { run, type Run } from "./wardgate.ts";

let directory: string;
let places = 0;
before(() => {
  directory = mkdtempSync(join(tmpdir(), "ward-hub-journal-"));
});
after(() => rmSync(directory, { recursive: true }));

async function seen(gateway: string, verdict: "first" | "rewritten"): Promise<void> {
  const store = SqliteStore.open(join(directory, STORE_FILE));
  places += 1;
  const root = Buffer.alloc(32, places);
  const line = verdict === "first" ? 0 : places;
  await store.checkpoints.add({ gateway, line, size: 5, root, verdict, seenAt: 1, note: "n" });
  assert.equal((await store.checkpoints.head(gateway))?.verdict, verdict);
  await store.close();
}

async function journal(...args: readonly string[]): Promise<Run> {
  return await run(command, ["journal", "--directory", directory, ...args]);
}

test("a rewritten journal counts until an operator has acknowledged it, which stays written down", async () => {
  await seen("gw-001", "first");
  await seen("gw-002", "first");
  assert.equal((await journal()).code, 0);
  const early = await journal("--acknowledge", "--gateway", "gw-001", "--why", "just so");
  assert.equal(early.code, "WARD_HUB_JOURNAL", "not in advance");
  await seen("gw-001", "rewritten");
  assert.equal((await journal()).code, 3);
  for (const wrong of [
    ["--gateway", "gw-001"],
    ["--why", "x"],
    ["--gateway", "gw-001", "--why", " "],
  ]) {
    assert.equal((await journal("--acknowledge", ...wrong)).code, "WARD_USAGE");
  }
  const other = await journal("--acknowledge", "--gateway", "gw-002", "--why", "wrong one");
  assert.equal(other.code, "WARD_HUB_JOURNAL");
  const why = "card restored\u001b[2J\nby IT, ticket 7";
  assert.equal((await journal("--acknowledge", "--gateway", "gw-001", "--why", why)).code, 0);
  const after1 = await journal();
  assert.equal(after1.code, 0);
  assert.match(
    after1.stdout,
    /gw-001 {2}by local\/uid-\d+: card restored \[2J by IT, ticket 7 {2}ack/,
  );
  assert.ok(!after1.stdout.includes("\u001b"));
  await seen("gw-001", "rewritten");
  const again = await journal();
  assert.equal(again.code, 3, "what is found later still counts");
  assert.match(again.stdout, /ticket 7/);
  assert.equal((await journal("--gateway", "gw-002")).code, 0);
});

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { STORE_FILE } from "../../hub/desk.ts";
import { SqliteStore } from "../../hub/sqlite-store.ts";
import {
  commitAll,
  FakeGateway,
  freshDirectory,
  makeHubSite,
  openDesk,
  readingsText,
  reportOf,
  rowOf,
  takeOf,
} from "../fakes/hub-kit.ts";
import { chainRecord, storeSuite } from "./store-suite.ts";

let directory: string;
let files = 0;
before(() => {
  directory = mkdtempSync(join(tmpdir(), "wardgate-sqlite-"));
});
after(() => rmSync(directory, { recursive: true, force: true }));

function freshPath(): string {
  files += 1;
  return join(directory, `${files}.sqlite`);
}

storeSuite("SQLite", async () => SqliteStore.open(freshPath()));

test("a file that is no hub database is refused in plain words", () => {
  const path = freshPath();
  writeFileSync(path, "not a database, but long enough to look at: ".repeat(40));
  const code = { code: "WARD_HUB_STORE" };
  assert.throws(() => SqliteStore.open(path), code);
  assert.throws(() => SqliteStore.open(freshPath(), { readOnly: true }), code);
  const newer = freshPath();
  const database = new DatabaseSync(newer);
  database.exec("PRAGMA user_version=99");
  database.close();
  assert.throws(() => SqliteStore.open(newer), /version 99/);
});

test("a database of version 2 gets a place for checkpoints, and keeps what it has", async () => {
  const path = freshPath();
  const old = SqliteStore.open(path);
  await old.commit([chainRecord(1)], 1);
  await old.close();
  const database = new DatabaseSync(path);
  database.exec("DROP TABLE checkpoints; PRAGMA user_version=2");
  database.close();
  const store = SqliteStore.open(path);
  assert.equal(await store.lastId(), 1);
  assert.deepEqual(await store.checkpoints.list(null, 0), []);
  await store.close();
});

test("a database of version 1 is taken over: same records, same order, same views", async () => {
  const hub = await makeHubSite();
  const gateway = FakeGateway.ofSite(hub);
  const records = [1, 2, 3].flatMap((take) => {
    const items = takeOf({ device: "bed-1/monitor", take, count: 4 });
    return gateway.put({ batches: [{ class: "vital", items }], takes: [rowOf(items)] });
  });
  const fresh = freshDirectory(hub);
  const desk = await openDesk(hub, fresh);
  await commitAll(desk, [...gateway.epochs(), ...records.toReversed()]);
  await desk.close();
  const old = freshDirectory(hub);
  await (await openDesk(hub, old)).close();
  rmSync(join(old, STORE_FILE));
  makeVersion1(join(old, STORE_FILE), join(fresh, STORE_FILE));
  await (await openDesk(hub, old)).close();
  assert.equal(readingsText(old), readingsText(fresh));
  assert.deepEqual(await reportOf(hub, old), await reportOf(hub, fresh));
  hub.remove();
});

/** A database as version 1 left it, with what another one holds; its views are left empty. */
function makeVersion1(path: string, from: string): void {
  const database = new DatabaseSync(path);
  const views =
    "ranges gone awaited devices boots takes take_gaps archive sums sum_reasons opened".split(" ");
  database.exec(`
    ATTACH '${from}' AS fresh;
    CREATE TABLE chains (no INTEGER PRIMARY KEY, gateway TEXT NOT NULL, store TEXT NOT NULL, class TEXT NOT NULL,
      broken INTEGER NOT NULL DEFAULT 0, UNIQUE (gateway, store, class));
    INSERT INTO chains SELECT no, gateway, store, class, 0 FROM fresh.chains;
    CREATE TABLE records (id INTEGER PRIMARY KEY AUTOINCREMENT, chain INTEGER NOT NULL, sequence INTEGER NOT NULL,
      hash BLOB NOT NULL, previous BLOB, salt BLOB NOT NULL, stored_at INTEGER NOT NULL, committed_at INTEGER NOT NULL,
      backlog INTEGER NOT NULL, bytes BLOB NOT NULL, marks TEXT, UNIQUE (chain, sequence));
    CREATE INDEX records_salt ON records (salt);
    INSERT INTO records SELECT 10 * id, chain, sequence, hash, previous, x'00', 0, committed_at, backlog, bytes, NULL
      FROM fresh.records;
    CREATE TABLE epochs (gateway TEXT NOT NULL, epoch BLOB NOT NULL, hash BLOB NOT NULL, committed_at INTEGER NOT NULL,
      bytes BLOB NOT NULL, PRIMARY KEY (gateway, epoch)) WITHOUT ROWID;
    INSERT INTO epochs SELECT * FROM fresh.epochs;
    CREATE TABLE bindings (gateway TEXT NOT NULL, signer BLOB NOT NULL, hash BLOB NOT NULL, at INTEGER NOT NULL,
      bytes BLOB NOT NULL, PRIMARY KEY (gateway, signer, hash)) WITHOUT ROWID;
    INSERT INTO bindings SELECT * FROM fresh.bindings;
    CREATE TABLE quarantine (id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, reason TEXT NOT NULL,
      hash BLOB NOT NULL UNIQUE, at INTEGER NOT NULL, bytes BLOB NOT NULL);
    CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO facts VALUES ('booked', 60);
    ${views.map((view) => `CREATE TABLE ${view} (x);`).join("")}
    PRAGMA user_version=1;
  `);
  database.close();
}

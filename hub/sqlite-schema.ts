import type { DatabaseSync } from "node:sqlite";

import { WardError } from "../gateway/errors.ts";

/**
 * The tables of `hub.sqlite`: first what cannot be made again (the sealed store), then what `hub rebuild` makes again from it
 * (the views). No table holds a device id or a value in clear (names.ts).
 */
const CHECKPOINTS = `
  CREATE TABLE checkpoints (
    no INTEGER PRIMARY KEY AUTOINCREMENT,
    gateway TEXT NOT NULL,
    line INTEGER NOT NULL,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    verdict TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    note TEXT NOT NULL,
    UNIQUE (gateway, line, size, root)
  );
`;
const SCHEMA = `
  ${CHECKPOINTS}
  CREATE TABLE chains (
    no INTEGER PRIMARY KEY,
    gateway TEXT NOT NULL,
    store TEXT NOT NULL,
    class TEXT NOT NULL,
    UNIQUE (gateway, store, class)
  );
  CREATE TABLE records (
    id INTEGER PRIMARY KEY,
    chain INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    hash BLOB NOT NULL,
    previous BLOB,
    committed_at INTEGER NOT NULL,
    backlog INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    UNIQUE (chain, sequence)
  );
  CREATE TABLE epochs (
    gateway TEXT NOT NULL,
    epoch BLOB NOT NULL,
    hash BLOB NOT NULL,
    committed_at INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (gateway, epoch)
  ) WITHOUT ROWID;
  CREATE TABLE bindings (
    gateway TEXT NOT NULL,
    signer BLOB NOT NULL,
    hash BLOB NOT NULL,
    at INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (gateway, signer, hash)
  ) WITHOUT ROWID;
  CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL,
    reason TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    bytes BLOB NOT NULL
  );
  CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE pages (key TEXT PRIMARY KEY, bytes BLOB NOT NULL) WITHOUT ROWID;
  CREATE TABLE marks (id INTEGER PRIMARY KEY, marks TEXT NOT NULL);
`;

/**
 * Version 1 kept its views in tables of their own and some more columns beside each record. What is sealed is taken over in
 * its order; the views are made anew.
 */
const FROM_VERSION_1 = `
  ALTER TABLE chains RENAME TO old_chains;
  ALTER TABLE records RENAME TO old_records;
  ALTER TABLE epochs RENAME TO old_epochs;
  ALTER TABLE bindings RENAME TO old_bindings;
  ALTER TABLE quarantine RENAME TO old_quarantine;
  DROP TABLE facts;
  ${SCHEMA}
  INSERT INTO chains SELECT no, gateway, store, class FROM old_chains;
  INSERT INTO records
    SELECT row_number() OVER (ORDER BY id), chain, sequence, hash, previous, committed_at, backlog, bytes
    FROM old_records;
  INSERT INTO epochs SELECT * FROM old_epochs;
  INSERT INTO bindings SELECT * FROM old_bindings;
  INSERT INTO quarantine SELECT * FROM old_quarantine;
  DROP TABLE old_chains;
  DROP TABLE old_records;
  DROP TABLE old_epochs;
  DROP TABLE old_bindings;
  DROP TABLE old_quarantine;
  DROP TABLE ranges; DROP TABLE gone; DROP TABLE awaited; DROP TABLE devices; DROP TABLE boots; DROP TABLE takes;
  DROP TABLE take_gaps; DROP TABLE archive; DROP TABLE sums; DROP TABLE sum_reasons; DROP TABLE opened;
`;
/** Version 2 kept no checkpoints of journals. */
const STEPS: Readonly<Record<number, string>> = { 0: SCHEMA, 1: FROM_VERSION_1, 2: CHECKPOINTS };
const VERSION = 3;

/** Makes a new database ready, and brings one of an older version up to date. Throws WardError `WARD_HUB_STORE`. */
export function prepareSqlite(database: DatabaseSync, readOnly: boolean): void {
  if (!readOnly) {
    database.exec("PRAGMA journal_mode=WAL");
    database.exec("PRAGMA synchronous=FULL");
  }
  const version = database.prepare("PRAGMA user_version").get()?.["user_version"];
  if (version === VERSION) {
    return;
  }
  const steps = typeof version === "number" && !readOnly ? STEPS[version] : undefined;
  if (steps === undefined) {
    throw new WardError(
      "WARD_HUB_STORE",
      `it has version ${String(version)}, this program needs ${VERSION}; an older one is brought up to date when the hub starts`,
    );
  }
  database.exec(`BEGIN; ${steps} PRAGMA user_version=${VERSION}; COMMIT`);
}

/**
 * The tables of `hub.sqlite`. First what cannot be made again (the sealed store), then what `hub rebuild` makes again
 * from it (the views). No table holds a device id or a value in clear: devices are named by a keyed digest and an
 * encrypted name (names.ts).
 */
export const SCHEMA_VERSION = 1;

/** Everything as it came, verified, and what was refused. */
const SEALED = `
  CREATE TABLE chains (
    no INTEGER PRIMARY KEY,
    gateway TEXT NOT NULL,
    store TEXT NOT NULL,
    class TEXT NOT NULL,
    broken INTEGER NOT NULL DEFAULT 0,
    UNIQUE (gateway, store, class)
  );
  CREATE TABLE records (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    chain INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    hash BLOB NOT NULL,
    previous BLOB,
    salt BLOB NOT NULL,
    stored_at INTEGER NOT NULL,
    committed_at INTEGER NOT NULL,
    backlog INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    marks TEXT,
    UNIQUE (chain, sequence)
  );
  CREATE INDEX records_salt ON records (salt);
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
`;

/** Made from the sealed store: dropping all of it and running through the records again gives the same. */
const VIEWS = `
  CREATE TABLE ranges (
    kind INTEGER NOT NULL,
    owner INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (kind, owner, first)
  ) WITHOUT ROWID;
  CREATE TABLE gone (
    chain INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    hash BLOB NOT NULL,
    salt BLOB NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (chain, sequence)
  ) WITHOUT ROWID;
  CREATE INDEX gone_salt ON gone (salt);
  CREATE TABLE awaited (
    tally INTEGER NOT NULL,
    gateway TEXT NOT NULL,
    salt BLOB NOT NULL,
    class TEXT,
    reason TEXT,
    PRIMARY KEY (tally, salt)
  ) WITHOUT ROWID;
  CREATE INDEX awaited_salt ON awaited (salt, gateway);
  CREATE TABLE devices (
    no INTEGER PRIMARY KEY,
    gateway TEXT NOT NULL,
    tag BLOB NOT NULL,
    name BLOB NOT NULL,
    UNIQUE (gateway, tag)
  );
  CREATE TABLE boots (
    no INTEGER PRIMARY KEY,
    device INTEGER NOT NULL,
    boot TEXT NOT NULL,
    touched_at INTEGER NOT NULL,
    UNIQUE (device, boot)
  );
  CREATE TABLE takes (
    boot INTEGER NOT NULL,
    take INTEGER NOT NULL,
    class TEXT NOT NULL,
    count INTEGER NOT NULL,
    items INTEGER NOT NULL,
    got INTEGER,
    claimed INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    withheld INTEGER NOT NULL,
    dropped INTEGER NOT NULL,
    digest INTEGER,
    rest INTEGER,
    tally INTEGER,
    derived INTEGER NOT NULL,
    PRIMARY KEY (boot, take)
  ) WITHOUT ROWID;
  CREATE TABLE take_gaps (
    gateway TEXT NOT NULL,
    id TEXT NOT NULL,
    boot INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    reason TEXT NOT NULL,
    at_most INTEGER NOT NULL,
    PRIMARY KEY (gateway, id)
  ) WITHOUT ROWID;
  CREATE INDEX take_gaps_boot ON take_gaps (boot);
  CREATE TABLE archive (
    boot INTEGER NOT NULL,
    block INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (boot, block)
  ) WITHOUT ROWID;
  CREATE TABLE sums (
    boot INTEGER NOT NULL,
    class TEXT NOT NULL,
    taken INTEGER NOT NULL,
    kept INTEGER NOT NULL,
    withheld INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    dropped INTEGER NOT NULL,
    gaps INTEGER NOT NULL,
    PRIMARY KEY (boot, class)
  ) WITHOUT ROWID;
  CREATE TABLE sum_reasons (
    boot INTEGER NOT NULL,
    reason TEXT NOT NULL,
    items INTEGER NOT NULL,
    PRIMARY KEY (boot, reason)
  ) WITHOUT ROWID;
  CREATE TABLE opened (
    device INTEGER NOT NULL,
    class TEXT NOT NULL,
    items INTEGER NOT NULL,
    duplicates INTEGER NOT NULL,
    derived INTEGER NOT NULL,
    PRIMARY KEY (device, class)
  ) WITHOUT ROWID;
`;

/** The views, in an order in which they can be emptied. */
export const VIEW_TABLES = [
  "ranges",
  "gone",
  "awaited",
  "takes",
  "take_gaps",
  "archive",
  "sums",
  "sum_reasons",
  "opened",
  "boots",
  "devices",
] as const;

export const SCHEMA: string = SEALED + VIEWS;

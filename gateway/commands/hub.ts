import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { Desk, READINGS_FILE, STORE_FILE } from "../../hub/desk.ts";
import { Hub } from "../../hub/hub.ts";
import { readHubIdentity } from "../../hub/hub-identity.ts";
import { DeviceNames } from "../../hub/names.ts";
import { openBooks, storedKeyring } from "../../hub/open-books.ts";
import { PostgresStore } from "../../hub/postgres-store.ts";
import { readingLines } from "../../hub/readings.ts";
import { rebuildShared, type Rebuilt } from "../../hub/rebuild.ts";
import { type LedgerReport, reportLedger } from "../../hub/report.ts";
import { SqliteStore } from "../../hub/sqlite-store.ts";
import type { HubStore } from "../../hub/store.ts";
import { errorCode, errorText } from "../errors.ts";
import type { Command, CommandIo } from "./command.ts";
import { importParcel } from "./hub-import.ts";
import { acknowledgeJournal, printJournals } from "./hub-journal.ts";
import { isComplete, ledgerText } from "./hub-ledger.ts";
import { type HubCommandOptions, hubUsage, readHubOptions } from "./hub-options.ts";
import { waitUntil } from "./patience.ts";

const HELP = `wardgate hub --directory DIR --broker mqtts://HOST:PORT [options]
wardgate hub ledger --directory DIR [--by hour|day] [--device ID] [--wait N] [--json]
wardgate hub readings --directory DIR [--device ID] [--from TIME] [--to TIME]
wardgate hub journal --directory DIR [--gateway ID] [--json]
wardgate hub journal --directory DIR --acknowledge --gateway ID --why TEXT
wardgate hub rebuild --directory DIR
wardgate hub import FILE --directory DIR [--receipts FILE] [--json]

Receives what gateways send: verifies and opens sealed records, keeps them in DIR/hub.sqlite or in PostgreSQL, answers with
signed receipts, and writes readings, waveforms and notices to DIR/readings.ndjson. Runs until it is stopped.

  ledger              print for every device whether all that was taken is here or accounted for (exit 3 when not);
                      may run beside the hub
  readings            print readings, waveforms and notices from the sealed records, each once; may run beside the hub
  journal             print the checkpoints of gateways' journals that were seen (exit 3 when a journal was rewritten and
                      nobody has acknowledged it); may run beside the hub
  rebuild             make the ledger and readings.ndjson again from the sealed records; on a hub.sqlite the hub must not
                      run
  import              take a file that wardgate outbox export has written, as if it had come over the broker, and write
                      receipts for the gateway (default: FILE.receipts); the hub of the directory must not run (exit 3
                      when something of it could not be taken)

  --directory DIR     hub directory as provisioning makes it
  --database URL      postgres://USER@HOST:PORT/DATABASE instead of DIR/hub.sqlite; the password in PGPASSWORD or a
                      PGPASSFILE. Several hubs may share it: they share the broker's messages, and need the same
                      recipient.key.pem and receipt.key.pem
  --broker URL        the broker's port for hubs
  --server-name NAME  name in the broker's certificate (default: the URL's host)
  --ndjson            write readings.ndjson (default without --database; --no-ndjson does not)
  --by hour|day       the ledger per device and interval (UTC) too
  --wait N            ledger: wait, N seconds at most, until nothing is unaccounted for: what is on its way counts so
  --device ID         of one device only
  --gateway ID        of one gateway only
  --acknowledge       journal: write down for good that somebody has looked into a rewritten journal, and --why TEXT it is
                      all right or what was done; what is found later still counts
  --from, --to TIME   of some time only, such as 2026-11-26T12:00Z (gateway time)
  --json              one JSON line when ready and one with all counters every second
`;

/** `wardgate hub`: the receiving side, and looks at what it holds. */
export const command: Command = {
  summary: "run the receiving side; print its ledger and readings",
  help: HELP,
  async run(args, io) {
    if (args[0] === "import") {
      return await importParcel(args.slice(1), io);
    }
    const options = readHubOptions(args);
    switch (options.verb) {
      case "run":
        return await receive(options, io);
      case "ledger":
        return await ledger(options, io);
      case "readings":
        return await readings(options, io);
      case "journal":
        if (options.acknowledge) {
          await looking(options, (store) => acknowledgeJournal(store, options, io), WRITING);
          return 0;
        }
        return (await looking(options, (store) => printJournals(store, options, io)))
          ? 0
          : FOUND_WRONG;
      case "rebuild":
        return await rebuild(options, io);
    }
  },
};

const COUNTERS_MS = 1000;
const RENEW_MS = 60_000;
/** The same notice is printed at most this often (milliseconds). */
const NOTICE_MS = 10_000;
/** How long to wait before a database that cannot be reached at the start is tried again. */
const DATABASE_MS = 2000;
const FOUND_WRONG = 3;

async function receive(options: HubCommandOptions, io: CommandIo): Promise<number> {
  const url = options.broker === undefined ? null : URL.parse(options.broker);
  if (options.broker === undefined || url === null) {
    throw hubUsage("give --broker mqtts://HOST:PORT");
  }
  const tell = teller(options, io);
  const identity = await readHubIdentity(options.directory);
  const store = await awaitDatabase(options, io, tell);
  if (io.stop.aborted) {
    await store?.close();
    return 0;
  }
  const hub = await Hub.open({
    directory: options.directory,
    ...(store === null ? {} : { store }),
    ndjson: options.ndjson,
    identity,
    broker: {
      url: options.broker,
      serverName: options.serverName ?? url.hostname.replace(/^\[(.*)\]$/, "$1"),
    },
    onNotice: (code, text) => tell.notice(code, text),
    onReady: () => tell.ready(),
  });
  const timers = [
    setInterval(() => tell.counters(hub), COUNTERS_MS),
    setInterval(() => void renew(hub, options, tell), RENEW_MS),
  ];
  try {
    await hub.run(io.stop);
  } finally {
    timers.forEach((timer) => clearInterval(timer));
  }
  tell.counters(hub);
  return 0;
}

/** The shared store, or null for the directory's own. A server that is not up yet is waited for. */
async function awaitDatabase(
  { database }: HubCommandOptions,
  { stop }: CommandIo,
  tell: Teller,
): Promise<PostgresStore | null> {
  if (database === undefined) {
    return null;
  }
  while (!stop.aborted) {
    try {
      return await PostgresStore.open({
        url: database,
        onNotice: (text) => tell.notice("WARD_HUB_DATABASE", text),
      });
    } catch (error) {
      if (errorCode(error) !== "WARD_HUB_STORE") {
        throw error;
      }
      tell.notice(errorCode(error), errorText(error));
      await sleep(DATABASE_MS, undefined, { signal: stop }).catch(() => undefined);
    }
  }
  return null;
}

/** New certificates and revocation lists are taken from the directory without a restart. */
async function renew(hub: Hub, { directory }: HubCommandOptions, tell: Teller): Promise<void> {
  try {
    hub.renew(await readHubIdentity(directory));
  } catch (error) {
    tell.notice(errorCode(error), errorText(error));
  }
}

interface Teller {
  ready(): void;
  counters(hub: Hub): void;
  notice(code: string, text: string): void;
}

function teller({ json, ndjson, database, directory }: HubCommandOptions, io: CommandIo): Teller {
  const saidAt = new Map<string, number>();
  const line = (value: object): void => {
    io.stdout.write(`${JSON.stringify(value)}\n`);
  };
  const place = ndjson ? join(directory, READINGS_FILE) : "the database";
  return {
    ready: () => {
      if (json) {
        line({ kind: "ready", directory });
      } else {
        io.stdout.write(
          `hub ready: readings go to ${place}${database === undefined ? "" : " (shared)"}\n`,
        );
      }
    },
    counters: (hub) => {
      if (json) {
        line({ kind: "counters", ...hub.counters() });
      }
    },
    notice: (code, text) => {
      const now = performance.now();
      if (now - (saidAt.get(code) ?? Number.NEGATIVE_INFINITY) >= NOTICE_MS) {
        saidAt.set(code, now);
        io.stderr.write(`wardgate hub: ${text}\n`);
      }
    },
  };
}

const READING = { readOnly: true };
const WRITING = { readOnly: false };

/** Opens the store to look at it, and closes it again. */
async function looking<T>(
  { directory, database }: HubCommandOptions,
  look: (store: HubStore) => Promise<T>,
  how: { readonly readOnly: boolean } = READING,
): Promise<T> {
  const store =
    database === undefined
      ? SqliteStore.open(join(directory, STORE_FILE), how)
      : await PostgresStore.open({ url: database });
  try {
    return await look(store);
  } finally {
    await store.close();
  }
}

async function ledger(options: HubCommandOptions, io: CommandIo): Promise<number> {
  const identity = await readHubIdentity(options.directory);
  const { device, hours } = options;
  const wish = {
    ...(device === undefined ? {} : { device }),
    ...(hours === undefined ? {} : { hours }),
  };
  const look = (): Promise<LedgerReport> =>
    looking(options, async (store) =>
      reportLedger({ books: await openBooks({ store, identity, now: Date.now }), store }, wish),
    );
  let report = await look();
  await waitUntil(async () => isComplete(report) || isComplete((report = await look())), {
    withinMs: options.waitMs,
    stop: io.stop,
  });
  io.stdout.write(options.json ? `${JSON.stringify(report)}\n` : ledgerText(report));
  return isComplete(report) ? 0 : FOUND_WRONG;
}

async function readings(options: HubCommandOptions, io: CommandIo): Promise<number> {
  const identity = await readHubIdentity(options.directory);
  const { device, from, to } = options;
  const wish = {
    ...(device === undefined ? {} : { device }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  };
  await looking(options, async (store) => {
    for await (const piece of readingLines({ store, identity, now: Date.now }, wish)) {
      if (io.stop.aborted) {
        return;
      }
      await new Promise<void>((resolve, reject) => {
        io.stdout.write(Buffer.from(piece), (error) => (error ? reject(error) : resolve()));
      });
    }
  });
  return 0;
}

async function rebuild(options: HubCommandOptions, io: CommandIo): Promise<number> {
  const { records, unreadable } = await rebuilt(options, io);
  io.stdout.write(
    options.json
      ? `${JSON.stringify({ kind: "rebuilt", records, unreadable })}\n`
      : `rebuilt from ${records} records; ${unreadable} of them cannot be opened\n`,
  );
  return unreadable > 0 ? FOUND_WRONG : 0;
}

async function rebuilt(options: HubCommandOptions, io: CommandIo): Promise<Rebuilt> {
  const { directory, database } = options;
  const identity = await readHubIdentity(directory);
  if (database !== undefined) {
    return await looking(options, async (store) => {
      const keyring = storedKeyring({ store, identity, now: Date.now });
      const names = new DeviceNames(identity.recipientKey);
      return await rebuildShared({ store, keyring, names });
    });
  }
  const desk = await Desk.open({
    directory,
    identity,
    now: Date.now,
    onTrouble: (text) => io.stderr.write(`wardgate hub: ${text}\n`),
    ndjson: options.ndjson,
    rebuild: true,
  });
  const { records, unreadable } = desk;
  await desk.close();
  return { records, unreadable };
}

import { join } from "node:path";
import { parseArgs } from "node:util";

import { Book } from "../../hub/book.ts";
import { Desk, READINGS_FILE, STORE_FILE } from "../../hub/desk.ts";
import { Hub } from "../../hub/hub.ts";
import { readHubIdentity } from "../../hub/hub-identity.ts";
import { DeviceNames } from "../../hub/names.ts";
import { type Account, type LedgerReport, reportLedger } from "../../hub/report.ts";
import { SealedStore } from "../../hub/sealed.ts";
import { HubStore } from "../../hub/store.ts";
import { errorCode, errorText, WardError } from "../errors.ts";
import type { Command, CommandIo } from "./command.ts";

const HELP = `wardgate hub --directory DIR --broker mqtts://HOST:PORT [options]
wardgate hub ledger --directory DIR [--json]
wardgate hub rebuild --directory DIR

Receives what gateways send: verifies and opens sealed records, keeps them in DIR/hub.sqlite, answers with signed
receipts, and writes readings, waveforms and notices to DIR/readings.ndjson. Runs until it is stopped.

  ledger              print for every device whether all that was taken is here or accounted for (exit 3 when not);
                      may run beside the hub
  rebuild             make the ledger and readings.ndjson again from the sealed records; the hub must not run

  --directory DIR     hub directory as provisioning makes it
  --broker URL        the broker's port for hubs
  --server-name NAME  name in the broker's certificate (default: the URL's host)
  --json              one JSON line when ready and one with all counters every second
`;

/** `wardgate hub`: the receiving side, and two looks at what it holds. */
export const command: Command = {
  summary: "run the receiving side; print its ledger",
  help: HELP,
  async run(args, io) {
    const options = readOptions(args);
    switch (options.verb) {
      case "run":
        return await receive(options, io);
      case "ledger":
        return await ledger(options, io);
      case "rebuild":
        return await rebuild(options, io);
    }
  },
};

interface Options {
  readonly verb: "run" | "ledger" | "rebuild";
  readonly directory: string;
  readonly broker: string | undefined;
  readonly serverName: string | undefined;
  readonly json: boolean;
}

const COUNTERS_MS = 1000;
const RENEW_MS = 60_000;
/** The same notice is printed at most this often (milliseconds). */
const NOTICE_MS = 10_000;

async function receive(options: Options, io: CommandIo): Promise<number> {
  const url = options.broker === undefined ? null : URL.parse(options.broker);
  if (options.broker === undefined || url === null) {
    throw usage("give --broker mqtts://HOST:PORT");
  }
  const tell = teller(options, io);
  const hub = await Hub.open({
    directory: options.directory,
    identity: await readHubIdentity(options.directory),
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

/** New certificates and revocation lists are taken from the directory without a restart. */
async function renew(hub: Hub, { directory }: Options, tell: Teller): Promise<void> {
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

function teller({ json, directory }: Options, io: CommandIo): Teller {
  const saidAt = new Map<string, number>();
  const line = (value: object): void => {
    io.stdout.write(`${JSON.stringify(value)}\n`);
  };
  return {
    ready: () => {
      if (json) {
        line({ kind: "ready", directory });
      } else {
        io.stdout.write(`hub ready: readings go to ${join(directory, READINGS_FILE)}\n`);
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

async function ledger(options: Options, io: CommandIo): Promise<number> {
  const identity = await readHubIdentity(options.directory);
  const store = HubStore.open(join(options.directory, STORE_FILE), { readOnly: true });
  try {
    const book = new Book(store, new DeviceNames(identity.recipientKey));
    const report = reportLedger({ store, book, sealed: new SealedStore(store, book.ranges) });
    io.stdout.write(options.json ? `${JSON.stringify(report)}\n` : reportText(report));
    return report.totals.unaccounted > 0 ? FOUND_WRONG : 0;
  } finally {
    store.close();
  }
}

async function rebuild(options: Options, io: CommandIo): Promise<number> {
  const desk = await Desk.open({
    directory: options.directory,
    identity: await readHubIdentity(options.directory),
    now: Date.now,
    onTrouble: (text) => io.stderr.write(`wardgate hub: ${text}\n`),
    rebuild: true,
  });
  const { records, unreadable } = desk;
  desk.close();
  const result = { kind: "rebuilt", records, unreadable };
  io.stdout.write(
    options.json
      ? `${JSON.stringify(result)}\n`
      : `rebuilt from ${records} records; ${unreadable} of them cannot be opened\n`,
  );
  return unreadable > 0 ? FOUND_WRONG : 0;
}

const FOUND_WRONG = 3;

function reportText(report: LedgerReport): string {
  const rows = report.devices.map(
    (device) => [`${device.gateway} ${device.device}`, device] as const,
  );
  const classes = Object.entries(report.classes);
  const lines = [...rows, ...classes, ["all", report.totals] as const].map(([name, account]) =>
    [
      name.padEnd(NAME_COLUMNS),
      ...COLUMNS.map((column) => String(account[column]).padStart(12)),
    ].join(""),
  );
  const head = ["".padEnd(NAME_COLUMNS), ...COLUMNS.map((column) => column.padStart(12))].join("");
  const reasons = Object.entries(report.reasons).map(
    ([reason, count]) => `  gap ${reason}: ${count}\n`,
  );
  return `${head}\n${lines.join("\n")}\n${reasons.join("")}`;
}

const NAME_COLUMNS = 40;
const COLUMNS = [
  "taken",
  "kept",
  "withheld",
  "refused",
  "dropped",
  "gaps",
  "accounted",
  "duplicates",
  "unaccounted",
] as const satisfies readonly (keyof Account)[];

function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parsed(args);
  const [verb = "run", ...more] = positionals;
  if ((verb !== "run" && verb !== "ledger" && verb !== "rebuild") || more.length > 0) {
    throw usage(`there is no "${positionals.join(" ")}"`);
  }
  if (values.directory === undefined) {
    throw usage("give --directory DIR");
  }
  const { directory, broker, json } = values;
  return { verb, directory, broker, serverName: values["server-name"], json };
}

function parsed(args: readonly string[]): ReturnType<typeof parseHubArgs> {
  try {
    return parseHubArgs(args);
  } catch (error) {
    throw usage(errorText(error), { cause: error });
  }
}

// An arrow function, so that the types of the values follow from the option table.
const parseHubArgs = (args: readonly string[]) =>
  parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      directory: { type: "string" },
      broker: { type: "string" },
      "server-name": { type: "string" },
      json: { type: "boolean", default: false },
    },
  });

function usage(why: string, options?: ErrorOptions): WardError {
  return new WardError(
    "WARD_USAGE",
    `Cannot run the hub: ${why}. See: wardgate hub --help`,
    options,
  );
}

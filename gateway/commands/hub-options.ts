import { parseArgs } from "node:util";

import { errorText, WardError } from "../errors.ts";
import { waitMs } from "./patience.ts";

/** What `wardgate hub` may be told to do. */
const VERBS = ["run", "ledger", "readings", "rebuild", "journal"] as const;
type Verb = (typeof VERBS)[number];

/** The options of `wardgate hub`. */
export interface HubCommandOptions {
  readonly verb: Verb;
  readonly directory: string;
  /** `postgres://...` without a password. */
  readonly database: string | undefined;
  readonly broker: string | undefined;
  readonly serverName: string | undefined;
  readonly ndjson: boolean;
  readonly device: string | undefined;
  readonly gateway: string | undefined;
  readonly acknowledge: boolean;
  /** In the words of an operator. */
  readonly why: string | undefined;
  /** Length of the ledger's intervals. */
  readonly hours: number | undefined;
  /** Epoch milliseconds. */
  readonly from: number | undefined;
  readonly to: number | undefined;
  /** How long the ledger may be waited for (milliseconds). */
  readonly waitMs: number;
  readonly json: boolean;
}

/** Reads the command line. Throws WardError `WARD_USAGE`. */
export function readHubOptions(args: readonly string[]): HubCommandOptions {
  const { values, positionals } = parsed(args);
  const [word = "run", ...more] = positionals;
  const verb = VERBS.find((known) => known === word);
  if (verb === undefined || more.length > 0) {
    throw hubUsage(`there is no "${positionals.join(" ")}"`);
  }
  if (values.directory === undefined) {
    throw hubUsage("give --directory DIR");
  }
  const { directory, database, broker, device, gateway, acknowledge, why, json } = values;
  return {
    verb,
    directory,
    database,
    broker,
    serverName: values["server-name"],
    ndjson: values.ndjson ?? database === undefined,
    device,
    gateway,
    acknowledge,
    why,
    hours: hoursOf(values.by),
    from: timeOf(values.from),
    to: timeOf(values.to),
    waitMs: waitMs(values.wait),
    json,
  };
}

/** The error of a command line that cannot be used. */
export function hubUsage(why: string, options?: ErrorOptions): WardError {
  return new WardError(
    "WARD_USAGE",
    `Cannot run the hub: ${why}. See: wardgate hub --help`,
    options,
  );
}

const HOURS: Readonly<Record<string, number>> = { hour: 1, day: 24 };

function hoursOf(by: string | undefined): number | undefined {
  const hours = by === undefined ? undefined : HOURS[by];
  if (by !== undefined && hours === undefined) {
    throw hubUsage("--by is hour or day");
  }
  return hours;
}

function timeOf(text: string | undefined): number | undefined {
  if (text === undefined) {
    return undefined;
  }
  const time = Date.parse(text);
  if (Number.isNaN(time)) {
    throw hubUsage(`${JSON.stringify(text)} is no time such as 2026-11-26T12:00Z`);
  }
  return time;
}

function parsed(args: readonly string[]): ReturnType<typeof parseHubArgs> {
  try {
    return parseHubArgs(args);
  } catch (error) {
    throw hubUsage(errorText(error), { cause: error });
  }
}

// An arrow function, so that the types of the values follow from the option table.
const parseHubArgs = (args: readonly string[]) =>
  parseArgs({
    args: [...args],
    allowPositionals: true,
    allowNegative: true,
    options: {
      directory: { type: "string" },
      database: { type: "string" },
      broker: { type: "string" },
      "server-name": { type: "string" },
      ndjson: { type: "boolean" },
      device: { type: "string" },
      gateway: { type: "string" },
      acknowledge: { type: "boolean", default: false },
      why: { type: "string" },
      by: { type: "string" },
      from: { type: "string" },
      to: { type: "string" },
      wait: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });

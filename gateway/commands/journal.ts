import { resolve } from "node:path";
import { parseArgs } from "node:util";

import { errorText, WardError } from "../errors.ts";
import { readJournal } from "../journal/audit.ts";
import { fieldsOf } from "../journal/event.ts";
import type { Command, CommandIo } from "./command.ts";
import { findJournalFiles } from "./journal-files.ts";
import { proveEntry } from "./journal-prove.ts";
import { entryText } from "./journal-show.ts";
import { verifiedJournalText, verifyJournal } from "./journal-verify.ts";

const help = `Usage: wardgate journal show   --data DIR [--from TIME] [--to TIME] [--kind KIND] [--json]
       wardgate journal verify --data DIR [--checkpoint FILE]... [--json]
       wardgate journal prove  --data DIR --entry N [--json]

The journal of a gateway: who did what, and what happened to it. It is only read, so the gateway may run.

  show      print the entries that are there
  verify    read all of it, and compare it with the last checkpoint this gateway has signed and with others; say whether it
            was rewritten or cut off, and from which entry on (exit 3 when it was)
  prove     print a proof that entry N is in the journal, as c2sp.org/tlog-proof has it

  --data DIR          the gateway's data directory
  --from, --to TIME   of some time only, such as 2026-11-26T12:00Z (gateway time)
  --kind KIND         of one kind only, such as login
  --checkpoint FILE   what the hub has kept: the output of wardgate hub journal --gateway ID --json, or one signed note
  --json              one JSON object a line
`;

/** `wardgate journal`. */
export const command: Command = {
  summary: "show, verify and prove what a gateway has written down",
  help,
  run,
};

const FOUND_WRONG = 3;
const VERBS = ["show", "verify", "prove"] as const;

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const options = readOptions(args);
  const found = await findJournalFiles(options.data);
  const print = (value: unknown, text: string): void => {
    io.stdout.write(options.json ? `${JSON.stringify(value)}\n` : text);
  };
  switch (options.verb) {
    case "show": {
      const { from, to, kind } = options;
      readJournal(found.files, ({ index, entry }) => {
        if (entry.at >= from && entry.at <= to && (kind === null || entry.kind === kind)) {
          print({ index, ...entry }, entryText(index, entry));
        }
      });
      return 0;
    }
    case "verify": {
      const verified = await verifyJournal(found, options.checkpoints);
      print(verified, verifiedJournalText(verified));
      return verified.problems.length > 0 ? FOUND_WRONG : 0;
    }
    case "prove": {
      const proven = await proveEntry(found, options.entry);
      print(proven.json, proven.text);
      return 0;
    }
  }
}

interface Options {
  readonly verb: (typeof VERBS)[number];
  readonly data: string;
  readonly json: boolean;
  /** Epoch milliseconds. */
  readonly from: number;
  readonly to: number;
  readonly kind: string | null;
  readonly checkpoints: readonly string[];
  readonly entry: number;
}

function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parsed(args);
  const verb = VERBS.find((known) => known === positionals[0]);
  if (verb === undefined || positionals.length > 1 || values.data === undefined) {
    throw usage("name what to do, and --data DIR");
  }
  const { kind = null, checkpoint = [], json } = values;
  if (kind !== null && fieldsOf(kind) === null) {
    throw usage(`there is no kind ${JSON.stringify(kind)}`);
  }
  const entry = /^\d{1,15}$/.test(values.entry ?? "") ? Number(values.entry) : Number.NaN;
  if (verb === "prove" && Number.isNaN(entry)) {
    throw usage("name the entry: --entry N");
  }
  return {
    verb,
    data: resolve(values.data),
    json,
    from: timeOf(values.from, Number.NEGATIVE_INFINITY),
    to: timeOf(values.to, Number.POSITIVE_INFINITY),
    kind,
    checkpoints: checkpoint.map((file) => resolve(file)),
    entry,
  };
}

function timeOf(text: string | undefined, otherwise: number): number {
  const time = text === undefined ? otherwise : Date.parse(text);
  if (Number.isNaN(time)) {
    throw usage(`${JSON.stringify(text)} is no time such as 2026-11-26T12:00Z`);
  }
  return time;
}

function parsed(args: readonly string[]): ReturnType<typeof parseJournalArgs> {
  try {
    return parseJournalArgs(args);
  } catch (error) {
    throw usage(errorText(error), { cause: error });
  }
}

// An arrow function, so that the types of the values follow from the option table.
const parseJournalArgs = (args: readonly string[]) =>
  parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      data: { type: "string" },
      from: { type: "string" },
      to: { type: "string" },
      kind: { type: "string" },
      checkpoint: { type: "string", multiple: true },
      entry: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });

function usage(why: string, options?: ErrorOptions): WardError {
  return new WardError(
    "WARD_USAGE",
    `Cannot do that: ${why}. See: wardgate journal --help`,
    options,
  );
}

import { resolve } from "node:path";
import { parseArgs } from "node:util";

import { askControl } from "../house/control.ts";
import { errorText, WardError } from "../errors.ts";
import type { Command, CommandIo } from "./command.ts";
import { exportOutbox, exportText } from "./outbox-export.ts";
import { importReceipts } from "./outbox-import.ts";
import { salvagedText, salvageOutbox } from "./outbox-salvage.ts";
import { openSetAside, openSource } from "./outbox-source.ts";
import { statusText } from "./outbox-status.ts";
import { isDamaged, verifiedText, verifyOutbox } from "./outbox-verify.ts";

const help = `Usage: wardgate outbox status  --data DIR [--json]
       wardgate outbox verify  --data DIR [--json]
       wardgate outbox export  --data DIR --to FILE [--store DIR] [--json]
       wardgate outbox import  RECEIPTS --data DIR [--json]
       wardgate outbox salvage --data DIR [--json]

What waits in the outbox of a gateway. While the gateway runs, it is asked and nothing is opened beside it; export and verify
also work on a gateway that is stopped.

  status    how much waits of each class, how much room there is and how long it lasts
  verify    look at every stored record and compare it with what was written (exit 3 when something is not right)
  export    write everything that waits into one file, sealed as it is, to be carried to the hub on a stick:
            there, wardgate hub import FILE makes a file of receipts. An export that was cut off is gone on with
  import    take such receipts: what they name is forgotten, and its space is free
  salvage   make a fresh store of what is still right in a damaged one, which is kept beside it; the gateway must
            be stopped (exit 3 when records could not be saved)

  --data DIR    the gateway's data directory
  --to FILE     the file to write
  --store DIR   export a store that was moved aside (store.damaged-...) instead of the one in use
  --json        the answer as one JSON object; progress goes to stderr
`;

/** `wardgate outbox`. */
export const command: Command = {
  summary: "say what waits in a gateway's outbox, check it, carry it away, repair it",
  help,
  run,
};

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const options = readOptions(args);
  const { data } = options;
  const print = (value: unknown, text: string): void => {
    io.stdout.write(options.json ? `${JSON.stringify(value)}\n` : text);
  };
  switch (options.verb) {
    case "status": {
      const status = await askControl(data, "outbox");
      print(status, statusText(status));
      return 0;
    }
    case "verify": {
      const verified = await verifyOutbox(data, io);
      print(verified, verifiedText(verified));
      return isDamaged(verified) ? FOUND_WRONG : 0;
    }
    case "export": {
      const { store, file } = options;
      const source = await (store === null ? openSource(data) : openSetAside(data, store));
      try {
        const exported = await exportOutbox(source, file, io);
        print(exported, exportText(exported));
      } finally {
        await source.close();
      }
      return 0;
    }
    case "import": {
      const imported = await importReceipts(data, options.file);
      print(imported, `${imported.receipts} receipts are taken.\n`);
      return 0;
    }
    case "salvage": {
      const salvaged = await salvageOutbox(data, io);
      print(salvaged, salvagedText(salvaged));
      return salvaged.bad > 0 || salvaged.epochsMissing > 0 ? FOUND_WRONG : 0;
    }
  }
}

const FOUND_WRONG = 3;
const VERBS = ["status", "verify", "export", "import", "salvage"] as const;

interface Options {
  readonly verb: (typeof VERBS)[number];
  readonly data: string;
  readonly json: boolean;
  /** What export writes and import reads, else "". */
  readonly file: string;
  readonly store: string | null;
}

function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parsed(args);
  const [word, receipts, ...more] = positionals;
  const verb = VERBS.find((known) => known === word);
  if (verb === undefined || values.data === undefined || more.length > 0) {
    throw usage("name what to do, and --data DIR");
  }
  const file = verb === "export" ? values.to : verb === "import" ? receipts : "";
  if (file === undefined) {
    throw usage(verb === "export" ? "name the file: --to FILE" : "name the file of receipts");
  }
  if ((receipts !== undefined) !== (verb === "import")) {
    throw usage(`${verb} takes no file like that`);
  }
  return {
    verb,
    data: resolve(values.data),
    json: values.json,
    file: file === "" ? "" : resolve(file),
    store: values.store === undefined ? null : resolve(values.store),
  };
}

function parsed(args: readonly string[]): ReturnType<typeof parseOutboxArgs> {
  try {
    return parseOutboxArgs(args);
  } catch (error) {
    throw usage(errorText(error), { cause: error });
  }
}

// An arrow function, so that the types of the values follow from the option table.
const parseOutboxArgs = (args: readonly string[]) =>
  parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      data: { type: "string" },
      to: { type: "string" },
      store: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });

function usage(why: string, options?: ErrorOptions): WardError {
  return new WardError(
    "WARD_USAGE",
    `Cannot do that: ${why}. See: wardgate outbox --help`,
    options,
  );
}

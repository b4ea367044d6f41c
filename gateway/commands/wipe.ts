import { resolve } from "node:path";
import { parseArgs } from "node:util";

import { lockDataDirectory } from "../data-lock.ts";
import { errorText, WardError } from "../errors.ts";
import { shred } from "../identity/shred.ts";
import { planWipe } from "../identity/wipe.ts";
import { replaceDurably } from "../outbox/disk-sync.ts";
import type { Command, CommandIo } from "./command.ts";
import { noteUnderLock } from "./journal-note.ts";

const help = `Usage: wardgate wipe --data DIR --gateway ID [--to FILE] [--json]

Takes a gateway out of service: destroys every key in its data directory (each is overwritten, removed, and gone from the
directory on disk before the next), and says so in a statement that is signed with the gateway's signing key just before that
key goes too. Give the statement to "wardgate ca wiped": it checks it and revokes the certificates.

It is written down in the journal first, and the statement carries the signed checkpoint of the journal with that entry.

What is sealed in the outbox stays there, readable for the hub alone: carry it to the hub before (wardgate outbox export). The
gateway must be stopped.

  --data DIR     the gateway's data directory
  --gateway ID   its id, so that it is not another one's directory
  --to FILE      write the statement there, before anything is destroyed
  --json         one JSON object
`;

/** `wardgate wipe`. */
export const command: Command = {
  summary: "destroy the keys of a gateway that is taken out of service",
  help,
  run,
};

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      data: { type: "string" },
      gateway: { type: "string" },
      to: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const { data, gateway } = values;
  if (data === undefined || gateway === undefined) {
    throw new WardError("WARD_USAGE", "Cannot wipe: give --data DIR and --gateway ID.");
  }
  const directory = resolve(data);
  const lock = await lockDataDirectory(directory);
  try {
    const plan = planWipe(directory, gateway, Date.now());
    const { at, keys } = plan.statement;
    const statement = plan.signed === null ? null : Buffer.from(plan.signed).toString("base64");
    const journal = await noted(directory, keys.length, io);
    const said = { gateway, at, keys, statement, journal };
    if (values.to !== undefined) {
      replaceDurably(resolve(values.to), Buffer.from(`${JSON.stringify(said, null, 2)}\n`));
    }
    // First what old copies of the files could be opened with.
    const trouble = failureOf(plan.destroyBeyond);
    shred(plan.files);
    io.stdout.write(values.json || values.to === undefined ? `${JSON.stringify(said)}\n` : "");
    if (!values.json) {
      const names = keys.map(({ name }) => `  ${name}\n`).join("");
      const unsigned = statement === null ? " There was no key left to sign that with." : "";
      io.stderr.write(`${gateway} is wiped.${unsigned} Destroyed:\n${names}`);
    }
    if (trouble !== null) {
      const why = errorText(trouble);
      throw new WardError("WARD_WIPE", `Cannot wipe all: the files are destroyed, but ${why}`);
    }
  } finally {
    lock.release();
  }
  return 0;
}

/** The checkpoint of the journal with this in it, or null: a journal that cannot be written keeps no key alive. */
async function noted(directory: string, keys: number, io: CommandIo): Promise<string | null> {
  try {
    return await noteUnderLock(directory, {
      kind: "wiped",
      outcome: "accepted",
      what: { keys },
    });
  } catch (error) {
    io.stderr.write(`It is not in the journal: ${errorText(error)}\n`);
    return null;
  }
}

function failureOf(act: () => void): unknown {
  try {
    act();
    return null;
  } catch (error) {
    return error;
  }
}

import { resolve } from "node:path";
import { parseArgs } from "node:util";

import { WardError } from "../errors.ts";
import { askControl } from "../house/control.ts";
import { textAt } from "../json-value.ts";
import type { Command, CommandIo } from "./command.ts";

const help = `Usage: wardgate login --data DIR [--json]

Asks a running gateway for a fresh one-time address of its editor. It works once, within 10 minutes; the address before it
no longer works. Only who runs the gateway may ask.

  --data DIR   the gateway's data directory
  --json       the answer as one JSON object
`;

/** `wardgate login`. */
export const command: Command = {
  summary: "get a fresh one-time address of the editor",
  help,
  run,
};

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { data: { type: "string" }, json: { type: "boolean", default: false } },
  });
  if (values.data === undefined) {
    throw new WardError("WARD_USAGE", "Cannot do that. Run: wardgate login --data DIR");
  }
  const login = await askControl(resolve(values.data), "login");
  io.stdout.write(values.json ? `${JSON.stringify(login)}\n` : `${textAt(login, "editor")}\n`);
  return 0;
}

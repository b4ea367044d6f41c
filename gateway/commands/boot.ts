import { resolve } from "node:path";
import { parseArgs } from "node:util";

import { WardError } from "../errors.ts";
import { takeEnvironment } from "./boot-environment.ts";
import type { Command, CommandIo } from "./command.ts";
import { command as runGateway } from "./run.ts";
import { keyWish, settingsFrom } from "./settings-file.ts";

const help = `Usage: wardgate boot --data DIR [options of wardgate run]

Brings a gateway up from what its environment brings, and runs it: for a container, whose variables are all it is given.

  WARD_CLAIM         a claim, as wardgate ca claim makes it. One that was not used here yet gets the gateway its identity, or the
                     next one
  WARD_SITE          signed settings (site.cose) in base64. They count when their signature is good and they are not older than
                     those in force
  WARD_BUNDLE_ROOT   the root of trust for bundles (1.root.json) in base64. It is put down once and never replaced

A gateway that has what it needs runs with it even when something new cannot be used; the reason is said.
`;

/** `wardgate boot`. */
export const command: Command = {
  summary: "bring a gateway up from its environment, and run it",
  help,
  run,
};

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      data: { type: "string" },
      settings: { type: "string" },
      "no-editor": { type: "boolean" },
      json: { type: "boolean" },
    },
  });
  if (values.data === undefined) {
    throw new WardError("WARD_USAGE", "Cannot boot: --data DIR is missing.");
  }
  const keys = keyWish(await settingsFrom(values.settings));
  for (const text of await takeEnvironment(resolve(values.data), process.env, keys)) {
    io.stderr.write(`${text}\n`);
  }
  return runGateway.run(args, io);
}

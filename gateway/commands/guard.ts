import { once } from "node:events";
import { resolve } from "node:path";
import { parseArgs } from "node:util";

import { WardError } from "../errors.ts";
import { Guard } from "../guard/guard.ts";
import { removeRules } from "../guard/nft.ts";
import type { Command, CommandIo } from "./command.ts";

const help = `Usage: wardgate guard --socket PATH --directory DIR
       wardgate guard --remove

Puts in force who may talk to whom, as the gateway's signed settings say it (network), as rules of the kernel in a table of their own
(inet ward), and tells the gateway who runs into them. Needs the right NET_ADMIN, the program nft, and no key.

  --socket PATH     where the gateway brings its signed settings, and hears what was seen
  --directory DIR   the guard's own: the settings it goes by. Nobody else may write to it
  --remove          take the rules away, for a box that is no longer a router of devices. End its guard first: it would set them again

The rules stay in force when the guard ends.
`;

/** `wardgate guard`. */
export const command: Command = {
  summary: "guard the network of the devices: who may talk to whom",
  help,
  run,
};

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      socket: { type: "string" },
      directory: { type: "string" },
      remove: { type: "boolean", default: false },
    },
  });
  if (values.remove) {
    await removeRules();
    io.stdout.write("The rules of the guard are taken away.\n");
    return 0;
  }
  if (values.socket === undefined || values.directory === undefined) {
    throw new WardError("WARD_USAGE", "Cannot guard: --socket PATH or --directory DIR is missing.");
  }
  const guard = await Guard.open({
    socket: resolve(values.socket),
    directory: resolve(values.directory),
    say: (line) => io.stdout.write(`${line}\n`),
  });
  io.stdout.write(`Listening on ${resolve(values.socket)}.\n`);
  if (!io.stop.aborted) {
    await once(io.stop, "abort");
  }
  await guard.close();
  return 0;
}

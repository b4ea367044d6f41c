import { once } from "node:events";
import { resolve } from "node:path";
import { parseArgs } from "node:util";

import { Agent } from "../balena/agent.ts";
import { supervisorPlace } from "../balena/supervisor.ts";
import { WardError } from "../errors.ts";
import type { Command, CommandIo } from "./command.ts";

const help = `Usage: wardgate agent --socket PATH

The one service of a balena box that may talk to its supervisor. It listens on a UNIX socket for single words, a line each:

  lock      hold off updates and reboots, until unlock or until the connection ends
  unlock    no longer
  update    look for a new release now, and install it when nobody holds it off
  reboot    reboot the box when nobody holds it off
  status    how an update goes

Each answer is one line of JSON. Where the supervisor is, balena says in BALENA_SUPERVISOR_ADDRESS and BALENA_SUPERVISOR_API_KEY.
`;

/** `wardgate agent`. */
export const command: Command = {
  summary: "on a balena box: pass a few words on to its supervisor",
  help,
  run,
};

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: { socket: { type: "string" } } });
  if (values.socket === undefined) {
    throw new WardError("WARD_USAGE", "Cannot listen: --socket PATH is missing.");
  }
  const socket = resolve(values.socket);
  const agent = await Agent.open({ socket, supervisor: supervisorPlace(process.env) });
  io.stdout.write(`Listening on ${socket}.\n`);
  if (!io.stop.aborted) {
    await once(io.stop, "abort");
  }
  await agent.close();
  return 0;
}

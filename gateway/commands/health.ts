import { resolve } from "node:path";
import { parseArgs } from "node:util";

import { errorText, WardError } from "../errors.ts";
import { askControl } from "../house/control.ts";
import { textAt } from "../json-value.ts";
import type { Command, CommandIo } from "./command.ts";

const help = `Usage: wardgate health --data DIR [--json]

Says in one line whether a running gateway is healthy: by the age of its data, not by whether its processes live. Made for the
HEALTHCHECK of a container.

  --data DIR   the gateway's data directory
  --json       one JSON object

Exit code 0 when it is healthy, 1 when it is not or does not run.
`;

/** `wardgate health`. */
export const command: Command = { summary: "say whether data moves, in one line", help, run };

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { data: { type: "string" }, json: { type: "boolean", default: false } },
  });
  if (values.data === undefined) {
    throw new WardError("WARD_USAGE", "Cannot look: --data DIR is missing.");
  }
  const health = await askControl(resolve(values.data), "health").catch((error: unknown) => ({
    state: "stuck",
    text: errorText(error),
    forMs: 0,
  }));
  const state = textAt(health, "state");
  io.stdout.write(
    values.json ? `${JSON.stringify(health)}\n` : `${state}: ${textAt(health, "text")}\n`,
  );
  return state === "good" ? 0 : 1;
}

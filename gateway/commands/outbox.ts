import { resolve } from "node:path";
import { parseArgs } from "node:util";

import { askControl } from "../house/control.ts";
import { WardError } from "../errors.ts";
import { numberAt, valueAt } from "../json-value.ts";
import type { Command, CommandIo } from "./command.ts";

const help = `Usage: wardgate outbox status --data DIR [--json]

Says what waits in the outbox of a running gateway: it asks the gateway and opens nothing itself.

  --data DIR   the gateway's data directory
  --json       the answer as one JSON object
`;

/** `wardgate outbox status`. */
export const command: Command = {
  summary: "say what waits in the outbox of a running gateway",
  help,
  run,
};

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { data: { type: "string" }, json: { type: "boolean", default: false } },
  });
  if (positionals[0] !== "status" || positionals.length !== 1 || values.data === undefined) {
    throw new WardError("WARD_USAGE", "Cannot do that. Run: wardgate outbox status --data DIR");
  }
  const status = await askControl(resolve(values.data), "outbox");
  io.stdout.write(values.json ? `${JSON.stringify(status)}\n` : table(status));
  return 0;
}

function table(status: unknown): string {
  const classes = Object.keys(valueAt(status, "classes") ?? {});
  const rows = classes.map((name) => {
    const oldest = valueAt(status, "classes", name, "oldestAt");
    return [
      name,
      numberAt(status, "classes", name, "batches").toLocaleString("en-US"),
      numberAt(status, "classes", name, "bytes").toLocaleString("en-US"),
      typeof oldest === "number" ? new Date(oldest).toISOString() : "-",
    ];
  });
  const lines = [["class", "batches", "bytes", "oldest"], ...rows].map(
    ([name = "", batches = "", bytes = "", oldest = ""]) =>
      `${name.padEnd(8)} ${batches.padStart(10)} ${bytes.padStart(14)}  ${oldest}`,
  );
  const link = valueAt(status, "connected") === true ? "connected" : "not connected";
  return `Broker: ${link}\n${lines.join("\n")}\n`;
}

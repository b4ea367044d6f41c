import { parseArgs } from "node:util";

import { DRIVERS } from "../devices/catalog.ts";
import type { CommandIo } from "./command.ts";

/** `wardgate devices list`: the device matrix, as a table or as one JSON array. */
export function listDevices(args: readonly string[], io: CommandIo): number {
  const { values } = parseArgs({
    args: [...args],
    options: { json: { type: "boolean", default: false } },
  });
  const models = DRIVERS.map(({ kind, facts, options }) => ({
    model: facts.model,
    maker: facts.maker,
    protocol: facts.protocol,
    lines: facts.lines,
    evidence: facts.evidence,
    mode: facts.mode,
    kind,
    source: facts.source,
    quietMs: facts.quietMs,
    options,
  }));
  if (values.json) {
    io.stdout.write(`${JSON.stringify(models)}\n`);
    return 0;
  }
  const rows = [
    ["MODEL", "MAKER", "EVIDENCE", "MODE", "LINES", "PROTOCOL"],
    ...models.map((row) => [
      row.model,
      row.maker,
      row.evidence,
      row.mode,
      row.lines.join(","),
      row.protocol,
    ]),
  ];
  io.stdout.write(table(rows));
  return 0;
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  return `${lines.join("\n")}\n`;
}

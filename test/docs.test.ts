import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";

import { DRIVERS } from "../gateway/devices/catalog.ts";
import { SETTINGS, variableOf } from "../gateway/settings.ts";

/** Tables in the README are made from the source; `UPDATE=1 npm test` writes them anew. */
const README = new URL("../README.md", import.meta.url);

const TABLES: Readonly<Record<string, () => string>> = {
  settings: () =>
    table(
      ["setting", "variable", "default", "range", "what it is for"],
      Object.entries(SETTINGS).map(([name, spec]) => [
        `\`${name}\``,
        `\`${variableOf(name)}\``,
        String(spec.default),
        spec.type === "integer" ? `${spec.minimum} - ${spec.maximum} ${spec.unit}` : "",
        spec.doc,
      ]),
    ),
  devices: () =>
    table(
      ["model", "maker", "protocol", "lines", "evidence", "mode"],
      DRIVERS.map(({ facts }) => [
        `[\`${facts.model}\`](gateway/devices/${facts.model}/README.md)`,
        facts.maker,
        facts.protocol,
        facts.lines.join(", "),
        facts.evidence,
        facts.mode,
      ]),
    ),
};

for (const [name, make] of Object.entries(TABLES)) {
  test(`the README's table of ${name} is that of the source`, () => {
    const readme = readFileSync(README, "utf8");
    const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`];
    const [before, rest = ""] = readme.split(begin);
    const [old = "", after] = rest.split(end);
    assert.ok(after !== undefined, `no ${begin} ... ${end} in the README`);
    if (process.env["UPDATE"] === "1") {
      writeFileSync(README, `${before}${begin}\n\n${make()}\n\n${end}${after}`);
    } else {
      assert.deepEqual(cells(old), cells(make()));
    }
  });
}

/** Rows of cells without the padding that the formatter gives a table. */
function cells(text: string): string[][] {
  return text
    .trim()
    .split("\n")
    .filter((line) => !/^\|[\s|:-]+\|$/.test(line))
    .map((line) => line.split("|").map((cell) => cell.trim()));
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (row: readonly string[]): string => `| ${row.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";

import { DRIVERS } from "../gateway/devices/catalog.ts";
import type { Driver } from "../gateway/devices/device.ts";
import { SETTINGS, variableOf } from "../gateway/settings.ts";
import { SIMULATORS } from "../gateway/simulate/registry.ts";
import { capturesOf } from "./gateway/devices/captures.ts";

interface GeneratedTable {
  /** Where it stands, between `<!-- name:begin -->` and `<!-- name:end -->`. */
  readonly file: string;
  readonly make: () => string;
}

/** Tables in the docs are made from the source; `UPDATE=1 npm test` writes them anew. */
const TABLES: Readonly<Record<string, GeneratedTable>> = {
  settings: { file: "../README.md", make: settingsTable },
  devices: { file: "../docs/devices.md", make: deviceMatrix },
};

for (const [name, { file, make }] of Object.entries(TABLES)) {
  test(`the table of ${name} is that of the source`, () => {
    const page = new URL(file, import.meta.url);
    const text = readFileSync(page, "utf8");
    const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`];
    const [before, rest = ""] = text.split(begin);
    const [old = "", after] = rest.split(end);
    assert.ok(after !== undefined, `no ${begin} ... ${end} in ${file}`);
    if (process.env["UPDATE"] === "1") {
      writeFileSync(page, `${before}${begin}\n\n${make()}\n\n${end}${after}`);
    } else {
      assert.deepEqual(cells(old), cells(make()));
    }
  });
}

function settingsTable(): string {
  return table(
    ["setting", "variable", "default", "range", "what it is for"],
    Object.entries(SETTINGS).map(([name, spec]) => [
      `\`${name}\``,
      `\`${variableOf(name)}\``,
      String(spec.default),
      spec.type === "integer" ? `${spec.minimum} - ${spec.maximum} ${spec.unit}` : "",
      spec.doc,
    ]),
  );
}

function deviceMatrix(): string {
  return table(
    ["model", "maker", "protocol", "lines", "mode", "evidence", "tested with"],
    DRIVERS.toSorted((a, b) => a.facts.model.localeCompare(b.facts.model)).map((driver) => {
      const { model, maker, protocol, lines, mode, evidence } = driver.facts;
      const link = `[\`${model}\`](../gateway/devices/${model}/README.md)`;
      return [link, maker, protocol, lines.join(", "), mode, evidence, testedWith(driver)];
    }),
  );
}

/** What a driver was tried with, as far as the tree can show. */
function testedWith(driver: Driver): string {
  const origins = new Set(
    driver.kind === "stream" ? capturesOf(driver).map(({ expected }) => expected.origin) : [],
  );
  return [
    origins.has("recorded") ? "recorded" : "",
    origins.has("known-answer") ? "known answers" : "",
    SIMULATORS.some(({ model }) => model === driver.facts.model) ? "simulator" : "",
  ]
    .filter((word) => word !== "")
    .join(", ");
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

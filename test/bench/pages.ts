import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { goalTable } from "./goal.ts";
import { type Machine, machineText } from "./machine.ts";
import type { BenchPart, PartReport } from "./part.ts";
import { PARTS } from "./parts.ts";
import { markdownTable } from "./table.ts";

/** A part with what it has measured, and where. */
export interface MeasuredPart {
  readonly part: BenchPart;
  readonly machine: Machine;
  readonly report: PartReport;
}

const PAGE = new URL("../../docs/benchmarks.md", import.meta.url);
const README = new URL("../../README.md", import.meta.url);

const HEAD = `# Benchmarks

Written by \`npm run bench -- --write\`; \`--only PART\` measures one part again. All of one section is measured in one run on one
machine; absolute rates move by up to 2x between runs on a shared machine, ratios within one run by about 15 %.
`;

/** Puts tables into docs/benchmarks.md and the README; parts that were not measured keep theirs. */
export async function writePages(measured: readonly MeasuredPart[]): Promise<void> {
  const page = await readFile(PAGE, "utf8");
  const sections = PARTS.flatMap((part) => {
    const now = measured.find((one) => one.part.name === part.name);
    const text = now === undefined ? between(page, part.name) : sectionOf(now);
    return text === null ? [] : [marked(part.name, text)];
  });
  await writeFile(PAGE, `${HEAD}\n${sections.join("\n\n")}\n`);
  for (const { picture } of measured.map(({ report }) => report)) {
    if (picture !== undefined) {
      await writeFile(new URL(picture.file, PAGE), picture.svg);
    }
  }
  await writeReadme(measured);
  // The formatter pads tables; a page that it would change fails the check of the next commit.
  await promisify(execFile)(
    fileURLToPath(new URL("../../node_modules/.bin/oxfmt", import.meta.url)),
    [PAGE, README].map((url) => fileURLToPath(url)),
  );
}

async function writeReadme(measured: readonly MeasuredPart[]): Promise<void> {
  const readme = await readFile(README, "utf8");
  for (const { machine, report } of measured) {
    if (report.headline !== undefined) {
      const table = `${markdownTable(report.headline)}\n\n${machineText(machine)}.`;
      const [begin, end] = markers("bench");
      const text = readme.replace(
        new RegExp(`${begin}.*${end}`, "s"),
        () => `${begin}\n\n${table}\n\n${end}`,
      );
      await writeFile(README, text);
    }
  }
}

function sectionOf({ part, machine, report }: MeasuredPart): string {
  const { table, goals, notes, picture } = report;
  return [
    `## ${part.title}`,
    `${machineText(machine)}.`,
    markdownTable(table),
    ...(picture === undefined ? [] : [`![${picture.alt}](${picture.file})`]),
    ...(goals.length === 0 ? [] : [markdownTable(goalTable(goals))]),
    notes.map((note) => `- ${note}`).join("\n"),
  ].join("\n\n");
}

/** What stands between a part's markers, or null when it has none. */
function between(page: string, name: string): string | null {
  const [begin, end] = markers(name);
  const [, text] = new RegExp(`${begin}(.*)${end}`, "s").exec(page) ?? [];
  return text?.trim() ?? null;
}

function marked(name: string, text: string): string {
  const [begin, end] = markers(name);
  return `${begin}\n\n${text}\n\n${end}`;
}

function markers(name: string): readonly [string, string] {
  return [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`];
}

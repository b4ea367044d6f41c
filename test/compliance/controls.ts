import { existsSync, readFileSync } from "node:fs";

/** One control of a framework: how it is met, and what shows it. */
export interface Control {
  readonly framework: string;
  readonly id: string;
  /** What it asks for, in our own words. */
  readonly requirement: string;
  /** How it is met; empty when it is not claimed. */
  readonly how: string;
  /** `path` or `path#symbol`. */
  readonly code: readonly string[];
  /** `path of the test file#name of the test`. */
  readonly tests: readonly string[];
  /** What stays open. */
  readonly residual: string;
}

/** Where the controls are kept. */
export const CONTROLS_FILE = "compliance/controls.json";

/** Reads the controls. Throws TypeError naming the row that has another form. */
export function readControls(file = CONTROLS_FILE): Control[] {
  const rows: unknown = JSON.parse(readFileSync(file, "utf8"));
  if (!Array.isArray(rows)) {
    throw new TypeError(`${file} is no list`);
  }
  return rows.map((row: unknown, place) => {
    if (!isControl(row)) {
      throw new TypeError(`${file}: row ${place + 1} is no control`);
    }
    return row;
  });
}

/** What is wrong with a control: code or a test that is not there. */
export function problemsOf({ framework, id, how, code, tests }: Control): string[] {
  const name = `${framework} ${id}`;
  const problems: string[] = [];
  for (const place of code) {
    const [path = "", symbol] = place.split("#");
    if (!existsSync(path)) {
      problems.push(`${name}: there is no ${path}`);
    } else if (symbol !== undefined && !readFileSync(path, "utf8").includes(symbol)) {
      problems.push(`${name}: there is no ${symbol} in ${path}`);
    }
  }
  for (const test of tests) {
    const { file, title } = testOf(test);
    if (!existsSync(file) || !readFileSync(file, "utf8").includes(`test("${title}"`)) {
      problems.push(`${name}: there is no test "${title}" in ${file}`);
    }
  }
  if (how === "" && tests.length > 0) {
    problems.push(`${name}: it has tests and does not say how it is met`);
  }
  return problems;
}

/** The file and the name of a test. */
export function testOf(place: string): { readonly file: string; readonly title: string } {
  const cut = place.indexOf("#");
  return { file: place.slice(0, cut), title: place.slice(cut + 1) };
}

function isControl(row: unknown): row is Control {
  return (
    isRecord(row) &&
    ["framework", "id", "requirement", "how", "residual"].every(
      (key) => typeof row[key] === "string",
    ) &&
    ["code", "tests"].every(
      (key) => Array.isArray(row[key]) && row[key].every((text) => typeof text === "string"),
    )
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

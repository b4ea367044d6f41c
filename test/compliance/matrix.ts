import type { Control } from "./controls.ts";

/** How a control stands after a run of the tests. */
export type Verdict = "proven" | "failed" | "not run" | "not claimed";

/** What became of tests in the last run, by `file#name`. */
export type Results = ReadonlyMap<string, boolean>;

/** Judges a control by the tests that it names. */
export function judge({ tests }: Control, results: Results): Verdict {
  if (tests.length === 0) {
    return "not claimed";
  }
  if (tests.some((test) => results.get(test) === false)) {
    return "failed";
  }
  return tests.every((test) => results.get(test) === true) ? "proven" : "not run";
}

/** Reads the lines that the reporter wrote; of a test that ran several times the last one counts. */
export function readResults(text: string): Results {
  const results = new Map<string, boolean>();
  for (const line of text.split("\n").filter((each) => each !== "")) {
    const row: unknown = JSON.parse(line);
    const at = (key: string): unknown => Reflect.get(Object(row), key);
    results.set(`${String(at("file"))}#${String(at("title"))}`, at("passed") === true);
  }
  return results;
}

/** The matrix for people, framework by framework. */
export function matrixText(controls: readonly Control[], results: Results): string {
  const lines: string[] = [];
  for (const [framework, rows] of Map.groupBy(controls, (control) => control.framework)) {
    lines.push(framework);
    const idWidth = Math.max(...rows.map(({ id }) => id.length));
    for (const control of rows) {
      const verdict = judge(control, results).padEnd(VERDICT_WIDTH);
      lines.push(`  ${control.id.padEnd(idWidth)}  ${verdict}  ${control.requirement}`);
      if (control.residual !== "") {
        lines.push(
          `  ${"".padEnd(idWidth)}  ${"".padEnd(VERDICT_WIDTH)}  open: ${control.residual}`,
        );
      }
    }
    lines.push("");
  }
  return lines.join("\n");
}

const VERDICT_WIDTH = "not claimed".length;

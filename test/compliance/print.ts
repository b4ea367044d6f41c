import { existsSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { problemsOf, readControls } from "./controls.ts";
import { judge, matrixText, readResults } from "./matrix.ts";
import { RESULTS_FILE } from "./results-reporter.ts";

/**
 * `npm run compliance`: prints which controls the last run of the tests has proven; `--json` for machines. Exit code 1 when a
 * test that a control names failed or is not there.
 */
const { values } = parseArgs({ options: { json: { type: "boolean", default: false } } });
const controls = readControls();
const results = readResults(existsSync(RESULTS_FILE) ? readFileSync(RESULTS_FILE, "utf8") : "");
const problems = controls.flatMap(problemsOf);
const verdicts = controls.map((control) => judge(control, results));
if (values.json) {
  const rows = controls.map((control, place) => ({ ...control, verdict: verdicts[place] }));
  process.stdout.write(`${JSON.stringify(rows, undefined, 2)}\n`);
} else {
  process.stdout.write(matrixText(controls, results));
  const counts = ["proven", "failed", "not run", "not claimed"].map(
    (verdict) => `${verdicts.filter((each) => each === verdict).length} ${verdict}`,
  );
  process.stdout.write(`${counts.join(", ")}\n`);
}
for (const problem of problems) {
  process.stderr.write(`compliance: ${problem}\n`);
}
process.exitCode = problems.length > 0 || verdicts.includes("failed") ? 1 : 0;

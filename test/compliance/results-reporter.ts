import { appendFileSync, mkdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { TestEvent } from "node:test/reporters";

/** Where each run notes which tests passed; newer lines count. */
export const RESULTS_FILE: string = join("build", "test-results.ndjson");

/**
 * A reporter of the test runner that prints nothing and notes for each test whether it passed, for `npm run compliance`. What
 * was skipped did not pass.
 */
export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  mkdirSync(dirname(RESULTS_FILE), { recursive: true });
  for await (const event of source) {
    if ((event.type === "test:pass" || event.type === "test:fail") && event.data.file) {
      const isSkipped = event.data.skip !== undefined && event.data.skip !== false;
      const passed = event.type === "test:pass" && !isSkipped;
      const file = relative(process.cwd(), event.data.file);
      const line = { file, title: event.data.name, passed, at: Date.now() };
      appendFileSync(RESULTS_FILE, `${JSON.stringify(line)}\n`);
    }
  }
  yield "";
}

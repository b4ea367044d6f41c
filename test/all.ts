import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import process from "node:process";

import "./install.ts";

/** Types stripped once for all test processes. */
const STRIPPED = "--import=./gateway/program/stripped.js";

/**
 * `npm run test:all`: the tests that need programs beyond the npm packages, and the short chaos runs. Installs what is
 * missing on Debian when root; otherwise says the one line to type. Nothing is skipped but the two that build an image and emulate
 * another processor: they say so, and how to have them.
 */
const statuses = [
  // These mostly wait for programs.
  run(globSync("test/system/**/*.test.ts"), 2),
  // These mostly wait for what they have broken.
  run(globSync("test/chaos/**/*.test.ts"), 2),
];
process.exitCode = statuses.find((status) => status !== 0) ?? 0;

/** Runs test files, so many at a time; returns the exit code. */
function run(files: readonly string[], concurrency: number): number {
  const options = [
    "--test",
    "--test-timeout=300000",
    `--test-concurrency=${concurrency}`,
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
    "--test-reporter=./test/compliance/results-reporter.ts",
    "--test-reporter-destination=stderr",
  ];
  const { status } = spawnSync(process.execPath, [STRIPPED, ...options, ...files.toSorted()], {
    stdio: "inherit",
  });
  return status ?? 1;
}

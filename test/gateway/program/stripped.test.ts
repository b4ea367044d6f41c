import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("../../../gateway/program", import.meta.url));

/** A program of one file in a tree of its own, so that this test shares no cache with anybody. */
const root = mkdtempSync(join(tmpdir(), "wardgate-stripped-"));
after(() => rmSync(root, { recursive: true, force: true }));
cpSync(FOLDER, join(root, "gateway/program"), { recursive: true });
writeFileSync(join(root, "package.json"), '{"type":"module"}');
const CACHE = join(root, "node_modules/.wardgate/stripped");

test("what was stripped once is not stripped again, and a changed file is never out of date", () => {
  write("1");
  assert.equal(run(), "1 stripped");
  const cached = readdirSync(CACHE).find((name) => read(name).includes("const value"));
  assert.ok(cached !== undefined);
  // Seen to come from the cache: what is put there is what runs.
  writeFileSync(join(CACHE, cached), 'console.log("from the cache");');
  assert.equal(run(), "from the cache");
  write("2");
  assert.equal(run(), "2 stripped");
  assert.equal(readdirSync(CACHE).includes(cached), false, "nothing is kept that no file needs");
});

test("a process that may not write runs without the cache", () => {
  write("3");
  assert.equal(run("--permission", `--allow-fs-read=${root}`), "3 typescript");
});

function write(value: string): void {
  // Node.js' own stripper is loaded by the first file that needs it, and is then a loaded builtin.
  writeFileSync(
    join(root, "gateway/main.ts"),
    `const value: string = ${JSON.stringify(value)};
const loaded = process.moduleLoadList.some((name) => name.includes("deps/amaro"));
console.log(value, loaded ? "typescript" : "stripped");`,
  );
}

function read(name: string): string {
  return readFileSync(join(CACHE, name), "utf8");
}

function run(...options: readonly string[]): string {
  const hook = `--import=${join(root, "gateway/program/stripped.js")}`;
  const args = ["--disable-warning=ExperimentalWarning", ...options, hook];
  const done = spawnSync(process.execPath, [...args, join(root, "gateway/main.ts")], {
    encoding: "utf8",
  });
  assert.equal(done.stderr, "");
  return done.stdout.trim();
}

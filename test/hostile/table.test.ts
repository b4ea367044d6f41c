import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { testOf } from "../compliance/controls.ts";

const README = readFileSync("test/hostile/README.md", "utf8");
/** What README names in its table of attacks. */
const NAMED: readonly string[] = [...README.matchAll(/^\|.*\| `([^`|]+#[^`|]+)` *\|$/gm)].map(
  ([, place = ""]) => place,
);

function isThere(place: string): boolean {
  const { file, title } = testOf(place);
  if (!existsSync(file)) {
    return false;
  }
  const text = readFileSync(file, "utf8");
  return text.includes(`test("${title}"`) || text.includes(`test(\`${title}\``);
}

test("every test that the table of attacks names is there", () => {
  assert.ok(NAMED.length > 50, `${NAMED.length} are named`);
  assert.deepEqual(
    NAMED.filter((place) => !isThere(place)),
    [],
  );
  assert.equal(isThere("test/hostile/table.test.ts#a test that nobody wrote"), false);
});

test("every test of this folder stands in the table", () => {
  const written = globSync("test/hostile/*.test.ts")
    .filter((file) => file !== "test/hostile/table.test.ts")
    .flatMap((file) =>
      [...readFileSync(file, "utf8").matchAll(/^test\("([^"]+)"/gm)].map(
        ([, title = ""]) => `${file}#${title}`,
      ),
    );
  assert.ok(written.length > 20);
  assert.deepEqual(
    written.filter((place) => !NAMED.includes(place)),
    [],
  );
});

test("everything that listens is listed", () => {
  const listening = globSync("{gateway,hub,provisioning,nodes}/**/*.ts").filter((file) =>
    /\bcreateServer\(|\bcreateSocket\(|\.listen\(/.test(readFileSync(file, "utf8")),
  );
  assert.ok(listening.length > 10);
  assert.deepEqual(
    listening.filter((file) => !README.includes(`\`${file}\``)),
    [],
  );
});

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { replaceDurably } from "../../../gateway/outbox/disk-sync.ts";
import { temporaryDirectory } from "../../fakes/outbox-kit.ts";

function pathIn(t: TestContext): string {
  const directory = temporaryDirectory(t);
  mkdirSync(directory, { recursive: true });
  return join(directory, "file");
}

test("a file is replaced whole, and only its owner may read it", (t) => {
  const path = pathIn(t);
  replaceDurably(path, Buffer.from("one"));
  replaceDurably(path, Buffer.from("two"));
  assert.equal(readFileSync(path, "utf8"), "two");
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test("when only a part can be written the old file stays, and the error says why", (t) => {
  const path = pathIn(t);
  writeFileSync(path, "old");
  const module = new URL("../../../gateway/outbox/disk-sync.ts", import.meta.url);
  const program = `
    const { replaceDurably } = await import(${JSON.stringify(module.href)});
    replaceDurably(${JSON.stringify(path)}, new Uint8Array(100_000));
  `;
  // The limit cuts the first write short, without an error, as a disk that fills up does.
  const { stderr } = spawnSync(
    "sh",
    ["-c", 'ulimit -f 16; exec "$@"', "sh", process.execPath, "--input-type=module", "-e", program],
    { encoding: "utf8" },
  );
  assert.match(stderr, /EFBIG/);
  assert.equal(readFileSync(path, "utf8"), "old");
});

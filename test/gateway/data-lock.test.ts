import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, realpathSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { lockDataDirectory } from "../../gateway/data-lock.ts";

const directory = mkdtempSync(join(tmpdir(), "wardgate-lock-"));
after(() => rmSync(directory, { recursive: true }));

test("one holder at a time, and the next when it lets go", async () => {
  const lock = await lockDataDirectory(directory);
  await assert.rejects(lockDataDirectory(directory), {
    code: "WARD_DATA_LOCKED",
    message: /another process is running/,
  });
  lock.release();
  (await lockDataDirectory(directory)).release();
  assert.equal(statSync(join(directory, "lock.secret")).mode & 0o777, 0o600);
});

test("a stranger who sits on the name keeps nobody out, and two of us still see each other", async () => {
  const id = createHash("sha256").update(realpathSync(directory)).digest("hex").slice(0, 32);
  const stranger = createServer((socket) => socket.write(Buffer.alloc(32)));
  stranger.listen(`\0wardgate-data-${id}-0`);
  await once(stranger, "listening");
  const lock = await lockDataDirectory(directory);
  await assert.rejects(lockDataDirectory(directory), { code: "WARD_DATA_LOCKED" });
  lock.release();
  stranger.close();
});

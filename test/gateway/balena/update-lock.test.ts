import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { clearStaleLock, UpdateLock } from "../../../gateway/balena/update-lock.ts";

const directory = mkdtempSync(join(tmpdir(), "wardgate-update-lock-"));
const path = join(directory, "updates.lock");
after(() => rmSync(directory, { recursive: true }));

/** Whether another program gets the flock, as the host does before it reboots. */
function hostMayReboot(): boolean {
  return spawnSync("flock", ["--exclusive", "--nonblock", path, "true"]).status === 0;
}

test("both locks are held, and both are given back", async () => {
  const lock = await UpdateLock.take(path);
  assert.equal(existsSync(path), true);
  assert.equal(hostMayReboot(), false);
  await lock.release();
  assert.equal(existsSync(path), false);
  await lock.release();
  assert.equal(hostMayReboot(), true);
  rmSync(path);
});

test("who comes second gets none", async () => {
  const lock = await UpdateLock.take(path);
  await assert.rejects(UpdateLock.take(path), {
    code: "WARD_UPDATE_LOCK",
    message: /held already/,
  });
  assert.equal(hostMayReboot(), false);
  await lock.release();
});

test("a place that is none says so", async () => {
  await assert.rejects(UpdateLock.take(join(directory, "no", "such", "updates.lock")), {
    code: "WARD_UPDATE_LOCK",
    message: /ENOENT/,
  });
});

test("what a killed process left is cleared, and nothing is no error", () => {
  writeFileSync(path, "");
  clearStaleLock(path);
  assert.equal(existsSync(path), false);
  clearStaleLock(path);
});

import assert from "node:assert/strict";
import { test } from "node:test";

import { WardError } from "../../gateway/errors.ts";
import { readSettings, SETTINGS, variableOf } from "../../gateway/settings.ts";

test("defaults are within their own limits", () => {
  assert.equal(readSettings(undefined, {}).commitMs, SETTINGS.commitMs.default);
});

test("a variable wins over the file, the file over the default", () => {
  const settings = readSettings({ commitMs: 5, publishWindow: 7 }, { WARD_COMMIT_MS: "9" });
  assert.equal(settings.commitMs, 9);
  assert.equal(settings.publishWindow, 7);
  assert.equal(variableOf("pubackMs"), "WARD_PUBACK_MS");
});

test("classes of data share the outbox, and leave something to what accounts for them", () => {
  const { vitalPercent, waveWhenFull } = readSettings({ vitalPercent: 50 }, {});
  assert.deepEqual([vitalPercent, waveWhenFull], [50, "evict-old"]);
  assert.throws(() => readSettings({ vitalPercent: 51 }, {}), /vitalPercent.*91 % together/);
  assert.throws(() => readSettings({ waveWhenFull: "drop" }, {}), /WARD_WAVE_WHEN_FULL/);
});

test("every problem is listed at once", () => {
  assert.throws(
    () =>
      readSettings({ commitMs: -1, nonsense: 1, keepaliveS: "x" }, { WARD_EDITOR_PORT: "70000" }),
    (error: unknown) => {
      assert.ok(error instanceof WardError);
      assert.equal(error.code, "WARD_SETTINGS");
      for (const name of ["commitMs", "nonsense", "keepaliveS", "WARD_EDITOR_PORT"]) {
        assert.match(error.message, new RegExp(name));
      }
      return true;
    },
  );
  assert.throws(() => readSettings([], {}), WardError);
});

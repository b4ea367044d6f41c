import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { settledMessages } from "../../../gateway/flowhost/settled-messages.ts";
import {
  type FlowStorage,
  makeStorage,
  type StorageOptions,
} from "../../../gateway/flowhost/storage.ts";
import { FRAME_JSON_MAX } from "../../../gateway/room-link.ts";
import type { Outcome } from "../../../gateway/rooms.ts";

interface Made extends FlowStorage {
  readonly log: readonly string[];
  readonly stored: Map<string, string>;
}

function storageOf(
  documents: Readonly<Record<string, string>>,
  options: Partial<StorageOptions> = {},
): Made {
  const log: string[] = [];
  const stored = new Map(Object.entries(documents));
  const storage = makeStorage({
    documents: {
      load: async (what) => stored.get(what) ?? null,
      save: async (what, text) => void stored.set(what, text),
    },
    mode: "flows",
    authoring: true,
    isKnownType: () => true,
    log: (line) => log.push(line),
    ...options,
  });
  return { ...storage, log, stored };
}

const KEPT = { settings: '{"a":1}', credentials: '{"b":2}', "signed-flows": '[{"id":"signed"}]' };

test("settings and credentials come back as they were saved", async () => {
  const storage = storageOf(KEPT);
  assert.deepEqual(await storage.getSettings(), { a: 1 });
  assert.deepEqual(await storage.getCredentials(), { b: 2 });
  assert.deepEqual(storage.log, []);
});

test("whatever is stored for settings, credentials and flows: something usable comes back", async () => {
  const text = fc.oneof(fc.string(), fc.json(), fc.constantFrom("null", "[1]", "[{", "7"));
  await fc.assert(
    fc.asyncProperty(text, async (noise) => {
      const storage = storageOf({ ...KEPT, settings: noise, credentials: noise, flows: noise });
      assert.equal(Object.prototype.toString.call(await storage.getSettings()), "[object Object]");
      assert.equal(
        Object.prototype.toString.call(await storage.getCredentials()),
        "[object Object]",
      );
      assert.ok(Array.isArray(await storage.getFlows()));
    }),
  );
});

test("flows that cannot be read give way to the signed ones, and the log says so without quoting them", async () => {
  for (const flows of ["[{secret", "{}", "[1]", "7"]) {
    const storage = storageOf({ ...KEPT, flows });
    assert.deepEqual(await storage.getFlows(), [{ id: "signed" }]);
    assert.match(storage.log.join("\n"), /stored flows/);
    assert.doesNotMatch(storage.log.join("\n"), /secret/);
  }
  const none = storageOf({ flows: "[{", "signed-flows": "[{" });
  await assert.rejects(none.getFlows(), { code: "WARD_FLOWS_UNREADABLE" });
});

test("the collector and a locked gateway run without what was kept", async () => {
  for (const options of [{ mode: "collector" }, { authoring: false }] as const) {
    const storage = storageOf({ ...KEPT, flows: "[]" }, options);
    assert.deepEqual(await storage.getSettings(), {});
    assert.deepEqual(await storage.getCredentials(), {});
  }
  const locked = storageOf(KEPT, { authoring: false });
  await locked.saveSettings({ a: 2 });
  await assert.rejects(locked.saveCredentials({}), { code: "WARD_FLOWS_LOCKED" });
  await assert.rejects(locked.saveFlows([]), { code: "WARD_FLOWS_LOCKED" });
  assert.equal(locked.stored.get("settings"), KEPT.settings);
});

test("what is settled goes in messages that bedside reads, however much it is", () => {
  const outcomes: Outcome[] = Array.from({ length: 8000 }, (_, place) => ({
    device: `bed-${place}/`.padEnd(64, "x"),
    boot: "00000000000000b1",
    take: Number.MAX_SAFE_INTEGER - place,
    class: "notice",
    stored: 50,
    withheld: 50,
    refused: 50,
    dropped: 50,
  }));
  const gaps = Array.from({ length: 2500 }, (_, place) => `${place}`.padStart(512, "g"));
  const messages = settledMessages(outcomes, gaps);
  const settled = messages.filter((message) => message.t === "settled");
  assert.deepEqual(
    settled.flatMap((message) => message.outcomes),
    outcomes,
  );
  assert.deepEqual(
    settled.flatMap((message) => message.gaps),
    gaps,
  );
  assert.ok(messages.every((message) => JSON.stringify(message).length < FRAME_JSON_MAX));
  assert.deepEqual(settledMessages([], []), []);
});

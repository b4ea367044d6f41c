import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { parseListenerToFlowhost } from "../../../gateway/flowhost/listener-messages.ts";
import { ROOMS_VERSION, WATCHED_DEVICES_MAX } from "../../../gateway/rooms.ts";
import { wardCode } from "../../fakes/sealing-kit.ts";

test("the flow host understands what the listener says and nothing else", () => {
  const bed = (place: number): string => `bed-${place}`;
  const beds = Array.from({ length: WATCHED_DEVICES_MAX }, (_, place) => bed(place));
  for (const said of [
    { t: "hello", version: ROOMS_VERSION },
    { t: "watch", on: true, waves: [] },
    { t: "watch", on: false, waves: beds },
  ]) {
    assert.deepEqual(parseListenerToFlowhost({ ...said, more: 1 }), said);
  }
  for (const said of [
    null,
    [],
    "watch",
    {},
    { t: "hello" },
    { t: "watch", on: 1, waves: [] },
    { t: "watch", on: true },
    { t: "watch", on: true, waves: [...beds, "bed"] },
    { t: "watch", on: true, waves: ["Bed 1"] },
    { t: "watch", on: true, waves: { length: 0 } },
  ]) {
    assert.equal(
      wardCode(() => parseListenerToFlowhost(said)),
      "WARD_ROOM_MESSAGE",
    );
  }
  assert.equal(
    wardCode(() => parseListenerToFlowhost({ t: "hello", version: ROOMS_VERSION + 1 })),
    "WARD_ROOM_VERSION",
  );
});

test("whatever the listener says is understood within its limits or refused", () => {
  const anyMessage = fc.record(
    {
      t: fc.oneof(fc.constantFrom("hello", "watch"), fc.jsonValue()),
      version: fc.oneof(fc.constant(ROOMS_VERSION), fc.jsonValue()),
      on: fc.oneof(fc.boolean(), fc.jsonValue()),
      waves: fc.oneof(fc.array(fc.oneof(fc.constant("bed-1"), fc.string())), fc.jsonValue()),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.oneof(anyMessage, fc.jsonValue()), (said) => {
      try {
        const heard = parseListenerToFlowhost(said);
        assert.ok(heard.t === "hello" || heard.waves.every((device) => device.length <= 64));
      } catch (error) {
        assert.match(
          wardCode(() => {
            throw error;
          }),
          /^WARD_ROOM_/,
        );
      }
    }),
    { numRuns: 300 },
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { parseFlowhostToListener } from "../../../gateway/console/flowhost-messages.ts";
import { QUALITIES, WAVE_SAMPLES_MAX } from "../../../gateway/reading.ts";
import { ROOMS_VERSION, TREND_MINUTES } from "../../../gateway/rooms.ts";
import { AT, wardCode } from "../../fakes/sealing-kit.ts";

const NAME = { device: "bed-1/monitor", code: "MDC_A", path: "1.1.1" };
const READING = { ...NAME, value: 97, text: "97", unit: "%", at: AT, quality: ["valid"] };
const TREND = { ...NAME, points: [[29_924_591, 1.5, 2]] };
const WAVE = { ...NAME, unit: "mV", at: AT, periodMs: 2, samples: [1, null, -0.5] };

function board(more: object): unknown {
  const event = { at: AT, full: true, readings: [READING], trends: [TREND], ...more };
  return { t: "board", event };
}

function reading(more: object): unknown {
  return board({ readings: [READING, { ...READING, ...more }] });
}

function trend(points: unknown): unknown {
  return board({ trends: [{ ...TREND, points }] });
}

function wave(more: object): unknown {
  return { t: "waves", event: { waves: [{ ...WAVE, ...more }] } };
}

test("the listener hears what the flow host says, and only what is named", () => {
  for (const said of [
    { t: "hello", version: ROOMS_VERSION },
    board({}),
    reading({ value: null, text: "" }),
    reading({ value: "on", quality: QUALITIES }),
    board({ full: false, readings: [], trends: [] }),
    wave({}),
  ]) {
    assert.deepEqual(parseFlowhostToListener(said), said);
  }
  assert.deepEqual(parseFlowhostToListener(reading({ boot: "x" })), reading({}));
  assert.deepEqual(parseFlowhostToListener(wave({ __proto__: { a: 1 }, more: 1 })), wave({}));
});

test("texts are cut to their lengths and made fit for any page", () => {
  const long = "x".repeat(2000);
  const heard = parseFlowhostToListener(
    reading({ code: long, path: long, unit: long, text: long, value: `\u{d800}${long}` }),
  );
  assert.ok(heard.t === "board");
  const { code, path, unit, text, value } = heard.event.readings[1]!;
  assert.deepEqual(
    [code, path, unit, text].map((cut) => cut.length),
    [128, 128, 128, 512],
  );
  assert.equal(String(value).length, 512);
  assert.ok(String(value).isWellFormed());
});

test("what is not as specified is refused", () => {
  for (const said of [
    null,
    [],
    {},
    { t: "board" },
    { t: "waves", event: {} },
    board({ at: -1 }),
    board({ full: 1 }),
    board({ readings: {} }),
    board({ readings: Array.from({ length: 5001 }, () => READING) }),
    board({ readings: [null] }),
    board({ trends: Array.from({ length: 5001 }, () => TREND) }),
    reading({ device: "Bed 1" }),
    reading({ device: "__proto__" }),
    reading({ code: 1 }),
    reading({ value: true }),
    reading({ value: Number.POSITIVE_INFINITY }),
    reading({ at: "now" }),
    reading({ quality: ["good"] }),
    reading({ quality: Array.from({ length: 13 }, () => "valid") }),
    trend([[1, 2]]),
    trend([[1, 2, null]]),
    trend([[-1, 2, 3]]),
    trend(Array.from({ length: TREND_MINUTES + 1 }, (_, minute) => [minute, 1, 2])),
    wave({ periodMs: 0 }),
    wave({ periodMs: null }),
    wave({ samples: Array.from({ length: WAVE_SAMPLES_MAX + 1 }, () => 1) }),
    wave({ samples: ["1"] }),
    wave({ samples: [Number.NEGATIVE_INFINITY] }),
  ]) {
    assert.equal(
      wardCode(() => parseFlowhostToListener(said)),
      "WARD_ROOM_MESSAGE",
      JSON.stringify(said)?.slice(0, 200),
    );
  }
  for (const version of [ROOMS_VERSION + 1, null, "1"]) {
    assert.equal(
      wardCode(() => parseFlowhostToListener({ t: "hello", version })),
      "WARD_ROOM_VERSION",
    );
  }
});

test("whatever the flow host says, the listener refuses it or has plain, bounded values", () => {
  const seeds = [board({}), wave({})].map((seed) => JSON.stringify(seed));
  const anyPlace = fc.nat({ max: 400 });
  fc.assert(
    fc.property(
      fc.constantFrom(...seeds),
      fc.array(fc.tuple(anyPlace, fc.jsonValue({ maxDepth: 1 })), { maxLength: 3 }),
      (seed, changes) => {
        let place = 0;
        const said: unknown = JSON.parse(seed, (_, value: unknown) => {
          place += 1;
          const change = changes.find(([where]) => where % 40 === place);
          return change === undefined ? value : change[1];
        });
        try {
          // As it comes over a link: JSON has no -0.
          const heard = parseFlowhostToListener(JSON.parse(JSON.stringify(said)));
          const known = JSON.stringify(heard);
          assert.deepEqual(parseFlowhostToListener(JSON.parse(known)), heard);
        } catch (error) {
          assert.match(
            wardCode(() => {
              throw error;
            }),
            /^WARD_ROOM_/,
          );
        }
      },
    ),
    { numRuns: 500 },
  );
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import * as fc from "fast-check";

import type { Output, StreamDriver } from "../../../gateway/devices/device.ts";
import { itemProblem } from "../../../gateway/item-shape.ts";
import { codeOf, judgePair } from "../../../gateway/nomenclature/nomenclature.ts";
import { TakeNumberer } from "../../../gateway/bedside/take.ts";
import type { Capture } from "./captures.ts";
import {
  capturesOf,
  contentOf,
  decodeWhole,
  framesOf,
  STREAM_DRIVERS,
  valuesOf,
} from "./captures.ts";
import type { Damage } from "./damages.ts";
import { DAMAGES } from "./damages.ts";

// One walk over the catalog: a new stream driver needs captures, and no new test code.
for (const driver of STREAM_DRIVERS) {
  describe(driver.facts.model, () => {
    const captures = capturesOf(driver);

    test("has captures", () => assert.ok(captures.length > 0));

    test("each capture gives what is written beside it, in pieces of any size", () => {
      for (const { name, bytes, expected } of captures) {
        for (const piece of [bytes.length, 1, 3, 7, 64]) {
          const outputs = decodeWhole(driver, bytes, expected.options, piece);
          assert.deepEqual(outputs, expected.outputs, `${name} in pieces of ${piece}`);
        }
        assert.notEqual(expected.label, "", `${name} says where it comes from`);
      }
    });

    test("every output is well formed and every code belongs to its reference id", () => {
      for (const { bytes, expected } of captures) {
        checkOutputs(driver, decodeWhole(driver, bytes, expected.options), bytes.length);
      }
    });

    for (const [damage, act] of Object.entries(DAMAGES)) {
      test(`${damage} at any place: no wrong value, and at most what was hit is missing`, () => {
        for (const capture of captures.filter(isSteady)) {
          damageEverywhere(capture, act);
        }
      });
    }

    test("cut off anywhere: what was whole is there, and nothing else", () => {
      for (const { bytes, expected, name } of captures.filter(isSteady)) {
        const whole = framesOf(expected.outputs).map(contentOf);
        for (let length = 0; length < bytes.length; length += 1) {
          const outputs = decodeWhole(driver, bytes.subarray(0, length), expected.options);
          const frames = framesOf(outputs).map(contentOf);
          assert.deepEqual(frames, whole.slice(0, frames.length), `${name} cut at ${length}`);
          const atLeast = Math.floor((length * whole.length) / bytes.length) - 1;
          assert.ok(frames.length >= atLeast, `${name} cut at ${length}: ${frames.length} frames`);
        }
      }
    });

    test("100,000 random bytes: no crash, well formed, bounded", () => {
      const [sample] = captures;
      const piece = fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        fc
          .nat({ max: Math.max(0, (sample?.bytes.length ?? 1) - 1) })
          .map((from) => Uint8Array.from(sample?.bytes.subarray(from, from + 150) ?? [])),
      );
      fc.assert(
        fc.property(fc.array(piece, { minLength: 1, maxLength: 8 }), (pieces) => {
          const bytes = Buffer.concat(pieces);
          const outputs = decodeWhole(driver, bytes, {}, 5);
          checkOutputs(driver, outputs, bytes.length);
          assert.deepEqual(outputs, decodeWhole(driver, bytes, {}, 11));
        }),
        { numRuns: 300 },
      );
    });

    test("endless noise is told before it ends", () => {
      const decoder = driver.open({});
      const noise = new Uint8Array(10_000).fill(0xa5);
      const faults = decoder.push(noise, 0).filter(({ kind }) => kind === "fault");
      assert.ok(faults.length >= 2);
    });

    test("asks only what its verbs allow", () => {
      assert.equal(driver.facts.mode === "passive", driver.verbs.length === 0);
      const asks = driver
        .open({})
        .tick(0)
        .filter(({ kind }) => kind === "ask");
      assert.ok(asks.every((ask) => ask.kind === "ask" && driver.verbs.includes(ask.verb)));
    });
  });
}

/** Captures that are a plain run of whole frames. */
function isSteady({ expected }: Capture): boolean {
  return (
    expected.outputs.every(({ kind }) => kind !== "fault") && framesOf(expected.outputs).length > 1
  );
}

function damageEverywhere({ driver, name, bytes, expected }: Capture, act: Damage): void {
  const whole = framesOf(expected.outputs).map(contentOf);
  const allowed = new Set(framesOf(expected.outputs).flatMap(valuesOf));
  for (let place = 0; place < bytes.length; place += 1) {
    const damaged = act(bytes, place, expected.guard);
    const frames = framesOf(decodeWhole(driver, damaged, expected.options));
    const wrong = frames.flatMap(valuesOf).filter((value) => !allowed.has(value));
    assert.deepEqual(wrong, [], `${name}: a wrong value with damage at ${place}`);
    const found = new Set(frames.map(contentOf));
    const missing = whole.filter((frame) => !found.has(frame)).length;
    assert.ok(missing <= 2, `${name}: ${missing} frames missing with damage at ${place}`);
    if (expected.guard === "checksum") {
      assert.ok(
        [...found].every((frame) => whole.includes(frame)),
        `${name}: a new frame with damage at ${place}`,
      );
    }
  }
}

function checkOutputs(driver: StreamDriver, outputs: readonly Output[], bytesIn: number): void {
  const numberer = new TakeNumberer("0000000000000000");
  let badBytes = 0;
  for (const output of outputs) {
    if (output.kind === "frame") {
      for (const take of numberer.number("bed-1/monitor", output, 1e12, "synchronised")) {
        for (const item of take.items) {
          assert.equal(itemProblem(item), null);
          if (item.kind !== "notice") {
            assert.notEqual(judgePair(item.code, item.mdc), "wrong", item.code);
            assert.equal(item.mdc, codeOf(item.code), item.code);
          }
          if (item.kind === "reading" && typeof item.value === "number") {
            assert.equal(Number(item.text), item.value);
          }
        }
      }
    } else if (output.kind === "fault") {
      assert.ok(output.bytes >= 0 && output.text !== "");
      badBytes += output.bytes;
    }
  }
  assert.ok(badBytes <= bytesIn, `${driver.facts.model}: more bad bytes than bytes`);
}

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import * as fc from "fast-check";

import type { LineScheme, Output, StreamDriver } from "../../../gateway/devices/device.ts";
import { randomOf } from "../../../gateway/devices/simulator.ts";
import { itemProblem } from "../../../gateway/item-shape.ts";
import { codeOf, judgePair } from "../../../gateway/nomenclature/nomenclature.ts";
import { mayAsk } from "../../../gateway/lines/stream-session.ts";
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
          const outputs = decodeWhole(driver, bytes, expected, piece);
          assert.deepEqual(outputs, expected.outputs, `${name} in pieces of ${piece}`);
        }
        assert.notEqual(expected.label, "", `${name} says where it comes from`);
      }
    });

    test("every output is well formed and every code belongs to its reference id", () => {
      for (const { bytes, expected } of captures) {
        checkOutputs(driver, decodeWhole(driver, bytes, expected), bytes.length);
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
        const step = Math.max(1, Math.ceil(bytes.length ** 2 / DAMAGE_BYTES_MAX));
        for (let length = 0; length < bytes.length; length += step) {
          const outputs = decodeWhole(driver, bytes.subarray(0, length), expected);
          const frames = framesOf(outputs).map(contentOf);
          assert.deepEqual(frames, whole.slice(0, frames.length), `${name} cut at ${length}`);
          const atLeast = Math.floor((length * whole.length) / bytes.length) - 1;
          assert.ok(frames.length >= atLeast, `${name} cut at ${length}: ${frames.length} frames`);
        }
      }
    });

    test("torn and random bytes: no crash, well formed, the same in pieces of any size", () => {
      const [sample] = captures;
      const piece = fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        fc
          .nat({ max: Math.max(0, (sample?.bytes.length ?? 1) - 1) })
          .map((from) => Uint8Array.from(sample?.bytes.subarray(from, from + 150) ?? [])),
      );
      const { options, over } = { options: {}, ...sample?.expected };
      const setting = over === undefined ? { options } : { options, over };
      fc.assert(
        fc.property(fc.array(piece, { minLength: 1, maxLength: 8 }), (pieces) => {
          const bytes = Buffer.concat(pieces);
          const outputs = decodeWhole(driver, bytes, setting, 5);
          checkOutputs(driver, outputs, bytes.length);
          assert.deepEqual(outputs, decodeWhole(driver, bytes, setting, 11));
        }),
        { numRuns: 200 },
      );
    });

    test("1,000,000 fuzz bytes: no crash, well formed, every ask one of its read verbs", () => {
      for (const over of OVER.filter((line) => driver.facts.lines.includes(line))) {
        fuzz(driver, over, captures);
      }
    });

    test("endless noise is told before it ends", () => {
      const decoder = driver.open({}, driver.facts.lines[0] ?? "serial");
      const noise = new Uint8Array(10_000).fill(0xa5);
      const faults = decoder.push(noise, 0).filter(({ kind }) => kind === "fault");
      assert.ok(faults.length >= 2);
    });

    test("passive drivers say nothing, and each read verb refuses what is none", () => {
      assert.equal(driver.facts.mode === "passive", driver.verbs.length === 0);
      for (const read of driver.verbs) {
        assert.match(read.doc, /^[A-Z].*\.$/);
        assert.equal(read.matches(new Uint8Array(0)), false);
        assert.equal(read.matches(Buffer.from("STOP\r")), false);
      }
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
  // Every place of a short capture; of a long one as many as fit the time, never always the same place in a frame.
  const step = Math.max(1, Math.ceil(bytes.length ** 2 / DAMAGE_BYTES_MAX));
  for (let place = 0; place < bytes.length; place += step) {
    const damaged = act(bytes, place, expected.guard);
    const frames = framesOf(decodeWhole(driver, damaged, expected));
    if (expected.guard !== "none") {
      const wrong = frames.flatMap(valuesOf).filter((value) => !allowed.has(value));
      assert.deepEqual(wrong, [], `${name}: a wrong value with damage at ${place}`);
    }
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

/** Bytes decoded for one kind of damage to one capture, about. */
const DAMAGE_BYTES_MAX = 4_000_000;
/** The two ways a protocol may be framed. */
const OVER: readonly LineScheme[] = ["serial", "udp"];
const FUZZ_BYTES = 1_000_000;

/** Random bytes, torn captures and captures with a changed byte, in pieces of any size, on a line that goes on and on. */
function fuzz(driver: StreamDriver, over: LineScheme, captures: readonly Capture[]): void {
  const random = randomOf(driver.facts.model.length + over.length);
  const whole = (below: number): number => Math.floor(random() * below);
  const decoder = driver.open({}, over);
  let given = 0;
  let at = 0;
  for (let sent = 0; sent < FUZZ_BYTES;) {
    const capture = captures[whole(captures.length)]?.bytes ?? Buffer.alloc(1);
    const from = whole(capture.length);
    const bytes = Buffer.from(capture.subarray(from, from + 1 + whole(400)));
    if (random() < 0.3) {
      bytes.forEach((_byte, place) => (bytes[place] = whole(256)));
    } else if (random() < 0.5) {
      bytes[whole(bytes.length)] = whole(256);
    }
    at += whole(300);
    const outputs = [...decoder.push(bytes, at), ...decoder.tick(at)];
    sent += bytes.length;
    checkOutputs(driver, outputs, Number.MAX_SAFE_INTEGER);
    given += outputs.reduce((sum, put) => sum + (put.kind === "fault" ? put.bytes : 0), 0);
    assert.ok(given <= sent, "more bytes given up than sent");
    for (const output of outputs) {
      assert.ok(output.kind !== "ask" || mayAsk(driver, output), "an ask that is no read verb");
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

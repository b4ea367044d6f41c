import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import type { LineOrFault } from "../../../gateway/devices/text-lines.ts";
import { TextLines } from "../../../gateway/devices/text-lines.ts";

const LINE_BYTES_MAX = 20;

function cut(bytes: Uint8Array, piece: number = bytes.length, alsoText: number[] = []) {
  const lines = new TextLines(LINE_BYTES_MAX, alsoText);
  const found: LineOrFault[] = [];
  for (let from = 0; from < bytes.length; from += piece) {
    found.push(...lines.push(bytes.subarray(from, from + piece)));
  }
  return [...found, ...lines.end()].map((one) =>
    one.kind === "line" ? one.text : `${one.fault} ${one.bytes}`,
  );
}

const cutText = (text: string): string[] => cut(Buffer.from(text, "latin1"));

test("CR, LF and both end a line, empty lines are left out", () => {
  assert.deepEqual(cutText("one\r\ntwo\rthree\n\n\r   \r\n four\n"), [
    "one",
    "two",
    "three",
    " four",
  ]);
});

test("a line without its end is no line", () => {
  assert.deepEqual(cutText("one\ntw"), ["one", "truncated 2"]);
  assert.deepEqual(cutText(""), []);
});

test("a byte that is no text gives up its whole line and nothing of the next", () => {
  assert.deepEqual(cutText("one\nt\xffwo\nthree\n"), ["one", "noise 4", "three"]);
  assert.deepEqual(cutText("\x7fone\n\ttwo\n"), ["noise 4", "noise 4"]);
});

test("zero bytes before a line fill the time, inside one they are damage", () => {
  assert.deepEqual(cutText("\0\0one\r\n\0\n\0two\n\0"), ["one", "two"]);
  assert.deepEqual(cutText("o\0ne\n\x01\0two\n"), ["noise 4", "noise 5"]);
});

test("a line of the greatest length is a line, a longer one is none", () => {
  const longest = "x".repeat(LINE_BYTES_MAX);
  assert.deepEqual(cutText(`${longest}\n${longest}x\n`), [longest, `noise ${LINE_BYTES_MAX + 1}`]);
});

test("noise without an end is told each 1000 bytes, each byte once", () => {
  const told = cut(new Uint8Array(2500).fill(0xa5));
  assert.deepEqual(told, ["noise 999", "noise 999", "truncated 502"]);
});

test("a protocol may have bytes of its own among the text, but none that stand for no character", () => {
  const bytes = Buffer.from("\x02one\x03\xb0\n", "latin1");
  assert.deepEqual(cut(bytes, 99, [0x02, 0x03, 0xb0]), ["\x02one\x03\xb0"]);
  assert.throws(() => new TextLines(9, [0x90]), TypeError);
});

test("how bytes are cut makes no difference, and no byte is told twice", () => {
  const byte = fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 0x20, max: 0x7e }) },
    { weight: 1, arbitrary: fc.constantFrom(10, 13) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) },
  );
  fc.assert(
    fc.property(
      fc.array(byte, { maxLength: 3000 }),
      fc.integer({ min: 1, max: 50 }),
      (list, piece) => {
        const bytes = Uint8Array.from(list);
        const found = cut(bytes);
        assert.deepEqual(cut(bytes, piece), found);
        const told = found.map((one) => /^(?:noise|truncated) (\d+)$/.exec(one)?.[1] ?? one.length);
        const sum = told.reduce((total: number, one) => total + Number(one), 0);
        assert.ok(sum <= bytes.length);
      },
    ),
  );
});

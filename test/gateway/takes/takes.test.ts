import assert from "node:assert/strict";
import { describe, test } from "node:test";

import * as fc from "fast-check";

import { WardError } from "../../../gateway/errors.ts";
import { itemProblem } from "../../../gateway/item-shape.ts";
import { CLASSES, CLOCK_QUALITIES, QUALITIES } from "../../../gateway/reading.ts";
import type { ClassName, Item, Take } from "../../../gateway/reading.ts";
import { TakeReader } from "../../../gateway/takes/take-reader.ts";
import { TakeWriter } from "../../../gateway/takes/take-writer.ts";

const TIME_MAX = 2 ** 52 - 1;
const word = fc.string({ unit: "binary", maxLength: 12 }).filter((text) => text.isWellFormed());
const quality = fc.uniqueArray(fc.constantFrom(...QUALITIES), { minLength: 1, maxLength: 4 });
const codes = fc.constantFrom("MDC_PULS_OXIM_SAT_O2", "MASIMO_PVI", "X");
const value = fc.oneof(
  fc.constant([null, ""] as const),
  fc.tuple(fc.constant(null), word),
  fc.tuple(word, word),
  word.map((text) => [text, text] as const),
  fc.tuple(fc.double({ noNaN: true, noDefaultInfinity: true }), word),
  fc.stringMatching(/^-?\d{1,6}(\.\d{1,4})?$/).map((text) => [Number(text), text] as const),
);
const source = fc.record({
  device: fc.constantFrom("bed-1/monitor", "bed-2/pump", "gateway"),
  boot: fc.constantFrom("0123456789abcdef", "fedcba9876543210"),
  take: fc.integer({ min: 1, max: TIME_MAX }),
  clock: fc.constantFrom(...CLOCK_QUALITIES),
});
const common = {
  code: codes,
  mdc: fc.option(fc.integer({ min: 0, max: 2 ** 32 - 1 })),
  unit: fc.constantFrom("%", "1", "mm[Hg]"),
  path: fc.constantFrom("", "1.1.1", "1.1.2"),
  quality,
};
/** A time that is no whole number; minus zero is taken for the zero that it is. */
const oddTime = fc
  .double({ noNaN: true, noDefaultInfinity: true })
  .filter((time) => !Object.is(time, -0));
const at = fc.integer({ min: 0, max: TIME_MAX });
const sample = fc.option(fc.integer({ min: -(2 ** 31), max: 2 ** 31 }), { freq: 8 });

/** What makes a take of one class whole: items of its device, numbered from 0. */
const contents: Readonly<Record<ClassName, fc.Arbitrary<object>>> = {
  vital: fc.record({
    ...common,
    value,
    deviceAt: fc.option(fc.oneof(at, oddTime)),
  }),
  trend: fc.record({ ...common, value, deviceAt: fc.constant(null) }),
  wave: fc.record({
    ...common,
    startOff: fc.integer({ min: 0, max: 5000 }),
    period: fc
      .tuple(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 500 }))
      .map(([ms, samples]) => ({ ms, samples })),
    scale: fc.double({ noNaN: true, noDefaultInfinity: true }),
    offset: fc.double({ noNaN: true, noDefaultInfinity: true }),
    samples: fc.array(sample, { minLength: 1, maxLength: 40 }),
    gap: fc.boolean(),
  }),
  notice: fc.record({
    notice: fc.constantFrom("device-silent", "line-lost"),
    text: word,
    since: fc.option(at),
  }),
};
const anyTake: fc.Arbitrary<Take> = fc
  .constantFrom(...CLASSES)
  .chain((name) =>
    fc.record({
      head: source,
      name: fc.constant(name),
      at,
      digest: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      items: fc.array(contents[name], { minLength: 1, maxLength: name === "wave" ? 1 : 6 }),
    }),
  )
  .map(({ head, name, at: time, digest, items }) => ({
    device: head.device,
    boot: head.boot,
    take: head.take,
    class: name,
    digest,
    items: items.map((fields, index) => itemOf(name, { ...head, index }, time, fields)),
  }));

describe("takes on a link", () => {
  test("what is written is read back, field for field, message after message", () => {
    fc.assert(
      fc.property(fc.array(fc.array(anyTake, { maxLength: 8 }), { maxLength: 5 }), (messages) => {
        const [writer, reader] = [new TakeWriter(), new TakeReader()];
        for (const takes of messages) {
          assert.deepEqual(reader.read(writer.write(takes)), takes);
        }
      }),
    );
  });

  test("a known series with a known value costs a few bytes", () => {
    const takes = [vital(1, "97"), vital(2, "98")];
    const [writer, reader] = [new TakeWriter(), new TakeReader()];
    reader.read(writer.write(takes));
    const again = writer.write([vital(3, "97")]);
    assert.ok(again.length <= 20, `${again.length} bytes`);
    assert.deepEqual(reader.read(again), [vital(3, "97")]);
  });

  test("endless new texts make both sides begin anew, and nothing grows", () => {
    const [writer, reader] = [new TakeWriter(), new TakeReader()];
    for (let message = 0; message < 200; message += 1) {
      const takes = Array.from({ length: 40 }, (_, place) => {
        const number = 1 + 40 * message + place;
        return vital(number, String(1000 + number), `CODE_${number}`);
      });
      assert.deepEqual(reader.read(writer.write(takes)), takes);
    }
  });

  test("any bytes are well-formed takes or an error with a code", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => readAny(new TakeReader(), bytes)),
    );
    fc.assert(
      fc.property(
        fc.array(anyTake, { minLength: 1, maxLength: 4 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (takes, place, change) => {
          const bytes = Uint8Array.from(new TakeWriter().write(takes));
          bytes[place % bytes.length]! ^= change;
          readAny(new TakeReader(), bytes);
        },
      ),
    );
  });
});

function readAny(reader: TakeReader, bytes: Uint8Array): void {
  let takes: Take[];
  try {
    takes = reader.read(bytes);
  } catch (error) {
    assert.ok(error instanceof WardError);
    assert.equal(error.code, "WARD_ROOM_MESSAGE");
    return;
  }
  for (const take of takes) {
    for (const [index, item] of take.items.entries()) {
      assert.equal(itemProblem(item), null);
      assert.deepEqual(
        [item.device, item.boot, item.take, item.index],
        [take.device, take.boot, take.take, index],
      );
    }
  }
}

function itemOf(name: ClassName, head: object, time: number, fields: object): Item {
  const {
    value: both,
    startOff,
    ...rest
  } = fields as {
    value?: readonly [unknown, string];
    startOff?: number;
  };
  const kind = { notice: "notice", vital: "reading", trend: "reading", wave: "waveform" }[name];
  const item: object =
    kind === "reading"
      ? { kind, ...head, ...rest, value: both?.[0], text: both?.[1], at: time }
      : kind === "waveform"
        ? { kind, ...head, ...rest, start: Math.min(time + (startOff ?? 0), TIME_MAX) }
        : { kind, ...head, ...rest, at: time };
  return item as Item;
}

function vital(take: number, text: string, code = "MDC_PULS_OXIM_SAT_O2"): Take {
  const head = { device: "bed-1/monitor", boot: "0123456789abcdef", take };
  const item: Item = {
    kind: "reading",
    ...head,
    index: 0,
    code,
    mdc: code.startsWith("MDC") ? 150_456 : null,
    value: Number(text),
    text,
    unit: "%",
    at: 1e12 + take,
    clock: "synchronised",
    deviceAt: null,
    quality: ["valid"],
    path: "1.1.1",
  };
  return { ...head, class: "vital", digest: take, items: [item] };
}

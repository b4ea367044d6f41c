import assert from "node:assert/strict";
import { describe, test } from "node:test";

import * as fc from "fast-check";

import { digestOf } from "../../../gateway/digest.ts";
import { WardError } from "../../../gateway/errors.ts";
import { itemProblem } from "../../../gateway/item-shape.ts";
import { CLASSES, CLOCK_QUALITIES, QUALITIES } from "../../../gateway/reading.ts";
import type { ClassName, Item, Take } from "../../../gateway/reading.ts";
import { type EncodedTake, TakeEncoder } from "../../../gateway/takes/take-encoder.ts";
import { TABLE_MAX } from "../../../gateway/takes/take-form.ts";
import { TakeMessages } from "../../../gateway/takes/take-messages.ts";
import { TakeReader } from "../../../gateway/takes/take-reader.ts";

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
      items: fc.array(contents[name], { minLength: 1, maxLength: name === "wave" ? 1 : 6 }),
    }),
  )
  .map(({ head, name, at: time, items: fields }) => {
    const items = fields.map((each, index) => itemOf(name, { ...head, index }, time, each));
    const { device, boot, take } = head;
    return { device, boot, take, class: name, digest: digestOf(items), items };
  });

describe("takes on a link", () => {
  test("what is written is read back with its digest, field for field, message after message", () => {
    fc.assert(
      fc.property(fc.array(fc.array(anyTake, { maxLength: 8 }), { maxLength: 5 }), (messages) => {
        const link = new Way();
        for (const takes of messages) {
          assert.deepEqual(link.pass(takes.map(encoded(link))), takes);
        }
      }),
    );
  });

  test("a known series with a known value costs a few bytes", () => {
    const link = new Way();
    link.pass([vital(1, "97"), vital(2, "98")].map(encoded(link)));
    const again = link.messages.write([link.encoder.encode(vital(3, "97"))]);
    assert.ok(again[0]!.length <= 30, `${again[0]!.length} bytes`);
    assert.deepEqual(link.reader.read(again[0]!), [vital(3, "97")]);
  });

  test("endless new texts make both sides begin anew, and nothing grows", () => {
    const link = new Way();
    const all: EncodedTake[] = [];
    for (let message = 0; message < 700; message += 1) {
      const takes = Array.from({ length: 40 }, (_, place) => {
        const number = 1 + 40 * message + place;
        return vital(number, String(1000 + number), `CODE_${number}`);
      });
      const bytes = takes.map(encoded(link));
      all.push(...bytes);
      assert.deepEqual(link.pass(bytes), takes);
    }
    assert.ok(new Set(all.map(({ definitions }) => definitions)).size > 2);
    // What was encoded with tables that were replaced since can be said to a new link all the same.
    const other = new Way();
    const again: Take[] = [];
    for (let from = 0; from < all.length; from += 256) {
      again.push(...other.pass(all.slice(from, from + 256)));
    }
    assert.deepEqual(
      again.map(({ take }) => take),
      all.map(({ take }) => take),
    );
    assert.ok(all.length > TABLE_MAX);
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
          const link = new Way();
          const [message] = link.messages.write(takes.map(encoded(link)));
          const bytes = Uint8Array.from(message!);
          bytes[place % bytes.length]! ^= change;
          readAny(new TakeReader(), bytes);
        },
      ),
    );
  });
});

/** A link from encoder to reader. */
class Way {
  readonly encoder = new TakeEncoder();
  readonly messages = new TakeMessages();
  readonly reader = new TakeReader();

  pass(takes: readonly EncodedTake[]): Take[] {
    return this.messages.write(takes).flatMap((bytes) => this.reader.read(bytes));
  }
}

function encoded({ encoder }: Way): (take: Take) => EncodedTake {
  return (take) => encoder.encode(take);
}

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
  return { ...head, class: "vital", digest: digestOf([item]), items: [item] };
}

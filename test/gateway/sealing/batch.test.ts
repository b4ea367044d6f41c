import assert from "node:assert/strict";
import { describe, test } from "node:test";

import * as fc from "fast-check";

import { WardError } from "../../../gateway/errors.ts";
import { BatchWriter, encodeItems } from "../../../gateway/sealing/batch.ts";
import { decimalText, decimalValue, parseDecimal } from "../../../gateway/sealing/decimal.ts";
import { decodeItems } from "../../../gateway/sealing/unbatch.ts";
import type { Item, Notice, Waveform } from "../../../gateway/reading.ts";
import { anyItems, BOOT, reading, wardCode, wardReadings } from "../../fakes/sealing-kit.ts";

const waveform: Waveform = {
  kind: "waveform",
  device: "bed-12/monitor",
  boot: BOOT,
  take: 18,
  index: 0,
  code: "MDC_ECG_LEAD_II",
  mdc: 131_330,
  unit: "mV",
  start: 1000,
  clock: "synchronised",
  period: { ms: 1000, samples: 250 },
  scale: 0.005,
  offset: 0,
  samples: [1, 2, null, null, -5, null],
  gap: false,
  quality: ["valid"],
  path: "1.1.1",
};

const notice: Notice = {
  kind: "notice",
  device: "gateway",
  boot: BOOT,
  take: 1,
  index: 0,
  notice: "line-lost",
  text: "The line is gone.",
  at: 5,
  clock: "holdover",
  since: null,
};

describe("the columnar form", () => {
  test("gives every field of every item back", () => {
    fc.assert(
      fc.property(anyItems, (items) => {
        assert.deepStrictEqual(decodeItems(encodeItems(items)), items);
      }),
      { numRuns: 2000 },
    );
  });

  test("gives fields back in the order of reading.ts, so that NDJSON looks the same", () => {
    const items: Item[] = [reading(), waveform, notice];
    assert.equal(JSON.stringify(decodeItems(encodeItems(items))), JSON.stringify(items));
  });

  test("takes 2 to 4 bytes a reading before packing", () => {
    for (const [count, devices] of [
      [100, 2],
      [1000, 6],
    ] as const) {
      const bytes = encodeItems(wardReadings(count, devices)).length / count;
      assert.ok(bytes < 4, `${bytes} bytes a reading for ${count} of ${devices} devices`);
    }
  });

  test("takes two bits a sample for a slow signal", () => {
    const samples = Array.from({ length: 1000 }, (_, place) =>
      Math.round(900 * Math.sin(place / 40)),
    );
    assert.ok(encodeItems([{ ...waveform, samples }]).length < 400);
  });

  test("tells series apart that differ in one thing only", () => {
    const variants: readonly (readonly [Item, readonly Record<string, unknown>[]])[] = [
      [
        reading(),
        [
          { index: 1 },
          { code: "OTHER" },
          { mdc: null },
          { unit: "1" },
          { path: "" },
          { quality: [] },
          { quality: ["demo"] },
          { quality: ["valid", "demo"] },
          { value: 97.5, text: "97.5" },
          { value: 97, text: "097" },
          { value: null, text: "" },
          { device: "bed-13/monitor" },
          { boot: "ffffffffffffffff" },
          { take: 18 },
          { at: 5 },
          { clock: "holdover" },
          { deviceAt: 5 },
        ],
      ],
      [
        waveform,
        [
          { gap: true },
          { scale: 0.01 },
          { offset: -0 },
          { period: { ms: 1001, samples: 250 } },
          { period: { ms: 1000, samples: 251 } },
          { mdc: 1 },
          { start: 1001 },
        ],
      ],
      [notice, [{ notice: "line-back" }, { text: "Back." }, { since: 4 }, { index: 3 }]],
    ];
    for (const [one, changes] of variants) {
      for (const change of changes) {
        const other = { ...one, ...change } as Item;
        // The fifth is where the other one would have been expected, the last where it comes as expected.
        const items = [one, other, one, other, one, one, other, one, other];
        assert.deepStrictEqual(decodeItems(encodeItems(items)), items);
      }
    }
  });

  test("keeps missing samples and blocks at their bounds", () => {
    for (const samples of [
      [null],
      Array.from({ length: 4096 }, () => null),
      Array.from({ length: 4096 }, (_, place) => (place % 2 === 0 ? null : place)),
    ]) {
      const items = [{ ...waveform, samples }];
      assert.deepStrictEqual(decodeItems(encodeItems(items)), items);
    }
  });

  test("what a flow does to an item afterwards changes nothing", () => {
    const items: Item[] = [
      reading(),
      waveform,
      notice,
      reading({ take: 2 }),
      { ...waveform, take: 3 },
      { ...notice, take: 4 },
    ];
    const writer = new BatchWriter();
    for (const item of items) {
      const given = structuredClone(item);
      writer.add(given);
      const other = {
        device: "no id",
        boot: "",
        code: "MDC_OTHER",
        unit: "other",
        notice: "other",
      };
      Object.assign(given, other, { text: "other", index: 7 });
      (given.kind === "notice" ? [] : (given.quality as string[])).push("invalid");
      if (given.kind === "waveform") {
        Object.assign(given.period, { ms: -1 });
        (given.samples as number[]).length = 0;
      }
      // It was looked at when it came; it is not taken for good because the last one looks the same now.
      assert.throws(() => writer.add(given), WardError);
    }
    assert.deepStrictEqual(decodeItems(writer.finish()), items);
  });

  test("takes minus zero for zero where numbers are integers", () => {
    const items = [{ ...waveform, samples: [-0, 5, -0] }, reading({ at: -0, take: -0, index: -0 })];
    const [block, item] = decodeItems(encodeItems(items));
    assert.deepStrictEqual(block, { ...waveform, samples: [0, 5, 0] });
    assert.deepStrictEqual(item, reading({ at: 0, take: 0, index: 0 }));
  });

  test("holds 10 000 items and refuses one more", () => {
    const items = wardReadings(10_000, 30);
    assert.deepStrictEqual(decodeItems(encodeItems(items)), items);
    assert.equal(
      wardCode(() => encodeItems([...items, reading()])),
      "WARD_SEAL_INPUT",
    );
    assert.equal(
      wardCode(() => encodeItems([])),
      "WARD_SEAL_INPUT",
    );
  });

  test("refuses more samples than the reader would make", () => {
    const block = { ...waveform, samples: Array.from({ length: 4096 }, () => null) };
    const blocks = Array.from({ length: 1025 }, () => block);
    assert.equal(
      wardCode(() => encodeItems(blocks)),
      "WARD_SEAL_INPUT",
    );
  });
});

describe("items that cannot be sealed as they are", () => {
  const wrong: readonly [string, Record<string, unknown>][] = [
    ["a value that is not a number", { value: Number.NaN }],
    ["an infinite value", { value: Number.POSITIVE_INFINITY }],
    ["half a character", { text: "\ud800" }],
    ["half a character in a unit", { unit: "\udc00" }],
    ["a text too long", { text: "x".repeat(20_000) }],
    ["a device id with a space", { device: "bed 1" }],
    ["a boot of another length", { boot: "12" }],
    ["an index past the take", { index: 50 }],
    ["half a take", { take: 1.5 }],
    ["a negative time", { at: -1 }],
    ["a time past the end", { at: 2 ** 52 }],
    ["no time", { at: undefined }],
    ["an unknown clock", { clock: "exact" }],
    ["an unknown quality", { quality: ["perfect"] }],
    ["quality as text", { quality: "valid" }],
    ["an mdc that is text", { mdc: "150456" }],
    ["a value that is an object", { value: {} }],
    ["a missing path", { path: undefined }],
    ["an unknown kind", { kind: "fault" }],
  ];
  for (const [what, change] of wrong) {
    test(`${what} is refused`, () => {
      const item = { ...reading(), ...change } as Item;
      const refuse = (): unknown => encodeItems([reading(), item]);
      assert.equal(wardCode(refuse), "WARD_SEAL_INPUT");
      assert.throws(refuse, /item 1: /);
    });
  }

  test("waveforms and notices are held to the same", () => {
    const wrongWaves: Record<string, unknown>[] = [
      { samples: [] },
      { samples: [1.5] },
      { samples: [2 ** 52] },
      { samples: Array.from({ length: 4097 }, () => 1) },
      { period: { ms: 0, samples: 1 } },
      { period: null },
      { scale: Number.NaN },
      { gap: 1 },
    ];
    for (const change of wrongWaves) {
      const item = { ...waveform, ...change } as Item;
      assert.equal(
        wardCode(() => encodeItems([item])),
        "WARD_SEAL_INPUT",
      );
    }
    assert.equal(
      wardCode(() => encodeItems([null as unknown as Item])),
      "WARD_SEAL_INPUT",
    );
  });

  test("the error says which field, and never what is in it", () => {
    const item = { ...reading(), text: "secret\ud800" };
    assert.throws(
      () => encodeItems([item]),
      (error: Error) => error.message.includes("text") && !error.message.includes("secret"),
    );
  });
});

describe("decimals", () => {
  const decimal = { mantissa: 0, decimals: 0, zeros: 0 };

  test("are exactly the text and exactly its double", () => {
    const digits = fc.stringMatching(/^-?[0-9]{1,16}(\.[0-9]{1,15})?$/);
    fc.assert(
      fc.property(digits, (text) => {
        if (parseDecimal(text, decimal)) {
          assert.equal(decimalText(decimal), text);
          assert.equal(decimalValue(decimal), Number(text));
        }
      }),
      { numRuns: 5000 },
    );
  });

  test("cover what devices print", () => {
    for (const text of ["0", "7", "097", "000", "-5", "36.6", "0.50", "-00.10", "1013.25"]) {
      assert.ok(parseDecimal(text, decimal), text);
      assert.equal(decimalText(decimal), text);
    }
  });

  test("leave everything else alone", () => {
    for (const text of ["", "-", ".", "-0", "-0.0", ".5", "5.", "+5", "1e3", "--", "1.2.3", " 7"]) {
      assert.equal(parseDecimal(text, decimal), false, text);
    }
    assert.equal(parseDecimal("4503599627370496", decimal), false);
    assert.equal(parseDecimal("0.1234567890123456", decimal), false);
    assert.equal(parseDecimal(`${"0".repeat(17)}7`, decimal), false);
  });
});

test("the bytes so far have the texts among them: they are what a batch grows by, where no text comes again", () => {
  const batch = new BatchWriter();
  for (let take = 1; take <= 100; take += 1) {
    batch.add(reading({ take, value: null, text: `\u00e4${take} `.padEnd(512, "x") }));
  }
  const { bytes } = batch;
  const length = batch.finish().length;
  assert.ok(length > 50_000);
  assert.ok(bytes > 0.9 * length && bytes <= length, `${bytes} of ${length}`);
});

describe("bytes that are no batch", () => {
  test("end in one kind of error, whatever they are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        wardCodeOrItems(bytes);
      }),
      { numRuns: 3000 },
    );
  });

  test("end in one kind of error when a batch was changed", () => {
    fc.assert(
      fc.property(anyItems, fc.nat(), fc.integer({ min: 1, max: 255 }), (items, place, change) => {
        const bytes = Uint8Array.from(encodeItems(items));
        bytes[place % bytes.length]! ^= change;
        wardCodeOrItems(bytes);
      }),
      { numRuns: 3000 },
    );
  });

  test("cut off anywhere or with more after them are refused", () => {
    const bytes = encodeItems([reading(), waveform]);
    for (let length = 0; length < bytes.length; length += 1) {
      assert.equal(
        wardCode(() => decodeItems(bytes.subarray(0, length))),
        "WARD_OPEN",
      );
    }
    assert.equal(
      wardCode(() => decodeItems(Buffer.concat([bytes, Buffer.of(0)]))),
      "WARD_OPEN",
    );
  });

  test("make no more samples than a batch may have", () => {
    const blocks = Array.from({ length: 1025 }, () => ({ ...waveform, samples: [null] }));
    const bytes = encodeItems(blocks);
    // One sample, one run: skip none, miss one; nothing to code. Then the same with 4096.
    const payload = Buffer.from("0101000100", "hex");
    const head = bytes.subarray(0, bytes.length - 1025 * payload.length);
    assert.deepEqual(Buffer.from(bytes.subarray(head.length, head.length + 5)), payload);
    const inflated = (count: number): Uint8Array =>
      Buffer.concat([
        head,
        ...Array.from({ length: count }, () => Buffer.from("80200100802000", "hex")),
        ...Array.from({ length: 1025 - count }, () => payload),
      ]);
    assert.equal(decodeItems(inflated(1)).length, 1025);
    assert.equal(
      wardCode(() => decodeItems(inflated(1025))),
      "WARD_OPEN",
    );
  });

  /** Content is authentic when it is read, so that changed bytes may well be another batch; they must only not crash. */
  function wardCodeOrItems(bytes: Uint8Array): void {
    let items: Item[] | null = null;
    try {
      items = decodeItems(bytes);
    } catch {
      assert.equal(
        wardCode(() => decodeItems(bytes)),
        "WARD_OPEN",
      );
    }
    if (items !== null) {
      assert.deepStrictEqual(decodeItems(encodeItems(items)), items);
    }
  }
});

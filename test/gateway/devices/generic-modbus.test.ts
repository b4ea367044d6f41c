import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import * as fc from "fast-check";
import { parse } from "yaml";

import type { Measured } from "../../../gateway/devices/device.ts";
import { driver } from "../../../gateway/devices/generic-modbus/driver.ts";
import { itemProblem } from "../../../gateway/item-shape.ts";
import { TakeNumberer } from "../../../gateway/bedside/take.ts";

const TOP = {
  title: "Test",
  maker: "Nobody",
  model: "None",
  source: "made up",
  addressBase: 0,
};

type Fields = Readonly<Record<string, unknown>>;

function optionsFor(points: readonly Fields[], more: Fields = {}): { map: string } {
  return { map: JSON.stringify({ ...TOP, ...more, points }) };
}

/** Reads one point from registers that begin at its address. */
function read(point: Fields, words: readonly number[] | null, more: Fields = {}): Measured[] {
  const options = optionsFor([{ code: "TEST_VALUE", function: 3, address: 0, ...point }], more);
  assert.deepEqual(driver.problems?.(options), []);
  const [output] = driver.polls(options)[0]?.decode([words]) ?? [];
  assert.equal(output?.kind, "frame");
  return output?.kind === "frame" ? [...output.readings] : [];
}

function one(point: Fields, words: readonly number[], more: Fields = {}): unknown[] {
  const [reading] = read(point, words, more);
  return [reading?.value, reading?.text, reading?.quality.join(" ")];
}

function problemsOf(points: readonly Fields[], more: Fields = {}): readonly string[] {
  return driver.problems?.(optionsFor(points, more)) ?? [];
}

test("whole numbers of every length and sign", () => {
  const unit = "1";
  assert.deepEqual(one({ type: "int16", unit }, [0xff85]), [-123, "-123", "valid"]);
  assert.deepEqual(one({ type: "uint16", unit }, [0xff85]), [65_413, "65413", "valid"]);
  assert.deepEqual(one({ type: "int32", unit }, [0xffff, 0xfce0]), [-800, "-800", "valid"]);
  assert.deepEqual(one({ type: "uint32", unit }, [0x0001, 0xe240]), [123_456, "123456", "valid"]);
  assert.deepEqual(one({ type: "int64", unit }, [0xffff, 0xffff, 0xffff, 0xfffe]), [
    -2,
    "-2",
    "valid",
  ]);
  assert.deepEqual(one({ type: "uint64", unit }, [0xffff, 0xffff, 0xffff, 0xffff]), [
    18_446_744_073_709_552_000,
    "18446744073709551615",
    "valid",
  ]);
  assert.deepEqual(one({ type: "bcd", unit }, [0x1234]), [1234, "1234", "valid"]);
  assert.deepEqual(one({ type: "bcd", unit, count: 2 }, [0x0012, 0x3456]), [
    123_456,
    "123456",
    "valid",
  ]);
  assert.deepEqual(one({ type: "bcd", unit }, [0x12a4]), [null, "", "invalid"]);
});

test("word and byte order, of the map and of one point", () => {
  const low = "low-first";
  const bytes = { unit: "1", type: "uint32" };
  assert.deepEqual(one(bytes, [0x0102, 0x0304]).at(1), String(0x01020304));
  assert.deepEqual(one({ ...bytes, wordOrder: low }, [0x0304, 0x0102]).at(1), String(0x01020304));
  assert.deepEqual(one({ ...bytes, byteOrder: low }, [0x0201, 0x0403]).at(1), String(0x01020304));
  assert.deepEqual(
    one(bytes, [0x0403, 0x0201], { wordOrder: low, byteOrder: low }).at(1),
    String(0x01020304),
  );
  assert.deepEqual(one({ unit: "1", type: "uint16", byteOrder: low }, [0x0201]).at(1), "258");
  assert.deepEqual(one({ unit: "1", type: "int16", byteOrder: low }, [0xfeff]).at(1), "-2");
});

test("fractions are the shortest decimals, and not-a-number is no value", () => {
  const unit = "V";
  assert.deepEqual(one({ type: "float32", unit }, [0x4366, 0x6666]), [230.4, "230.4", "valid"]);
  assert.deepEqual(one({ type: "float64", unit }, [0x3fb9, 0x9999, 0x9999, 0x999a]), [
    0.1,
    "0.1",
    "valid",
  ]);
  assert.deepEqual(one({ type: "float32", unit }, [0x7fc0, 0]), [null, "", "invalid"]);
  assert.deepEqual(one({ type: "float32", unit }, [0xff80, 0]), [null, "", "invalid"]);
  const scale = { numerator: 1, denominator: 1000 };
  assert.deepEqual(one({ type: "float32", unit, scale }, [0x4366, 0x6666]), [
    0.2304,
    "0.2304",
    "valid",
  ]);
  assert.deepEqual(one({ type: "float32", unit, invalid: [-9999] }, [0xc61c, 0x3c00]), [
    null,
    "",
    "invalid",
  ]);
});

test("scales are exact ratios with an offset", () => {
  const point = { type: "int16", unit: "Cel" };
  const scale = (numerator: number, denominator: number, offset = 0): Fields => ({
    ...point,
    scale: { numerator, denominator, offset },
  });
  assert.deepEqual(one(scale(1, 10), [718]), [71.8, "71.8", "valid"]);
  assert.deepEqual(one(scale(1, 10, -40), [215]), [-18.5, "-18.5", "valid"]);
  assert.deepEqual(one(scale(1, 512), [25_601]), [50.001953125, "50.001953125", "valid"]);
  assert.match(
    problemsOf([{ code: "A_B", function: 3, address: 0, ...scale(1, 3) }]).join(),
    /^points\[0\]\.scale: 1\/3 has no finite decimal\. Write a ratio that does/,
  );
});

test("invalid values, and what a zero means", () => {
  const point = { type: "uint16", unit: "kPa", invalid: [65_535] };
  assert.deepEqual(one(point, [65_535]), [null, "", "invalid"]);
  assert.deepEqual(one(point, [0]), [0, "0", "valid"]);
  assert.deepEqual(one({ ...point, present: "auto" }, [0]), [null, "", "unavailable"]);
  assert.deepEqual(one({ ...point, present: "auto" }, [1]), [1, "1", "valid"]);
  const long = { type: "uint64", unit: "1", invalid: ["18446744073709551615"] };
  assert.deepEqual(one(long, [0xffff, 0xffff, 0xffff, 0xffff]), [null, "", "invalid"]);
  const absent = optionsFor([
    { code: "A_A", function: 3, address: 0, type: "uint16", unit: "1", present: "absent" },
    { code: "A_B", function: 3, address: 9, type: "uint16", unit: "1" },
  ]);
  assert.deepEqual(driver.polls(absent)[0]?.blocks, [{ function: 3, address: 9, count: 1 }]);
});

test("words of an enumeration, and one that is not among them", () => {
  const point = { type: "uint16", words: { 1: "closed", 2: "open" } };
  assert.deepEqual(one(point, [2]), ["open", "2", "valid"]);
  assert.deepEqual(one(point, [3]), [null, "", "invalid"]);
  assert.deepEqual(one({ type: "int16", words: { "-1": "not fitted" } }, [0xffff]), [
    "not fitted",
    "-1",
    "valid",
  ]);
});

test("fields of bits", () => {
  const fields = [
    { code: "TEST_ONLINE", bit: 0, words: { 0: "off", 1: "on" } },
    { code: "TEST_STATE", bit: 4, width: 3 },
    { code: "TEST_TOP", bit: 31 },
  ];
  const readings = read({ type: "bits", count: 2, fields, code: undefined }, [0x8000, 0x0051]);
  assert.deepEqual(
    readings.map(({ code, value, text, unit }) => [code, value, text, unit]),
    [
      ["TEST_ONLINE", "on", "1", "1"],
      ["TEST_STATE", 5, "5", "1"],
      ["TEST_TOP", 1, "1", "1"],
    ],
  );
  const both = read({ type: "bits", fields: [{ code: "TEST_ONLINE", bit: 0 }] }, [3]);
  assert.deepEqual(
    both.map(({ code, text }) => [code, text]),
    [
      ["TEST_VALUE", "3"],
      ["TEST_ONLINE", "1"],
    ],
  );
});

test("coils and discrete inputs are bits, the lowest first", () => {
  const words = { 0: "closed", 1: "open" };
  assert.deepEqual(one({ function: 2, type: "bits", words }, [1]), ["open", "1", "valid"]);
  assert.deepEqual(one({ function: 1, type: "bits", count: 4 }, [1, 0, 1, 1]), [13, "13", "valid"]);
  assert.match(
    problemsOf([{ code: "A_B", function: 1, address: 0, type: "uint16", unit: "1" }]).join(),
    /reads single bits/,
  );
});

test("texts without what fills their registers up", () => {
  const point = { type: "string", count: 4 };
  assert.deepEqual(one(point, [0x4153, 0x3132, 0x2020, 0x0000]), ["AS12", "AS12", "valid"]);
  assert.deepEqual(one(point, [0, 0x4153, 0x3132, 0x3334]), ["AS1234", "AS1234", "valid"]);
  assert.deepEqual(one(point, [0, 0, 0, 0]), [null, "", "unavailable"]);
  assert.deepEqual(one(point, [0x4107, 0, 0, 0]), [null, "", "invalid"]);
  assert.deepEqual(one({ ...point, byteOrder: "low-first" }, [0x5341, 0x3231, 0, 0]).at(1), "AS12");
  assert.deepEqual(one({ ...point, invalid: ["NONE"] }, [0x4e4f, 0x4e45, 0, 0]), [
    null,
    "",
    "invalid",
  ]);
});

test("what the device refuses is unavailable", () => {
  const [reading] = read({ type: "uint16", unit: "1" }, null);
  assert.deepEqual([reading?.value, reading?.quality], [null, ["unavailable"]]);
});

test("addresses are counted from the base of the map, forbidden ranges as well", () => {
  const points = [{ code: "A_B", function: 4, address: 30, type: "uint16", unit: "1" }];
  const forbidden = [{ function: 4, first: 40, last: 49 }];
  const zero = optionsFor(points, { forbidden });
  assert.equal(driver.polls(zero)[0]?.blocks[0]?.address, 30);
  assert.deepEqual(driver.limits?.(zero).forbidden, forbidden);
  const ones = optionsFor(points, { forbidden, addressBase: 1 });
  assert.equal(driver.polls(ones)[0]?.blocks[0]?.address, 29);
  assert.deepEqual(driver.limits?.(ones).forbidden, [{ function: 4, first: 39, last: 48 }]);
});

test("one poll for each class, at its pace; limits as the map says", () => {
  const point = { function: 3, type: "uint16", unit: "1" };
  const options = optionsFor(
    [
      { ...point, code: "A_A", address: 0, poll: "slow" },
      { ...point, code: "A_B", address: 1 },
      { ...point, code: "A_C", address: 2, poll: "fast" },
    ],
    { pollMs: { fast: 250 }, largestBlock: 20, inFlight: 4, connections: 2, apart: true },
  );
  assert.deepEqual(
    driver
      .polls(options)
      .map(({ everyMs, blocks }) => [everyMs, blocks.map(({ address }) => address)]),
    [
      [250, [2]],
      [5000, [1]],
      [60_000, [0]],
    ],
  );
  assert.deepEqual(driver.limits?.(options), {
    registersMax: 20,
    bitsMax: 320,
    apart: true,
    inFlight: 4,
    connections: 2,
    forbidden: [],
  });
});

test("every problem is told at once, with its place and what to do", () => {
  const options = {
    map: JSON.stringify({
      ...TOP,
      maker: undefined,
      addressBase: 2,
      largestBlock: 4,
      forbidden: [{ function: 3, first: 10, last: 5 }],
      colour: "red",
      points: [
        { code: "temp", function: 3, address: 70_000, type: "int16", unit: "°C" },
        { code: "MDC_NOT_ANY", function: 3, address: 1, type: "string", count: 8, unit: "1" },
        { code: "A_B", function: 3, address: 0, type: "float32", unit: "V", words: { 1: "on" } },
        {
          code: "A_B",
          function: 3,
          address: 0,
          type: "bits",
          fields: [{ code: "A_C", bit: 15, width: 2 }],
        },
      ],
    }),
  };
  const told = driver.problems?.(options) ?? [];
  for (const expected of [
    /^maker: it is missing\. Write who makes the device\.$/,
    /^addressBase: 2 is not what is expected\. Write a whole number from 0 to 1\.$/,
    /^forbidden\[0\]\.last: 5 is before 10\./,
    /^colour: there is no such field here\. Leave it out, or use/,
    /^points\[0\]\.code: "temp" is not what is expected\. Write an MDC reference id/,
    /^points\[0\]\.address: 70000 is not what is expected\./,
    /^points\[0\]\.unit: "°C" is no UCUM unit that is known here\. Write "Cel"\.$/,
    /^points\[1\]\.code: "MDC_NOT_ANY" is not in the verified nomenclature table\./,
    /^points\[1\]: 8 registers are more than largestBlock allows\. Make largestBlock larger/,
    /^points\[1\]\.unit: a point of type "string" has none here\. Leave it out\.$/,
    /^points\[2\]\.words: a point of type "float32" has none here\./,
    /^points\[3\]\.fields\[0\]\.bit: there are only 16 bits\. Write 0 to 14\.$/,
    /^points\[3\]: there are two values with the code "A_B"\./,
  ]) {
    assert.ok(
      told.some((problem) => expected.test(problem)),
      `${expected} in ${told.join("\n")}`,
    );
  }
  const bad = Array.from({ length: 500 }, () => ({}));
  assert.ok((driver.problems?.(optionsFor(bad)) ?? []).length <= 31);
  assert.match(driver.problems?.({ map: "" }).join() ?? "", /it is empty/);
  assert.match(driver.problems?.({ map: "a: 1" }).join() ?? "", /it is no JSON/);
  assert.deepEqual(driver.polls({ map: "{" }), []);
});

test("points in forbidden registers or beyond the last one are told", () => {
  const point = { code: "A_B", function: 3, type: "uint32", unit: "1" };
  const forbidden = [{ function: 3, first: 11, last: 12 }];
  assert.match(
    problemsOf([{ ...point, address: 10 }], { forbidden }).join(),
    /^points\[0\]\.address: it lies in the forbidden 11 to 12\./,
  );
  assert.deepEqual(problemsOf([{ ...point, address: 10, function: 4 }], { forbidden }), []);
  assert.match(
    problemsOf([{ ...point, address: 65_535 }]).join(),
    /its last register would be 65536\. Write at most 65534/,
  );
  assert.match(
    problemsOf([{ ...point, address: 65_536 }], { addressBase: 1 }).join(),
    /its last register would be 65537\. Write at most 65535/,
  );
});

const MAPS = new URL("../../../gateway/devices/generic-modbus/maps/", import.meta.url);

test("the example maps can be used, and say what they are", () => {
  const files = readdirSync(MAPS);
  assert.ok(files.length >= 2);
  for (const file of files) {
    const text = readFileSync(new URL(file, MAPS), "utf8");
    assert.match(text, /^# (ILLUSTRATIVE|UNVERIFIED)/, file);
    const options = { map: JSON.stringify(parse(text)) };
    assert.deepEqual(driver.problems?.(options), [], file);
    assert.match(options.map, /\((illustrative|unverified)\)/);
    assert.ok(driver.polls(options).length > 0);
  }
});

test("any words give well-formed readings whose text is their number, and never throw", () => {
  const map = JSON.stringify(parse(readFileSync(new URL("gas-panel.yaml", MAPS), "utf8")));
  const polls = driver.polls({ map });
  const word = fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.constantFrom(0, 0xffff, 0x8000));
  const words = fc.option(fc.array(word, { maxLength: 10 }));
  fc.assert(
    fc.property(fc.array(words, { maxLength: 12 }), (blocks) => {
      for (const { decode } of polls) {
        for (const output of decode(blocks)) {
          assert.equal(output.kind, "frame");
          if (output.kind === "frame") {
            const takes = new TakeNumberer("0000000000000000").number(
              "x",
              output,
              1e12,
              "synchronised",
            );
            assert.ok(
              takes.every(({ items }) => items.every((item) => itemProblem(item) === null)),
            );
            for (const { value, text, quality } of output.readings) {
              assert.equal(value === null, quality[0] !== "valid");
              assert.ok(typeof value !== "number" || value === Number(text));
            }
          }
        }
      }
    }),
    { numRuns: 1000 },
  );
});

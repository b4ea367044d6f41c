import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";

import { parseMap } from "../../../gateway/devices/generic-modbus/register-map.ts";
import { seeded } from "../../fakes/modbus-bus.ts";

/*
 * The schema is for editors, the validator decides. Whatever the validator takes the schema takes, and what the schema takes the validator
 * refuses for such reasons only as a schema cannot know. Both look at thousands of maps that are nearly right.
 */
const FOLDER = new URL("../../../gateway/devices/generic-modbus/", import.meta.url);
const SCHEMA: object = JSON.parse(
  readFileSync(new URL("register-map.schema.json", FOLDER), "utf8"),
);
const isValid = new Ajv2020({ strict: true, strictRequired: false, strictTypes: false }).compile(
  SCHEMA,
);

/** What a schema cannot know: the nomenclature, UCUM, arithmetic, and what several fields say together. */
const MEANINGS: readonly RegExp[] = [
  /is not in the verified nomenclature table/,
  /does not belong to "/,
  /is no UCUM unit that is known here/,
  /has no finite decimal/,
  /has too many digits/,
  /there are only \d+ bits/,
  /are more than largestBlock allows/,
  /it lies in the forbidden/,
  /its last register would be/,
  /\d+ is before \d+/,
  /there are two values with the code/,
  /And \d+ more problems/,
];

const SHIPPED: readonly unknown[] = ["maps/gas-panel.yaml", "maps/emko-esm-refrigerator.yaml"].map(
  (file) => parse(readFileSync(new URL(file, FOLDER), "utf8")),
);

/** One point of each kind, each with everything it may have. */
const WHOLE: object = {
  $schema: "register-map.schema.json",
  title: "T",
  maker: "M",
  model: "X",
  source: "page 1",
  notes: "none",
  addressBase: 1,
  wordOrder: "low-first",
  byteOrder: "high-first",
  pollMs: { fast: 100, normal: 5000, slow: 86_400_000 },
  largestBlock: 125,
  apart: false,
  inFlight: 2,
  connections: 1,
  forbidden: [{ function: 4, first: 1000, last: 1010 }],
  points: [
    { code: "A_B", function: 1, address: 1, type: "bits", count: 20, poll: "fast", invalid: [0] },
    { code: "A_C", path: "1", function: 4, address: 60_000, type: "bcd", count: 4, unit: "1" },
    {
      code: "A_D",
      function: 3,
      address: 2,
      type: "int64",
      unit: "1",
      invalid: ["-9223372036854775808"],
    },
    {
      code: "A_E",
      path: "1.2",
      function: 3,
      address: 2,
      type: "float64",
      unit: "V",
      invalid: [1.5],
    },
    {
      code: "A_F",
      function: 3,
      address: 2,
      type: "string",
      count: 100,
      invalid: ["x"],
      present: "auto",
    },
    { code: "A_G", function: 3, address: 2, type: "bits", count: 2, words: { 0: "off" } },
    {
      name: "N",
      function: 3,
      address: 2,
      type: "bits",
      fields: [{ name: "N", code: "A_H", path: "1", bit: 15, width: 1, words: { 0: "off" } }],
    },
    { code: "A_I", function: 3, address: 3, type: "uint16", words: { 1: "on", 2: "off" } },
    {
      code: "A_J",
      function: 4,
      address: 4,
      type: "uint32",
      scale: { numerator: 1, denominator: 10, offset: -40 },
      unit: "Cel",
      wordOrder: "high-first",
    },
  ],
};

function list(length: number, entry: (place: number) => unknown): unknown[] {
  return Array.from({ length }, (_, place) => entry(place));
}

/** What may stand in the place of any value: borders of all rules, and values that fit none. */
const JUNK: readonly unknown[] = [
  null,
  true,
  0,
  1,
  2,
  3,
  4,
  5,
  -1,
  15,
  16,
  17,
  31,
  32,
  33,
  99,
  100,
  125,
  126,
  1000,
  1.5,
  65_535,
  65_536,
  65_537,
  86_400_000,
  86_400_001,
  1e9,
  1e9 + 1,
  -1e9,
  -1e9 - 1,
  2 ** 53,
  1e300,
  "",
  "a",
  "A_B",
  "MDC_PULS_OXIM_SAT_O2",
  "Cel",
  "°C",
  "1.2",
  "1.2.3.4.5",
  "off",
  "Off",
  "0",
  "007",
  "-5",
  ...[40, 41, 64, 65, 80, 81, 120, 121, 250, 251, 300, 301, 4000, 4001].map((length) =>
    "x".repeat(length),
  ),
  ...[20, 21].map((length) => "9".repeat(length)),
  ...[64, 65].map((length) => `A_${"B".repeat(length - 2)}`),
  "bits",
  "string",
  "float32",
  "int16",
  "uint64",
  "bcd",
  "low-first",
  "auto",
  "absent",
  "slow",
  [],
  {},
  [0],
  ["0"],
  [1.5],
  ...[20, 21].map((length) => list(length, (place) => place)),
  ...[250, 251].map((length) => ["x".repeat(length)]),
  ...[50, 51].map((length) =>
    list(length, (place) => ({ function: 1, first: 200 + place, last: 200 + place })),
  ),
  ...[32, 33].map((length) => list(length, (place) => ({ code: `F_${place}`, bit: place % 16 }))),
  ...[100, 101].map((length) =>
    Object.fromEntries(list(length, (place) => place).map((key) => [key, "w"])),
  ),
  { 0: "off" },
  { "0": "Off" },
  { x: "off" },
  { 1234567890123: "off" },
  { fast: 99 },
  { numerator: 0 },
  { denominator: 0 },
  { offset: 0.5 },
  { numerator: 1, denominator: 3 },
  [{ bit: 0 }],
  [{ code: "A_Z", bit: 32 }],
];

const NAMES = [
  "$schema",
  "notes",
  "wordOrder",
  "byteOrder",
  "pollMs",
  "forbidden",
  "name",
  "code",
  "mdc",
  "path",
  "count",
  "scale",
  "unit",
  "invalid",
  "present",
  "words",
  "fields",
  "poll",
  "bit",
  "width",
  "fast",
  "offset",
  "other",
];

test("the examples satisfy the schema and the validator", () => {
  for (const example of [...SHIPPED, WHOLE]) {
    assert.ok(isValid(example), JSON.stringify(isValid.errors));
    assert.deepEqual(parseMap(JSON.stringify(example)).problems, []);
  }
});

type Tally = Record<"both" | "neither" | "meaning", number>;

/** What validator and schema say to one map; throws when they disagree. */
function judge(map: unknown): keyof Tally {
  const text = JSON.stringify(map);
  const { problems } = parseMap(text);
  const isForm = isValid(JSON.parse(text));
  if (problems.length === 0) {
    assert.ok(isForm, `${JSON.stringify(isValid.errors)}\n${text}`);
    return "both";
  }
  if (!isForm) {
    return "neither";
  }
  const others = problems.filter((problem) => !MEANINGS.some((meaning) => meaning.test(problem)));
  assert.deepEqual(others, [], text);
  return "meaning";
}

test("validator and schema agree on every single change to a map", () => {
  const tally: Tally = { both: 0, neither: 0, meaning: 0 };
  for (const [place, { key }] of placesOf(WHOLE).entries()) {
    for (const junk of [undefined, ...JUNK]) {
      const map = structuredClone(WHOLE);
      const { holder } = placesOf(map)[place]!;
      holder[key] = structuredClone(junk);
      tally[judge(map)] += 1;
    }
  }
  const holders = new Set(placesOf(WHOLE).map(({ holder }) => holder)).size;
  for (let place = 0; place < holders; place += 1) {
    for (const name of NAMES) {
      for (const junk of ["A_B", 1, "1", "slow", [1], { 0: "off" }]) {
        const map = structuredClone(WHOLE);
        [...new Set(placesOf(map).map(({ holder }) => holder))][place]![name] = junk;
        tally[judge(map)] += 1;
      }
    }
  }
  assert.ok(tally.both > 500 && tally.neither > 5000 && tally.meaning > 100, JSON.stringify(tally));
});

test("validator and schema agree on thousands of maps with several changes", () => {
  const random = seeded(11);
  const whole = (below: number): number => Math.floor(random() * below);
  const tally: Tally = { both: 0, neither: 0, meaning: 0 };
  for (let turn = 0; turn < 3000; turn += 1) {
    const map: unknown = structuredClone([...SHIPPED, WHOLE][turn % 3]);
    for (let changes = 1 + whole(3); changes > 0; changes -= 1) {
      mutate(map, whole);
    }
    tally[judge(map)] += 1;
  }
  assert.ok(tally.both > 50 && tally.neither > 1000 && tally.meaning > 5, JSON.stringify(tally));
});

interface Place {
  readonly holder: Record<string, unknown>;
  readonly key: string;
}

/** Every field and entry inside a value. */
function placesOf(value: unknown): Place[] {
  if (typeof value !== "object" || value === null) {
    return [];
  }
  const holder = value as Record<string, unknown>;
  return Object.entries(holder).flatMap(([key, inner]) => [{ holder, key }, ...placesOf(inner)]);
}

/** Changes, removes or adds one thing somewhere in a map. */
function mutate(map: unknown, whole: (below: number) => number): void {
  const places = placesOf(map);
  const { holder, key } = places[whole(places.length)]!;
  const junk = structuredClone(JUNK[whole(JUNK.length)]);
  if (Array.isArray(holder)) {
    holder.splice(Number(key), whole(2), ...(whole(2) === 0 ? [junk] : []));
    return;
  }
  switch (whole(4)) {
    case 0:
      delete holder[key];
      return;
    case 1:
      holder[NAMES[whole(NAMES.length)]!] = junk;
      return;
    default:
      holder[key] = junk;
  }
}

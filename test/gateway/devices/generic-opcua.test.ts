import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import * as fc from "fast-check";

import type { DeviceOptions, Measured, OpcuaChange } from "../../../gateway/devices/device.ts";
import { driver } from "../../../gateway/devices/generic-opcua/driver.ts";
import { parseTable } from "../../../gateway/devices/generic-opcua/point-table.ts";
import { simulator } from "../../../gateway/devices/generic-opcua/simulator.ts";
import { completeOptions, optionProblems } from "../../../gateway/devices/option-check.ts";
import { UCUM_BY_ID, ucumOf, unitIdsOf } from "../../../gateway/devices/unece-units.ts";
import { unitProblem } from "../../../gateway/devices/ucum.ts";
import { fitsSchema } from "../../fakes/json-schema.ts";

const FOLDER = new URL("../../../gateway/devices/generic-opcua/", import.meta.url);
const SCHEMA: unknown = JSON.parse(
  readFileSync(new URL("point-table.schema.json", FOLDER), "utf8"),
);
const EXAMPLE: unknown = JSON.parse(
  readFileSync(new URL("tables/example-fridge.json", FOLDER), "utf8"),
);
const FACTS = { title: "T", maker: "M", model: "M", source: "manual, page 1" };

function tableText(...points: readonly object[]): string {
  return JSON.stringify({ ...FACTS, points });
}

const POINT = { node: "nsu=urn:maker;s=Tank.Level", code: "MAKER_LEVEL", unit: "L" };

/** What one change of a point of a table gives. */
function read(point: object, change: Partial<OpcuaChange>): Measured {
  const options = { points: tableText({ ...POINT, ...point }) };
  assert.deepEqual(optionProblems(driver, options), []);
  const [found] = driver.points(options);
  const given = { value: null, statusCode: 0, sourceAt: null, ...change };
  const [frame] = driver.decode(found!, given, options);
  assert.ok(frame?.kind === "frame" && frame.readings.length === 1);
  return frame.readings[0]!;
}

test("the example is good for the driver and for the schema", () => {
  assert.deepEqual(optionProblems(driver, {}), []);
  assert.equal(fitsSchema(EXAMPLE, SCHEMA), true);
  const options = completeOptions(driver, {});
  assert.deepEqual(
    driver.points(options).map(({ code }) => code),
    [
      "EXAMPLE_AIR_TEMPERATURE",
      "EXAMPLE_RELATIVE_HUMIDITY",
      "EXAMPLE_DOOR",
      "EXAMPLE_COMPRESSOR_STARTS",
    ],
  );
  assert.deepEqual(driver.watching?.(options), {
    samplingMs: 1000,
    queueSize: 10,
    itemsPerCall: 100,
  });
  assert.equal(driver.watching?.({ ...options, publishing: 250 }).publishingMs, 250);
});

test("all problems of a table are told at once, each with its place, what is wrong and what to do", () => {
  const points = tableText(
    { ...POINT, node: "ns=2;s=Tank" },
    { ...POINT, node: "a >  > b", code: "level", unit: "°C" },
    { ...POINT, node: "nsu=urn:m;s=1", code: "MDC_TEMP", mdc: 1, unit: "Cel" },
    { ...POINT, node: "nsu=urn:m;s=2", code: "MDC_MADE_UP" },
    { ...POINT, node: "nsu=urn:m;s=3", deadband: { kind: "percent", value: 101 } },
    { ...POINT, node: "nsu=urn:m;s=4", path: "1.x", colour: "red" },
    { ...POINT, node: "nsu=urn:m;s=5", enumeration: { "0": "OFF" }, range: { low: 1, high: 0 } },
    { ...POINT, node: "nsu=urn:m;s=3", code: "MAKER_OTHER" },
    { unit: "1" },
  );
  const problems = driver.problems?.({ points }) ?? [];
  const expected = [
    /^points\[0\]\.node: .*its namespace is a number.*\. Write a node id such as/,
    /^points\[1\]\.node: .*a step has no name/,
    /^points\[1\]\.code: "level" is not what is expected\. Write an MDC reference id/,
    /^points\[1\]\.unit: "°C" is no UCUM unit that is known here\. Write "Cel"\.$/,
    /^points\[2\]\.mdc: 1 does not belong to "MDC_TEMP"\. Write 150344/,
    /^points\[3\]\.code: "MDC_MADE_UP" is not in the verified nomenclature table/,
    /^points\[4\]\.deadband\.value: it filters nothing or everything\. Write a number above 0 and at most 100\.$/,
    /^points\[5\]\.path: "1\.x" is not what is expected/,
    /^points\[5\]\.colour: there is no such field here/,
    /^points\[6\]\.enumeration\.0: "OFF" is not what is expected/,
    /^points\[6\]\.range: it excludes all or nothing/,
    /^points\[6\]\.enumeration: there is a range or dead-band as well/,
    /^points\[7\]\.node: points\[4\] reads the same node/,
    /^points\[8\]\.node: it is missing/,
    /^points\[8\]\.code: it is missing/,
    /has the same code and path\. Give them different paths\.$/,
  ];
  for (const pattern of expected) {
    assert.ok(
      problems.some((problem) => pattern.test(problem)),
      `${pattern}\n${problems.join("\n")}`,
    );
  }
  assert.deepEqual(driver.points({ points }), []);
  for (const text of ["", "[]", "{", '{"points":[]}']) {
    assert.ok((driver.problems?.({ points: text }) ?? []).length > 0, text);
  }
});

test("a feature that this device does not have is left out, and units are checked where the server's list has them", () => {
  const options = {
    points: tableText(POINT, { ...POINT, node: "nsu=urn:m;s=2", path: "1", present: false }),
  };
  const found = driver.points(options);
  assert.deepEqual(
    found.map(({ node, unitIds, unitMayMiss }) => [node, unitIds, unitMayMiss]),
    [[POINT.node, [5_002_322], true]],
  );
  const [odd] = driver.points({ points: tableText({ ...POINT, unit: "{drops}", unitId: 77 }) });
  assert.deepEqual(odd?.unitIds, [77]);
  const [none] = driver.points({ points: tableText({ ...POINT, unit: "1" }) });
  assert.deepEqual(none?.unitIds, [4_404_786]);
});

test("values are numbers, words of the enumeration, or none", () => {
  const level = read({}, { value: 12.5, sourceAt: 1_795_475_502_598 });
  assert.deepEqual(
    [level.value, level.text, level.unit, level.deviceAt],
    [12.5, "12.5", "L", 1_795_475_502_598],
  );
  const door = { unit: "1", enumeration: { true: "open", false: "closed", "3": "ajar" } };
  assert.equal(read(door, { value: true }).value, "open");
  assert.equal(read(door, { value: 3 }).value, "ajar");
  assert.deepEqual(read(door, { value: 4 }).quality, ["invalid"]);
  assert.equal(read({ unit: "1" }, { value: "Lot 7" }).value, "Lot 7");
  assert.equal(read({ unit: "1" }, { value: false }).value, "false");
  // A text where a measurement was promised is none.
  assert.deepEqual(read({}, { value: "12.5" }).value, null);
  const range = { range: { low: 0, high: 100 } };
  assert.deepEqual(
    [read(range, { value: 100 }).value, read(range, { value: 100.1 }).value],
    [100, null],
  );
});

test("status codes become quality", () => {
  const bad = read({}, { value: 1, statusCode: 0x808c_0000 });
  assert.deepEqual([bad.value, bad.text, bad.quality], [null, "", ["unavailable"]]);
  assert.deepEqual(read({}, { value: 1, statusCode: 0x4093_0000 }).quality, ["questionable"]);
});

test("any change gives one reading whose value is what its text says, or none", () => {
  const value = fc.oneof(fc.double(), fc.string(), fc.boolean(), fc.constant(null));
  const more = fc.constantFrom({}, { unit: "1" }, { unit: "1", enumeration: { "1": "on" } });
  fc.assert(
    fc.property(
      value,
      fc.integer({ min: 0, max: 0xffff_ffff }),
      more,
      (given, statusCode, point) => {
        const reading = read(point, { value: given, statusCode });
        assert.equal(reading.value === null, reading.text === "");
        assert.ok(typeof reading.value !== "number" || Number(reading.text) === reading.value);
        assert.ok(reading.value === null || statusCode < 0x8000_0000);
      },
    ),
    { numRuns: 1000 },
  );
});

test("texts of any kind give problems or a table, never an error, and no more problems than fit", () => {
  const json = fc.json({ maxDepth: 4 });
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        json,
        fc.constant(tableText(POINT)).map((text) => text.slice(7)),
      ),
      (text) => {
        const { table, problems } = parseTable(text);
        assert.equal(table === null, problems.length > 0);
        assert.ok(problems.length <= 31);
        assert.ok(driver.points({ points: text } satisfies DeviceOptions).length <= 1000);
      },
    ),
    { numRuns: 300 },
  );
});

test("the schema refuses what the driver refuses", () => {
  for (const point of [
    { ...POINT, code: "level" },
    { ...POINT, colour: "red" },
    { ...POINT, deadband: { kind: "absolute", value: 0 } },
    { ...POINT, path: "1.x" },
    { code: "MAKER_LEVEL", unit: "L" },
  ]) {
    const table: unknown = JSON.parse(tableText(point));
    assert.equal(fitsSchema(table, SCHEMA), false, JSON.stringify(point));
    assert.ok(parseTable(JSON.stringify(table)).problems.length > 0);
  }
});

test("units of the UNECE list are UCUM, and their ids are those of the OPC Foundation's list", () => {
  for (const [id, ucum] of UCUM_BY_ID) {
    assert.equal(unitProblem(ucum), null, ucum);
    assert.ok(unitIdsOf(ucum).includes(id));
  }
  // Pairs of id and meaning as the OPC Foundation's list (UNECE_to_OPCUA) has them.
  const known: readonly (readonly [number, string])[] = [
    [4_408_652, "Cel"],
    [20_529, "%"],
    [4_934_993, "kg/m3"],
    [13_361, "mL/min"],
    [5_067_080, "m3/h"],
    [4_666_418, "uS/cm"],
    [13_625, "[ppm]"],
    [4_274_487, "hPa"],
    [5_065_812, "mL"],
    [19_506, "L/min"],
    [5_394_509, "/min"],
    [12_890, "mV"],
  ];
  for (const [id, ucum] of known) {
    assert.equal(ucumOf(id), ucum);
  }
  assert.equal(ucumOf(1), null);
  assert.deepEqual(unitIdsOf("furlong"), []);
});

test("the simulated refrigerator stays in its ranges", () => {
  for (let seconds = 0; seconds < 120; seconds += 1) {
    for (const { scale, value } of simulator.variables) {
      const found = value(seconds, 3);
      assert.ok(
        scale === undefined ||
          (Number(found) > scale.range.low && Number(found) < scale.range.high),
      );
    }
  }
});

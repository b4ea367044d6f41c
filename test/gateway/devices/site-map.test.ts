import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import type { MapObject } from "../../../gateway/devices/map-object.ts";
import { parseDescription, Problems } from "../../../gateway/devices/map-object.ts";
import {
  ENUMERATION_WORD,
  readCode,
  readPresent,
  readRange,
  readSiteFacts,
  readUnit,
} from "../../../gateway/devices/site-map.ts";
import { unitProblem } from "../../../gateway/devices/ucum.ts";
import { TERMS } from "../../../gateway/nomenclature/nomenclature.ts";

/** What `read` finds wrong with a description. */
function problemsOf(value: unknown, read: (top: MapObject) => unknown): readonly string[] {
  const problems = new Problems();
  const top = parseDescription(JSON.stringify(value), problems);
  if (top !== null) {
    read(top);
    top.end();
  }
  return problems.list;
}

const FACTS = { title: "Fridge", maker: "Maker", model: "F 1", source: "Manual, page 3" };

test("the facts of a device are needed, and each that is missing is told", () => {
  assert.deepEqual(problemsOf(FACTS, readSiteFacts), []);
  assert.deepEqual(problemsOf({ ...FACTS, notes: "Menu 3", $schema: "x" }, readSiteFacts), []);
  assert.deepEqual(problemsOf({ title: 3, maker: "" }, readSiteFacts), [
    "title: 3 is not what is expected. Write what the device is called here.",
    'maker: "" is not what is expected. Write who makes the device.',
    "model: it is missing. Write the model, as on its plate.",
    "source: it is missing. Write the document and page that this follows.",
  ]);
});

test("a text that is no JSON object is told with its place", () => {
  const problems = new Problems();
  assert.equal(parseDescription('{ "title": }', problems), null);
  assert.match(
    problems.list[0] ?? "",
    /^The description: it is no JSON \(.*"title": \}.*\)\. Mend/,
  );
  assert.match(problemsOf([1], readSiteFacts)[0] ?? "", /^The description: it is no object/);
});

test("an MDC id is taken only from the verified table, and only with its number", () => {
  const codes = (code: unknown, mdc?: unknown): readonly string[] =>
    problemsOf({ code, ...(mdc === undefined ? {} : { mdc }) }, readCode);
  assert.deepEqual(codes("MDC_PULS_OXIM_SAT_O2"), []);
  assert.deepEqual(codes("MDC_PULS_OXIM_SAT_O2", 150456), []);
  assert.deepEqual(codes("MAKER_WEIGHT"), []);
  assert.match(codes("MDC_PRESS_BLD_NONINV_SYS", 150017).join(), /does not belong.*Write 150021/);
  assert.match(codes("MAKER_WEIGHT", 150456).join(), /does not belong.*Leave mdc out/);
  assert.match(codes("MDC_TEMP_AXIL").join(), /not in the verified nomenclature table/);
  assert.match(codes("MDC_NO_SUCH_THING").join(), /not in the verified nomenclature table/);
  for (const code of ["weight", "WEIGHT", "MAKER WEIGHT", "", 7, undefined]) {
    assert.equal(codes(code).length, 1, String(code));
  }
});

test("units are UCUM; what people write instead is told with what to write", () => {
  for (const { ucum } of TERMS) {
    assert.equal(unitProblem(ucum), null, ucum);
  }
  for (const unit of ["kg", "[in_i'H2O]", "10*3/uL", "ug/kg/min", "m2", "{beat}/min", "MOhm"]) {
    assert.equal(unitProblem(unit), null, unit);
  }
  for (const [unit, instead] of [
    ["°C", "Cel"],
    ["C", "Cel"],
    ["mmHg", "mm[Hg]"],
    ["bpm", "/min"],
    ["lb", "[lb_av]"],
  ] as const) {
    assert.equal(unitProblem(unit), `Write "${instead}"`);
  }
  for (const unit of ["", "/", "k", "kgkg", "kg/", "beats", "m m", "mm[Hg", "{", "constructor"]) {
    assert.notEqual(unitProblem(unit), null, unit);
  }
  assert.match(
    problemsOf({ unit: "mmHg" }, readUnit).join(),
    /^unit: "mmHg" is no UCUM.*"mm\[Hg\]"/,
  );
});

test("range and presence", () => {
  assert.deepEqual(problemsOf({ range: { low: 0, high: 3.5 }, present: false }, both), []);
  assert.deepEqual(problemsOf({ range: { low: 0 } }, both), []);
  assert.match(problemsOf({ range: { low: 3, high: 0 } }, both).join(), /^range: it excludes/);
  assert.match(problemsOf({ range: {} }, both).join(), /^range: it excludes/);
  assert.match(problemsOf({ range: [0, 3] }, both).join(), /^range: it is no object/);
  assert.match(problemsOf({ present: "no" }, both).join(), /^present: "no" is neither/);

  function both(top: MapObject): void {
    readRange(top);
    readPresent(top);
  }
});

test("every problem is told once, with its place, and no more than a page of them", () => {
  const fields = Array.from({ length: 60 }, () => ({ unit: "mmHg", colour: "red" }));
  const problems = problemsOf({ fields }, (top) => {
    for (const field of top.objects("fields", { low: 1, high: 100 })) {
      readUnit(field);
      field.end();
    }
  });
  assert.equal(problems.length, 31);
  assert.match(problems[0] ?? "", /^fields\[0\]\.unit: /);
  assert.match(problems[1] ?? "", /^fields\[0\]\.colour: there is no such field here.*unit\.$/);
  assert.equal(problems[30], "And 90 more problems. Mend these first.");
});

test("any JSON gives problems or none, never an error", () => {
  const read = (top: MapObject): void => {
    readSiteFacts(top);
    readCode(top);
    readUnit(top);
    readRange(top);
    readPresent(top);
    top.words("enumeration", { charactersMax: 3, write: "Write it" }, ENUMERATION_WORD);
    top.texts("invalid", { charactersMax: 3, write: "Write it" }, 3);
    top.span("span", { low: 1, high: 3 }, null);
    top.whole("whole", { low: 1, high: 3 }, 2);
    top.choice("choice", ["a", "b"], "a");
    for (const object of top.objects("objects", { low: 0, high: 3 })) {
      object.text("x", { charactersMax: 3, write: "Write it" });
    }
  };
  const names =
    "title code mdc unit range present enumeration invalid span whole choice objects".split(" ");
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...names), fc.jsonValue()), (value) => {
      for (const problem of problemsOf(value, read)) {
        assert.ok(problem.length < 400, problem);
        assert.match(problem, /\.$/);
      }
    }),
    { numRuns: 500 },
  );
});

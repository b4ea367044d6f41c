import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { type Control, problemsOf, readControls } from "./controls.ts";
import { judge, matrixText } from "./matrix.ts";

const CONTROL: Control = {
  framework: "A",
  id: "1",
  requirement: "Something is asked",
  how: "It is done",
  code: ["test/compliance/controls.ts#readControls"],
  tests: ["test/compliance/controls.test.ts#code and tests that are named are there"],
  residual: "",
};

describe("the map of controls", () => {
  test("code and tests that are named are there", () => {
    assert.deepEqual(readControls().flatMap(problemsOf), []);
  });

  test("no control stands there twice", () => {
    const names = readControls().map(({ framework, id }) => `${framework} ${id}`);
    assert.deepEqual(
      names.filter((name, place) => names.indexOf(name) !== place),
      [],
    );
  });

  test("what is not there is told", () => {
    assert.deepEqual(problemsOf(CONTROL), []);
    const wrong = {
      ...CONTROL,
      code: ["test/nowhere.ts", "test/compliance/controls.ts#nobody"],
      tests: ["test/compliance/controls.test.ts#a test that nobody wrote"],
    };
    assert.equal(problemsOf(wrong).length, 3);
    assert.equal(problemsOf({ ...CONTROL, how: "" }).length, 1);
  });
});

describe("the matrix", () => {
  const [test1 = ""] = CONTROL.tests;

  test("a control is proven when every test that it names has passed", () => {
    assert.equal(judge(CONTROL, new Map([[test1, true]])), "proven");
    assert.equal(judge(CONTROL, new Map([[test1, false]])), "failed");
    assert.equal(judge(CONTROL, new Map()), "not run");
    const two = { ...CONTROL, tests: [test1, "test/x.test.ts#y"] };
    assert.equal(judge(two, new Map([[test1, true]])), "not run");
  });

  test("a control that nothing proves is not claimed, whatever it says", () => {
    assert.equal(judge({ ...CONTROL, tests: [] }, new Map()), "not claimed");
  });

  test("it says for each control how it stands, and what stays open", () => {
    const open = { ...CONTROL, id: "2", tests: [], residual: "Ask the site." };
    const text = matrixText([CONTROL, open], new Map([[test1, true]]));
    assert.match(text, /A\n\s+1\s+proven\s+Something is asked/);
    assert.match(text, /2\s+not claimed\s+Something is asked\n\s+open: Ask the site\./);
  });
});

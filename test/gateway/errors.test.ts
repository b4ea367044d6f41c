import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { errorCode, errorText, WardError } from "../../gateway/errors.ts";

test("anything that was thrown has one bounded line of text and a code", () => {
  fc.assert(
    fc.property(fc.anything(), (thrown) => {
      assert.match(errorText(thrown), /^[^\n]{0,500}$/);
      assert.equal(typeof errorCode(thrown), "string");
    }),
  );
  assert.equal(errorText({ toString: false }), "unknown error");
  assert.equal(errorCode(new WardError("WARD_X", "Cannot do x.")), "WARD_X");
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { permissionsOf } from "../../gateway/access/permissions.ts";
import { bedOf, wardsProblem } from "../../gateway/access/wards.ts";

describe("who may do what", () => {
  test("IT and auditors see no value, nurses and doctors no flow and no journal", () => {
    for (const role of ["it", "auditor"] as const) {
      const may = permissionsOf([role]);
      assert.ok(!may.some((one) => ["values", "waves", "all-wards", "break-glass"].includes(one)));
    }
    for (const role of ["nurse", "doctor"] as const) {
      const may = permissionsOf([role]);
      assert.ok(
        !may.some((one) => ["flow", "deploy", "security", "accounts", "link"].includes(one)),
      );
    }
  });

  test("roles add up, and no role may do nothing", () => {
    assert.deepEqual(permissionsOf([]), []);
    assert.deepEqual(permissionsOf(["auditor", "nurse"]), ["values", "break-glass", "security"]);
  });
});

describe("wards", () => {
  test("the bed of a device is what stands before the first slash", () => {
    assert.equal(bedOf("bed-12/monitor/2"), "bed-12");
    assert.equal(bedOf("freezer"), "freezer");
  });

  test("a list is refused with the place of what is wrong", () => {
    assert.equal(wardsProblem([{ ward: "icu", beds: ["bed-1"] }]), null);
    const wrong: readonly (readonly [unknown, RegExp])[] = [
      ["icu", /not a list/],
      [[{ ward: "ICU", beds: [] }], /^\[0\]/],
      [[{ ward: "icu", beds: ["bed-1"], more: 1 }], /^\[0\]/],
      [[{ ward: "icu", beds: ["bed-1/monitor"] }], /^\[0\]/],
      [
        [
          { ward: "icu", beds: ["bed-1"] },
          { ward: "imc", beds: ["bed-1"] },
        ],
        /bed-1 is there twice/,
      ],
      [
        [
          { ward: "icu", beds: [] },
          { ward: "icu", beds: [] },
        ],
        /icu is there twice/,
      ],
    ];
    for (const [value, expected] of wrong) {
      assert.match(wardsProblem(value) ?? "", expected);
    }
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { parseInventory } from "../../../provisioning/fleet/inventory.ts";
import { inventory } from "./ward.ts";

/** The problems of the ward with some of it changed. */
function problemsOf(change: (ward: ReturnType<typeof inventory>) => void): string {
  const ward = inventory();
  change(ward);
  try {
    parseInventory(ward);
  } catch (error) {
    assert.equal((error as { code: string }).code, "WARD_INVENTORY");
    return (error as Error).message;
  }
  return "";
}

test("an inventory is read to gateways with their ward, ring, beds and devices", () => {
  const { gateways, rings, fleet } = parseInventory(inventory());
  assert.equal(fleet, "hospital/gateways");
  assert.deepEqual(
    rings.map(({ name }) => name),
    ["canary", "ward", "house"],
  );
  assert.deepEqual(
    gateways.map(({ id, ward, ring }) => [id, ward, ring]),
    [
      ["east-a", "3 East", "canary"],
      ["east-b", "3 East", "ward"],
      ["west-a", "4 West", "house"],
    ],
  );
  assert.deepEqual(gateways[0]?.devices[0], {
    id: "bed-1/oximeter",
    bed: "1",
    model: "nonin-oem3-format2",
    line: "serial:/run/ward/ports/usb-1.sock",
  });
  assert.deepEqual(gateways[1]?.variables, { WARD_KEEPALIVE_S: "10" });
});

test("each problem says where, what and what to do", () => {
  const problems = problemsOf((ward) => {
    ward.fleet = "gateways";
    ward.wards[0]!.gateways[0]!.id = "East A";
    ward.wards[0]!.gateways[1]!.ring = "all";
    ward.wards[0]!.gateways[1]!.variables = { WARD_KEEPALIVE: 1 };
    ward.wards[1]!.gateways[0]!.beds[0]!.devices[0]!.model = "toaster";
    ward.wards[1]!.gateways[0]!.beds[0]!.devices[0]!.line = "/dev/ttyUSB0";
  });
  for (const problem of [
    'fleet: cannot be "gateways"; give organisation/fleet, as in the dashboard\'s address.',
    'wards[0].gateways[0].id: cannot be "East A"; give 3 to 64 of a-z, 0-9 and dash.',
    'wards[0].gateways[1].ring: cannot be "all"; give one of canary, ward, house.',
    "wards[0].gateways[1].variables.WARD_KEEPALIVE: there is no such setting; take one from the table in README.md.",
    'wards[1].gateways[0].beds[0].devices[0].model: cannot be "toaster"; give a model of: wardgate devices list.',
    'wards[1].gateways[0].beds[0].devices[0].line: cannot be "/dev/ttyUSB0"; give a line URL, see gateway/lines/README.md.',
  ]) {
    assert.ok(problems.includes(problem), `${problem}\n${problems}`);
  }
});

test("what is there twice, unknown or of the wrong value is found", () => {
  assert.match(
    problemsOf((ward) => (ward.wards[1]!.gateways[0]!.id = "east-a")),
    /gateway id "east-a" is there 2 times/,
  );
  assert.match(
    problemsOf((ward) => (ward.wards[1]!.gateways[0]!.uuid = ward.wards[0]!.gateways[0]!.uuid)),
    /uuid ".*" is there 2 times/,
  );
  assert.match(
    problemsOf((ward) => Object.assign(ward.wards[0]!, { gateway: [] })),
    /wards\[0\]\.gateway: is not known here; use name, gateways/,
  );
  assert.match(
    problemsOf((ward) => Object.assign(ward.rings, { canary: 1.2 })),
    /rings\.canary: cannot be 1\.2; give the version of a release/,
  );
  assert.match(
    problemsOf((ward) => (ward.wards[0]!.gateways[1]!.variables = { WARD_KEEPALIVE_S: 900 })),
    /wards\[0\]\.gateways\[1\]: .*keepaliveS.* from 5 to 20/,
  );
});

test("whatever is in the file, the answer is an inventory or its problems", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      assert.throws(() => parseInventory(value), { code: "WARD_INVENTORY" });
    }),
  );
});

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";

import { command as devices } from "../../../gateway/commands/devices.ts";
import { command as simulate } from "../../../gateway/commands/simulate.ts";
import { driverOf } from "../../../gateway/devices/catalog.ts";
import { isDeviceId } from "../../../gateway/reading.ts";
import { SIMULATORS } from "../../../gateway/simulate/registry.ts";
import { WARD_BEDS_MAX, wardPlan } from "../../../gateway/simulate/ward-plan.ts";
import { linesOf, objectsOf, run, start } from "./wardgate.ts";

test("a ward of any size has every model, ids of its own for each device, and few pseudo terminals", () => {
  for (const beds of [1, 2, 3, 7, 10, 30, WARD_BEDS_MAX]) {
    const plan = wardPlan(beds, 1, SIMULATORS);
    const models = new Set(plan.map(({ model }) => model));
    assert.equal(models.size, SIMULATORS.length);
    assert.equal(new Set(plan.map(({ device }) => device)).size, plan.length);
    assert.equal(new Set(plan.map(({ seed }) => seed)).size, plan.length);
    assert.ok(plan.every(({ device }) => isDeviceId(device)));
    assert.ok(plan.filter(({ line }) => line === "pty").length <= 45);
    const bedside = plan.filter(({ device }) => device.startsWith("bed-"));
    for (let bed = 1; bed <= beds; bed += 1) {
      const own = bedside.filter(({ device }) => device.startsWith(`bed-${bed}/`));
      assert.ok(own.length >= 2, `bed ${bed} has ${own.length} devices`);
    }
    for (const { model, line } of plan) {
      const { lines } = SIMULATORS.find((simulator) => simulator.model === model) ?? { lines: [] };
      assert.ok(
        lines.some((known) => known === line),
        `${model} on ${line}`,
      );
    }
  }
});

test("the same seed gives the same ward, another seed another one", () => {
  assert.deepEqual(wardPlan(10, 5, SIMULATORS), wardPlan(10, 5, SIMULATORS));
  assert.notDeepEqual(wardPlan(10, 5, SIMULATORS), wardPlan(10, 6, SIMULATORS));
});

test("a ward runs in one process, and its devices are read by their lines", async () => {
  const ward = start("simulate", "--ward", "1", "--seed", "4", "--json");
  try {
    const { value: ready } = await linesOf(ward).next();
    const told = ready["devices"] as Told[];
    assert.equal(told.length, wardPlan(1, 4, SIMULATORS).length);
    const chosen = [
      told.find(({ line }) => line.startsWith("serial:")),
      told.find(({ line }) => line.startsWith("tcp:")),
      told.find(({ line }) => line.startsWith("modbus-")),
      told.find(({ model }) => model === "lads-incubator"),
    ];
    await Promise.all(chosen.map((one) => readOne(one!)));
    ward.kill("SIGTERM");
    await once(ward, "close");
    assert.equal(ward.exitCode, 0);
  } finally {
    ward.kill("SIGKILL");
  }
});

interface Told {
  readonly device: string;
  readonly model: string;
  readonly line: string;
  readonly unit: number | null;
  readonly trust?: string;
}

async function readOne({ device, model, line, unit, trust }: Told): Promise<void> {
  assert.ok(driverOf(model) !== undefined);
  const args = ["read", model, "--line", line, "--device", device, "--seconds", "10", "--json"];
  args.push(...(unit === null ? [] : ["--unit", String(unit)]));
  args.push(...(trust === undefined ? [] : ["--trust", trust]));
  const { code, stdout, stderr } = await run(devices, args);
  assert.equal(code, 0, `${device}: ${stderr}`);
  const own = objectsOf(stdout).filter((item) => item["device"] === device);
  assert.ok(own.some(({ kind }) => kind !== "fault"));
}

test("wrong use is one clear line", async () => {
  const cases: readonly (readonly [string[], RegExp])[] = [
    [["--ward", "0"], /--ward 0 is no number of beds from 1 to 100/],
    [["--ward", "101"], /--ward 101 is no number of beds/],
    [["--ward", "x"], /--ward x is no number of beds/],
    [["--ward", "2", "masimo-ascii1"], /so name none/],
    [["--ward", "2", "--line", "tcp"], /so name none/],
  ];
  for (const [args, message] of cases) {
    const { code, stderr } = await run(simulate, args);
    assert.equal(code, "WARD_USAGE");
    assert.match(stderr, message);
  }
});

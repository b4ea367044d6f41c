import assert from "node:assert/strict";
import { test } from "node:test";

import type { RegisterBlock } from "../../../gateway/devices/device.ts";
import type { Line } from "../../../gateway/lines/line.ts";
import { openModbusLine } from "../../../gateway/lines/modbus.ts";
import { SigningSlave, signedDriver, TcpBus } from "../../fakes/modbus-bus.ts";

const TIMING = { replyMs: 30, quietMs: 40, unitBackoffMs: 4 };
const LATE_MS = 110;
const LINES = 12;
const FAULTS_EACH = 22;

const BLOCKS: readonly RegisterBlock[] = [
  { function: 4, address: 100, count: 12 },
  { function: 4, address: 300, count: 12 },
  { function: 3, address: 300, count: 12 },
];

for (const scheme of ["modbus-tcp", "modbus-rtu+tcp"] as const) {
  test(`${scheme}: ${LINES * FAULTS_EACH} seeded faults give no wrong value`, async () => {
    const results = await Promise.all(
      Array.from({ length: LINES }, (_, seed) => sufferFaults(scheme, seed + 1)),
    );
    const sum = results.reduce((all, one) => ({
      good: all.good + one.good,
      wrong: all.wrong + one.wrong,
    }));
    assert.equal(sum.wrong, 0);
    assert.ok(sum.good > LINES * FAULTS_EACH, `only ${sum.good} good blocks`);
  });
}

async function sufferFaults(
  scheme: "modbus-tcp" | "modbus-rtu+tcp",
  seed: number,
): Promise<{ good: number; wrong: number }> {
  const slave = new SigningSlave(seed, 0.2, LATE_MS);
  const bus = await TcpBus.open(slave, scheme === "modbus-tcp" ? "tcp" : "rtu");
  const line: Line = openModbusLine(`${scheme}://127.0.0.1:${bus.port}`, TIMING);
  const counts = { good: 0, wrong: 0 };
  try {
    await new Promise<void>((resolve) => {
      for (const unit of [3, 4]) {
        const driver = signedDriver(unit, slave, BLOCKS, counts);
        line.attach(
          { device: `test/${unit}`, driver, unit, options: {} },
          {
            frame: () => {
              if (slave.faults >= FAULTS_EACH) {
                resolve();
              }
            },
            fault: () => undefined,
            state: () => undefined,
            identity: () => undefined,
          },
        );
      }
    });
  } finally {
    await line.close();
    await bus.close();
  }
  assert.deepEqual(
    slave.functions.filter((code) => ![1, 2, 3, 4].includes(code)),
    [],
  );
  return counts;
}

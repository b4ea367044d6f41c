import assert from "node:assert/strict";
import { test } from "node:test";

import type { RegisterBlock } from "../../../gateway/devices/device.ts";
import { openModbusLine } from "../../../gateway/lines/modbus.ts";
import { openPtyBus, SigningSlave, signedDriver, TcpBus } from "../../fakes/modbus-bus.ts";
import type { SlaveBus } from "../../fakes/modbus-bus.ts";

/*
 * Slaves that are late, twice, short, long, garbled, silent or somebody else, at random from a seed. Each word they send says
 * for which request it is, so that a value given for another request is seen.
 */
const TIMING = { replyMs: 30, quietMs: 40, unitBackoffMs: 4 };
/** Later than a reply may be, than the bus has to be quiet, and than the next request. */
const LATE_MS = 110;

/** A longer run: as many times the faults. */
const SCALE = Number(process.env["WARD_FAULT_SCALE"] ?? 1);

const BLOCKS: readonly RegisterBlock[] = [
  { function: 4, address: 100, count: 12 },
  { function: 4, address: 300, count: 12 },
  { function: 3, address: 300, count: 12 },
];

const BUSES: readonly {
  readonly name: string;
  readonly lines: number;
  readonly faultsEach: number;
  readonly open: (slave: SigningSlave) => Promise<SlaveBus>;
}[] = [
  { name: "TCP", lines: 10, faultsEach: 30, open: (slave) => TcpBus.open(slave, "tcp") },
  { name: "RTU over TCP", lines: 12, faultsEach: 25, open: (slave) => TcpBus.open(slave, "rtu") },
  { name: "RTU on a port", lines: 4, faultsEach: 25, open: (slave) => openPtyBus(slave, "rtu") },
  {
    name: "ASCII on a port",
    lines: 4,
    faultsEach: 25,
    open: (slave) => openPtyBus(slave, "ascii"),
  },
];

for (const { name, lines, faultsEach: faultsOnce, open } of BUSES) {
  const faultsEach = faultsOnce * SCALE;
  test(`Modbus ${name}: ${lines * faultsEach} seeded faults give no wrong value`, async () => {
    const seeds = Array.from({ length: lines }, (_, place) => place + 1);
    const all = await Promise.all(seeds.map((seed) => sufferFaults(seed, faultsEach, open)));
    const good = all.reduce((sum, counts) => sum + counts.good, 0);
    assert.equal(
      all.reduce((sum, counts) => sum + counts.wrong, 0),
      0,
    );
    assert.ok(good >= lines * faultsEach, `only ${good} good blocks`);
  });
}

async function sufferFaults(
  seed: number,
  faultsMin: number,
  open: (slave: SigningSlave) => Promise<SlaveBus>,
): Promise<{ good: number; wrong: number }> {
  const slave = new SigningSlave(seed, 0.2, LATE_MS);
  const bus = await open(slave);
  const line = openModbusLine(bus.url, TIMING);
  const counts = { good: 0, wrong: 0 };
  const enough = Promise.withResolvers<void>();
  const sink = {
    frame: () => {
      if (slave.faults >= faultsMin && counts.good >= faultsMin) {
        enough.resolve();
      }
    },
    fault: () => undefined,
    state: () => undefined,
    identity: () => undefined,
  };
  try {
    for (const unit of [3, 4]) {
      const driver = signedDriver(unit, slave, BLOCKS, counts);
      line.attach({ device: `test/${unit}`, driver, unit, options: {} }, sink);
    }
    await enough.promise;
  } finally {
    await line.close();
    await bus.close();
  }
  assert.ok(slave.functions.every((code) => code >= 1 && code <= 4));
  return counts;
}

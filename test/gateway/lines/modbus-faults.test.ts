import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { RegisterBlock, RegisterLimits } from "../../../gateway/devices/device.ts";
import type { Line } from "../../../gateway/lines/line.ts";
import { openModbusLine } from "../../../gateway/lines/modbus.ts";
import { openPtyBus, SigningSlave, signedDriver, TcpBus } from "../../fakes/modbus-bus.ts";
import { openMemoryBus } from "../../fakes/modbus-wire.ts";

/*
 * Slaves that are late, twice, short, long, garbled, silent, out of order, misnumbered or somebody else, at random from a seed. Each
 * word they send says which register it is and which request it answers, so that a value given for another one is seen.
 */
const TIMING = { replyMs: 100, quietMs: 40, unitBackoffMs: 90 };
/**
 * Later than a reply may be, than the bus has to be quiet, and than the next request; but no later than a silent unit is asked again (30 s
 * by default): a reply from before that, which overtook those in between, is what no slave on a bus can send.
 */
const LATE_MS = 180;

/** A part of the faults; `WARD_FAULT_SCALE=1` for ten thousand, 100 for a long run. */
const SCALE = Number(process.env["WARD_FAULT_SCALE"] ?? 0.3);

/** Far enough from each other not to be read together, and alike, as registers of equal machines are. */
const BLOCKS: readonly RegisterBlock[] = [
  { function: 4, address: 100, count: 12 },
  { function: 4, address: 300, count: 12 },
  { function: 3, address: 300, count: 12 },
];
/** Many more, so that a window of requests is always full. */
const MANY: readonly RegisterBlock[] = Array.from({ length: 16 }, (_, place) => ({
  function: place % 3 === 0 ? 3 : 4,
  address: 1000 + 200 * place,
  count: 4 + 3 * (place % 2),
}));

interface FaultyBus {
  readonly line: Line;
  readonly close: () => Promise<void>;
}

interface Kind {
  readonly name: string;
  readonly lines: number;
  readonly faultsEach: number;
  readonly blocks?: readonly RegisterBlock[];
  readonly limits?: RegisterLimits;
  readonly stale?: boolean;
  readonly open: (slave: SigningSlave) => Promise<FaultyBus>;
}

const KINDS: readonly Kind[] = [
  { name: "TCP", lines: 20, faultsEach: 150, open: (slave) => onTcp(slave, "tcp") },
  {
    name: "TCP with 8 requests under way",
    lines: 20,
    faultsEach: 60,
    blocks: MANY,
    limits: { inFlight: 8 },
    open: (slave) => onTcp(slave, "tcp"),
  },
  {
    name: "TCP with 16 requests under way on each of 2 connections",
    lines: 10,
    faultsEach: 60,
    blocks: MANY,
    limits: { inFlight: 16, connections: 2 },
    open: (slave) => onTcp(slave, "tcp"),
  },
  { name: "RTU over TCP", lines: 40, faultsEach: 45, open: (slave) => onTcp(slave, "rtu") },
  { name: "RTU", lines: 40, faultsEach: 40, open: (slave) => inMemory(slave, "rtu") },
  { name: "ASCII", lines: 40, faultsEach: 40, open: (slave) => inMemory(slave, "ascii") },
  {
    // Without probes nothing tells an old reply that comes in place of the new one; late and double ones are told.
    name: "RTU of a device that must not be probed",
    stale: false,
    lines: 40,
    faultsEach: 10,
    limits: { apart: true },
    open: (slave) => inMemory(slave, "rtu", { ...TIMING, quietMs: LATE_MS + 40 }),
  },
  { name: "RTU on a port", lines: 4, faultsEach: 15, open: (slave) => onPort(slave, "rtu") },
  { name: "ASCII on a port", lines: 4, faultsEach: 15, open: (slave) => onPort(slave, "ascii") },
];

test(`${10_000 * SCALE} faults and more are tried`, () => {
  const faults = KINDS.reduce((sum, kind) => sum + kind.lines * faultsOf(kind), 0);
  assert.ok(faults >= 10_000 * SCALE);
});

/** On each line of a kind. */
function faultsOf({ faultsEach }: Kind): number {
  return Math.ceil(faultsEach * SCALE);
}

describe("seeded faults give no wrong value", { concurrency: 3 }, () => {
  for (const kind of KINDS) {
    const faults = kind.lines * faultsOf(kind);
    test(`Modbus ${kind.name}: ${faults} faults`, async () => {
      const seeds = Array.from({ length: kind.lines }, (_, place) => place + 1);
      const all = await Promise.all(seeds.map((seed) => sufferFaults(seed, kind)));
      assert.equal(
        all.reduce((sum, counts) => sum + counts.wrong, 0),
        0,
      );
      const good = all.reduce((sum, counts) => sum + counts.good, 0);
      assert.ok(good >= faults, `only ${good} good blocks`);
    });
  }
});

async function sufferFaults(seed: number, kind: Kind): Promise<{ good: number; wrong: number }> {
  const { open, blocks = BLOCKS, limits = {}, stale = true } = kind;
  const faultsMin = faultsOf(kind);
  const slave = new SigningSlave({
    seed,
    faultShare: blocks === MANY ? 0.08 : 0.2,
    lateMs: LATE_MS,
    stale,
  });
  const { line, close } = await open(slave);
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
      const driver = signedDriver({ unit, slave, blocks, counts, limits });
      line.attach({ device: `test/${unit}`, driver, unit, options: {} }, sink);
    }
    await enough.promise;
  } finally {
    await line.close();
    await close();
  }
  assert.ok(slave.functions.every((code) => code >= 1 && code <= 4));
  return counts;
}

async function onTcp(slave: SigningSlave, framing: "tcp" | "rtu"): Promise<FaultyBus> {
  const bus = await TcpBus.open(slave, framing);
  return { line: openModbusLine(bus.url, TIMING), close: () => bus.close() };
}

async function onPort(slave: SigningSlave, framing: "rtu" | "ascii"): Promise<FaultyBus> {
  const bus = await openPtyBus(slave, framing);
  return { line: openModbusLine(bus.url, TIMING), close: () => bus.close() };
}

async function inMemory(
  slave: SigningSlave,
  framing: "rtu" | "ascii",
  timing = TIMING,
): Promise<FaultyBus> {
  return openMemoryBus(slave, { framing, baud: 115_200, timing });
}

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, test } from "node:test";

import type {
  ModbusDriver,
  RegisterBlock,
  RegisterLimits,
} from "../../../gateway/devices/device.ts";
import type { Line } from "../../../gateway/lines/line.ts";
import { openModbusLine } from "../../../gateway/lines/modbus.ts";
import { CollectingSink } from "../../fakes/line-sink.ts";
import type { SeenRequest } from "../../fakes/modbus-bus.ts";
import { SigningSlave, signedDriver, TcpBus } from "../../fakes/modbus-bus.ts";
import { openMemoryBus } from "../../fakes/modbus-wire.ts";

const TIMING = { replyMs: 1000, quietMs: 40, unitBackoffMs: 2000 };
const BLOCKS: readonly RegisterBlock[] = [
  { function: 4, address: 100, count: 6 },
  { function: 4, address: 300, count: 8 },
];

function attach(line: Line, driver: ModbusDriver, unit: number): CollectingSink {
  const sink = new CollectingSink();
  line.attach({ device: `test/${unit}`, driver, unit, options: {} }, sink);
  return sink;
}

/** A driver of its own for one unit of a slave. */
function unitOf(
  slave: SigningSlave,
  unit: number,
  more: {
    readonly everyMs?: number;
    readonly blocks?: readonly RegisterBlock[];
    readonly limits?: RegisterLimits;
    readonly counts?: { good: number; wrong: number };
  } = {},
): ModbusDriver {
  return signedDriver({
    unit,
    slave,
    blocks: BLOCKS,
    counts: { good: 0, wrong: 0 },
    everyMs: 20,
    ...more,
  });
}

const LIVING = [1, 2, 3, 4, 5, 6, 8, 9, 10];
const DEAD = 7;

describe("Modbus bus", { concurrency: true }, () => {
  test("TCP: one dead unit of ten costs the others nothing", async () => {
    // Two wards at the same time, one without a dead unit: what else the machine does hits both.
    const wards = await Promise.all(
      [true, false].map(async (isWell) => {
        const slave = new SigningSlave();
        const bus = await TcpBus.open(slave, "tcp");
        // A deadline that no living unit misses, however busy the machine.
        const line = openModbusLine(bus.url, { ...TIMING, replyMs: 1000 });
        const units = isWell ? LIVING : [...LIVING, DEAD];
        slave.dead.add(DEAD);
        const sinks = units.map((unit) => attach(line, unitOf(slave, unit, { everyMs: 50 }), unit));
        return {
          slave,
          bus,
          line,
          living: sinks.slice(0, LIVING.length),
          dead: sinks[LIVING.length],
        };
      }),
    );
    const framesOf = (): number[] =>
      wards.map(({ living }) => living.reduce((sum, sink) => sum + sink.frames.length, 0));
    const all = wards.flatMap(({ living }) => living);
    await Promise.all(all.map((sink) => sink.until(() => sink.frames.length > 2)));
    const before = framesOf();
    await sleep(2500);
    const [well = 0, ill = 0] = framesOf().map((frames, ward) => frames - (before[ward] ?? 0));
    for (const { line, bus } of wards) {
      await line.close();
      await bus.close();
    }
    assert.ok(ill >= 0.95 * well, `${ill} frames beside ${well}`);
    const [, { slave, bus, dead }] = wards as [(typeof wards)[0], (typeof wards)[0]];
    assert.equal(dead?.frames.length, 0);
    const tries = slave.requests.filter(({ unit }) => unit === DEAD);
    assert.ok(tries.length >= 1 && tries.length <= 8, `${tries.length} tries`);
    assert.ok(tries.every(({ count }) => count === 1));
    assert.equal(bus.connections, 1, "the connection is kept");
  });

  test("TCP: a unit that dies costs one deadline, and comes back when it answers", async () => {
    const slave = new SigningSlave();
    const bus = await TcpBus.open(slave, "tcp");
    const line = openModbusLine(bus.url, { ...TIMING, unitBackoffMs: 300 });
    const counts = { good: 0, wrong: 0 };
    const alive = attach(line, unitOf(slave, 3, { counts }), 3);
    const mortal = attach(line, unitOf(slave, 9, { counts }), 9);
    await mortal.until(() => mortal.frames.length > 3);
    const before = slave.requests.length;
    slave.dead.add(9);
    const frames = alive.frames.length;
    await alive.until(() => alive.frames.length > frames + 40);
    // Polled once more, in vain; from then on only tried, on the side.
    const polls = slave.requests.slice(before).filter(({ unit, count }) => unit === 9 && count > 1);
    assert.ok(polls.length <= BLOCKS.length, `${polls.length} polls of the dead unit`);
    const last = mortal.frames.length;
    slave.dead.delete(9);
    await mortal.until(() => mortal.frames.length > last + 2);
    assert.equal(counts.wrong, 0);
    await line.close();
    await bus.close();
  });

  test("serial: a dead unit costs at most its deadline, at growing intervals, and no port is opened again", async () => {
    const slave = new SigningSlave();
    slave.dead.add(9);
    const bus = openMemoryBus(slave, {
      framing: "rtu",
      baud: 115_200,
      timing: { ...TIMING, replyMs: 100, unitBackoffMs: 30_000 },
    });
    const counts = { good: 0, wrong: 0 };
    const alive = attach(bus.line, unitOf(slave, 3, { counts }), 3);
    attach(bus.line, unitOf(slave, 9), 9);
    await alive.until(() => alive.frames.length > 1);
    const tries: number[] = [];
    const answer = slave.answer.bind(slave);
    slave.answer = (request) => {
      if (request[0] === 9) {
        tries.push(performance.now());
      }
      return answer(request);
    };
    await sleep(5000);
    await bus.close();
    const waits = tries.slice(1).map((at, place) => at - (tries[place] ?? 0));
    assert.ok(waits.length >= 1 && waits.length <= 4, `waits ${waits.join(" ")}`);
    assert.ok((waits.at(-1) ?? 0) > 900);
    assert.equal(bus.opened(), 1);
    assert.equal(counts.wrong, 0);
    assert.ok(alive.frames.length > 20 * waits.length, `${alive.frames.length} frames`);
  });

  test("serial: when everybody is silent the port is opened again", async () => {
    const slave = new SigningSlave();
    slave.dead.add(3);
    const timing = { replyMs: 20, quietMs: 20, unitBackoffMs: 30 };
    const bus = openMemoryBus(slave, { framing: "rtu", baud: 115_200, timing });
    const sink = attach(bus.line, unitOf(slave, 3), 3);
    while (bus.opened() < 3) {
      await sleep(10);
    }
    slave.dead.clear();
    await sink.until(() => sink.frames.length > 2);
    await bus.close();
  });

  test("serial: every request comes after 3.5 characters of silence", async () => {
    const slave = new SigningSlave();
    const bus = openMemoryBus(slave, { framing: "rtu", baud: 9600, timing: TIMING });
    const sink = attach(bus.line, unitOf(slave, 3, { everyMs: 0 }), 3);
    await sink.until(() => sink.frames.length >= 40);
    await bus.close();
    // That it does not wait for longer than that either is for the bench to say: here the machine may be busy.
    const silences = bus.seen.flatMap(({ at, from }, place) => {
      const before = bus.seen[place - 1];
      return from === "master" && before !== undefined ? [at - before.at] : [];
    });
    // 3.5 characters of 11 bits at 9600 baud.
    const gapMs = (3.5 * 11) / 9.6;
    assert.ok(silences.length > 60);
    assert.ok(Math.min(...silences) >= gapMs, `${Math.min(...silences)} ms`);
  });

  test("serial: blocks that differ are read without a probe in between", async () => {
    const slave = new SigningSlave();
    const bus = openMemoryBus(slave, { framing: "rtu", baud: 115_200, timing: TIMING });
    const sink = attach(bus.line, unitOf(slave, 3), 3);
    await sink.until(() => sink.frames.length >= 20);
    await bus.close();
    // One to try the unit, then nothing but the two blocks.
    assert.deepEqual(
      slave.requests.filter(({ count }) => count < 6).map(({ number }) => number),
      [1],
    );
  });

  test("each pace is polled at its own rate, and gives frames of its own", async () => {
    const slave = new SigningSlave();
    const bus = await TcpBus.open(slave, "tcp");
    const line = openModbusLine(bus.url, TIMING);
    const fast = unitOf(slave, 3, { everyMs: 40 });
    const slow = unitOf(slave, 3, {
      everyMs: 400,
      blocks: [{ function: 3, address: 0, count: 2 }],
    });
    const both = { ...fast, polls: () => [...fast.polls({}), ...slow.polls({})] };
    const sink = attach(line, both, 3);
    await sink.until(() => sink.frames.length >= 45);
    await line.close();
    await bus.close();
    const slowly = slave.requests.filter(({ code, count }) => code === 3 && count === 2).length;
    assert.ok(slowly >= 4 && slowly <= 15, `${slowly} slow polls of 45`);
  });

  test("a device that is silent for less than its pace does not count as silent", async () => {
    const slave = new SigningSlave();
    const bus = await TcpBus.open(slave, "tcp");
    const line = openModbusLine(bus.url, TIMING);
    const driver = unitOf(slave, 3, { everyMs: 800 });
    const hasty = { ...driver, facts: { ...driver.facts, quietMs: 300 } };
    const sink = attach(line, hasty, 3);
    await sink.until(() => sink.frames.length >= 3);
    await line.close();
    await bus.close();
    assert.ok(sink.states.every(({ state }) => state !== "stale"));
  });

  const REFUSALS: readonly {
    readonly what: string;
    readonly refuse: (request: SeenRequest) => number | null;
    readonly requests: number;
    readonly missing: number;
  }[] = [
    {
      what: "gaps",
      refuse: ({ address, count }) => (address < 104 && address + count > 102 ? 2 : null),
      requests: 2,
      missing: 0,
    },
    {
      what: "more than 5 registers at once",
      refuse: ({ count }) => (count > 5 ? 3 : null),
      requests: 4,
      missing: 0,
    },
    {
      what: "one register that is not there",
      refuse: ({ address, count }) => (address <= 110 && address + count > 110 ? 2 : null),
      requests: 3,
      missing: 1,
    },
  ];
  for (const { what, refuse, requests, missing } of REFUSALS) {
    test(`what a device refuses is learned: ${what}`, async () => {
      const slave = new SigningSlave();
      slave.refuse = refuse;
      const bus = await TcpBus.open(slave, "tcp");
      const line = openModbusLine(bus.url, TIMING);
      const counts = { good: 0, wrong: 0 };
      const addresses = [100, 101, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113];
      const blocks = addresses.map((address) => ({ function: 4, address, count: 1 }) as const);
      const sink = attach(line, unitOf(slave, 3, { blocks, counts }), 3);
      await sink.until(() => sink.frames.length >= 1);
      const from = slave.requests.length;
      const good = counts.good;
      await sink.until(() => sink.frames.length >= 6);
      await line.close();
      await bus.close();
      assert.equal(counts.wrong, 0);
      assert.equal(counts.good - good, 5 * (addresses.length - missing));
      const eachPoll = Math.floor((slave.requests.length - from) / 5);
      assert.ok(eachPoll <= requests + missing, `${eachPoll} requests a poll`);
      const told = sink.faults.map(({ text }) => text);
      assert.match(
        told[0] ?? "",
        /^The device refused to read registers 100 to 113 of function 4 \(exception [23], .*\); it is asked for less at once$/,
      );
      assert.equal(told.length, 1 + missing);
      if (missing > 0) {
        assert.match(
          told[1] ?? "",
          /^The device refused to read registers 110 to 110 of function 4 \(exception 2, no such register\)$/,
        );
      }
    });
  }

  test("a gateway that says its device does not answer is believed", async () => {
    const slave = new SigningSlave();
    slave.refuse = ({ unit }) => (unit === 9 ? 11 : null);
    const bus = await TcpBus.open(slave, "tcp");
    const line = openModbusLine(bus.url, TIMING);
    const alive = attach(line, unitOf(slave, 3), 3);
    const gone = attach(line, unitOf(slave, 9), 9);
    await alive.until(() => alive.frames.length >= 50);
    assert.match(
      gone.faults[0]?.text ?? "",
      /exception 11, device behind the gateway does not answer/,
    );
    assert.ok(slave.requests.filter(({ unit }) => unit === 9).length <= 4);
    slave.refuse = () => null;
    await gone.until(() => gone.frames.length > 0);
    await line.close();
    await bus.close();
  });

  test("requests under way and connections are what the profile allows, and one without a word", async () => {
    const many = Array.from({ length: 12 }, (_, place) => {
      return { function: 4, address: 200 * place, count: 2 } as const;
    });
    const cases = [
      { limits: {}, underWay: 1, connections: 1 },
      { limits: { inFlight: 4 }, underWay: 4, connections: 1 },
      { limits: { inFlight: 2, connections: 3 }, underWay: 6, connections: 3 },
    ];
    for (const { limits, underWay, connections } of cases) {
      const slave = new SigningSlave();
      let open = 0;
      let most = 0;
      const answer = slave.answer.bind(slave);
      slave.answer = (request, connection) => {
        open += 1;
        most = Math.max(most, open);
        return answer(request, connection);
      };
      slave.deliver = (frame) => {
        setTimeout(() => (open -= 1), 5);
        return [{ afterMs: 5, bytes: frame }];
      };
      const bus = await TcpBus.open(slave, "tcp");
      const line = openModbusLine(bus.url, TIMING);
      const counts = { good: 0, wrong: 0 };
      const sink = attach(line, unitOf(slave, 3, { blocks: many, limits, counts }), 3);
      await sink.until(() => sink.frames.length >= 3);
      await line.close();
      assert.equal(bus.connections, connections);
      await bus.close();
      assert.equal(most, underWay);
      assert.deepEqual([counts.wrong, counts.good >= 36], [0, true]);
    }
  });

  test("a device that forgets all but the first of several requests is asked one at a time", async () => {
    const slave = new SigningSlave();
    let heardAt = 0;
    const answer = slave.answer.bind(slave);
    slave.answer = (request, connection) => {
      const isFirst = performance.now() - heardAt > 3;
      heardAt = performance.now();
      return isFirst ? answer(request, connection) : null;
    };
    slave.deliver = (frame) => [{ afterMs: 5, bytes: frame }];
    const bus = await TcpBus.open(slave, "tcp");
    const line = openModbusLine(bus.url, { ...TIMING, unitBackoffMs: 100 });
    const counts = { good: 0, wrong: 0 };
    const sink = attach(line, unitOf(slave, 3, { limits: { inFlight: 8 }, counts }), 3);
    await sink.until(() => sink.frames.length >= 5);
    await line.close();
    await bus.close();
    assert.equal(counts.wrong, 0);
    assert.deepEqual(
      sink.faults.map(({ text }) => text),
      [
        "The device did not answer all requests that were under way together; it is asked for one at a time",
      ],
    );
  });

  test("a device that takes fewer connections than its profile says is read all the same", async () => {
    const slave = new SigningSlave();
    const bus = await TcpBus.open(slave, "tcp");
    bus.connectionsMax = 1;
    const line = openModbusLine(bus.url, { ...TIMING, replyMs: 300 });
    const sink = attach(line, unitOf(slave, 3, { limits: { connections: 2 } }), 3);
    await sink.until(() => sink.frames.length >= 1);
    await line.close();
    await bus.close();
  });
});

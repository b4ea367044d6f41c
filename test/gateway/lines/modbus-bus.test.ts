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
    const slave = new SigningSlave();
    const bus = await TcpBus.open(slave, "tcp");
    // The deadline is longer than this test: whatever the living get, they get while the dead one is waited for.
    const line = openModbusLine(bus.url, { ...TIMING, replyMs: 600_000 });
    const living = LIVING.map((unit) => attach(line, unitOf(slave, unit), unit));
    await Promise.all(living.map((sink) => sink.until(() => sink.frames.length > 2)));
    slave.dead.add(DEAD);
    const dead = attach(line, unitOf(slave, DEAD), DEAD);
    const tries = (): readonly SeenRequest[] => slave.requests.filter(({ unit }) => unit === DEAD);
    await living[0]!.until(() => tries().length > 0);
    await Promise.all(
      living.map((sink) => {
        const before = sink.frames.length;
        return sink.until(() => sink.frames.length > before + 20);
      }),
    );
    await line.close();
    await bus.close();
    assert.equal(dead.frames.length, 0);
    assert.deepEqual(
      tries().map(({ count }) => count),
      [1],
    );
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

  test("serial: a dead unit costs its deadline, at growing intervals, and no port is opened again", async () => {
    const slave = new SigningSlave();
    slave.dead.add(9);
    // A deadline that no living unit misses, however busy the machine.
    const timing = { ...TIMING, replyMs: 1500, unitBackoffMs: 30_000 };
    const bus = openMemoryBus(slave, { framing: "rtu", baud: 115_200, timing });
    const counts = { good: 0, wrong: 0 };
    const alive = attach(bus.line, unitOf(slave, 3, { counts }), 3);
    await alive.until(() => alive.frames.length > 1);
    const tries: { readonly at: number; readonly frames: number }[] = [];
    const answer = slave.answer.bind(slave);
    slave.answer = (request) => {
      if (request[0] === 9) {
        tries.push({ at: performance.now(), frames: alive.frames.length });
      }
      return answer(request);
    };
    attach(bus.line, unitOf(slave, 9), 9);
    await alive.until(() => tries.length >= 3);
    await bus.close();
    // Between two tries lie the deadline of the first, and a pause of at least half a second, then of one.
    for (const [place, pauseMs] of [500, 1000].entries()) {
      const [one, next] = [tries[place]!, tries[place + 1]!];
      assert.ok(next.at - one.at >= 1500 + pauseMs, `${next.at - one.at} ms`);
      assert.ok(next.frames - one.frames >= 3, `${next.frames - one.frames} frames`);
    }
    assert.equal(bus.opened(), 1);
    assert.equal(counts.wrong, 0);
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
    const from = performance.now();
    const sink = attach(line, both, 3);
    const slowPolls = (): number =>
      slave.requests.filter(({ code, count }) => code === 3 && count === 2).length;
    await sink.until(() => sink.frames.length >= 45 && slowPolls() >= 4);
    await line.close();
    await bus.close();
    const ms = performance.now() - from;
    assert.ok(slowPolls() <= ms / 400 + 2, `${slowPolls()} slow polls in ${ms} ms`);
    assert.ok(sink.frames.length <= ms / 40 + ms / 400 + 4, `${sink.frames.length} in ${ms} ms`);
  });

  test("a device that is silent for less than its pace does not count as silent", async () => {
    const slave = new SigningSlave();
    const bus = await TcpBus.open(slave, "tcp");
    const line = openModbusLine(bus.url, TIMING);
    const driver = unitOf(slave, 3, { everyMs: 1500 });
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
    const from = performance.now();
    const alive = attach(line, unitOf(slave, 3), 3);
    const gone = attach(line, unitOf(slave, 9), 9);
    await alive.until(() => alive.frames.length >= 50 && gone.faults.length > 0);
    assert.match(
      gone.faults[0]?.text ?? "",
      /exception 11, device behind the gateway does not answer/,
    );
    // Half a second at least lies between two tries.
    const tries = slave.requests.filter(({ unit }) => unit === 9).length;
    const ms = performance.now() - from;
    assert.ok(tries <= ms / 500 + 1, `${tries} tries in ${ms} ms`);
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
        // Long enough before the reply is sent that the next request cannot come before.
        setTimeout(() => (open -= 1), 10);
        return [{ afterMs: 30, bytes: frame }];
      };
      const bus = await TcpBus.open(slave, "tcp");
      const line = openModbusLine(bus.url, TIMING);
      const counts = { good: 0, wrong: 0 };
      const sink = attach(line, unitOf(slave, 3, { blocks: many, limits, counts }), 3);
      await sink.until(() => sink.frames.length >= 3 && most >= underWay);
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
    await sink.until(() => sink.faults.length > 0 && sink.frames.length >= 5);
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

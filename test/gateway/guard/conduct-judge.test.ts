import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";

import { ConductJudge, type JudgeOptions } from "../../../gateway/guard/conduct-judge.ts";
import {
  type DeviceMemory,
  readMemories,
  writeMemories,
} from "../../../gateway/guard/device-memory.ts";
import { CountingBedside } from "../../fakes/conduct-kit.ts";

const OPTIONS: JudgeOptions = { factor: 3, steadyS: 180, stormCount: 30, clockS: 60 };
const HOUR_MS = 3_600_000;

let memories: Map<string, DeviceMemory>;
let bedside: CountingBedside;
beforeEach(() => begin(new Map()));

function begin(known: Map<string, DeviceMemory>): void {
  memories = known;
  bedside = new CountingBedside(new ConductJudge(OPTIONS, memories));
}

/** Another keeper, which knows what this one wrote down. */
function restart(): void {
  const { now } = bedside;
  begin(readMemories(writeMemories(memories)));
  bedside.now = now;
}

describe("how a device behaves", () => {
  test("a rate four times the usual one is told once, in plain words, since when it is", () => {
    assert.deepEqual(bedside.go(60), []);
    const since = bedside.now;
    const [told, ...more] = bedside.go(120, { frames: 80 });
    assert.deepEqual(more, []);
    assert.equal(told?.notice, "device-rate-changed");
    assert.match(
      told.text,
      /^answers 4 times as often as usual since \d\d:\d\d: 480 messages a minute, usually 12\d\./,
    );
    assert.ok(Math.abs((told.since ?? 0) - since) <= 120_000);
    const over = bedside.go(30);
    assert.deepEqual(
      over.map(({ notice, text }) => [notice, text]),
      [["device-rate-usual", "answers as often as usual again."]],
    );
  });

  test("so is one that says less in a message", () => {
    bedside.go(60);
    const [told, ...more] = bedside.go(60, { items: 10 });
    assert.deepEqual(more, []);
    assert.equal(told?.notice, "device-shape-changed");
    assert.match(told.text, /^says only 1\/24 as much in a message as usual since /);
  });

  test("a patient who comes or goes, and has few sensors or many, is no news of the device", () => {
    for (const [before, after] of [
      [0, 12],
      [2, 16],
      [16, 2],
    ] as const) {
      begin(new Map());
      bedside.go(60, { items: 20 * before });
      assert.deepEqual(
        bedside.go(60, { items: 20 * after }),
        [],
        `${before} values, then ${after}`,
      );
      assert.deepEqual(bedside.go(60, { items: 20 * before }), []);
    }
  });

  test("a storm of exceptions is told, and one of bytes that nobody can read", () => {
    bedside.go(60);
    const told = bedside.go(60, { refused: 50, faults: 20 });
    assert.deepEqual(told.map(({ notice }) => notice).toSorted(), [
      "device-faults-changed",
      "device-refused-changed",
    ]);
    const refused = told.find(({ notice }) => notice === "device-refused-changed");
    assert.match(refused?.text ?? "", /300 exceptions a minute, usually 0/);
  });

  test("an OPC-UA server tells what has changed, and nobody is told how often that is", () => {
    const now = { line: "opc.tcp://10.20.0.7:4840" };
    bedside.go(60, { now });
    assert.deepEqual(bedside.go(60, { frames: 200, items: 200, now }), []);
    assert.equal(bedside.go(60, { faults: 20, now })[0]?.notice, "device-faults-changed");
  });

  test("silence is not: it is told by who hears it, and teaches nothing", () => {
    bedside.go(60);
    assert.deepEqual(bedside.go(120, { frames: 0, now: { isOnline: false } }), []);
    assert.deepEqual(bedside.go(60), []);
  });

  test("a restart of the gateway forgets neither what is usual nor what was told", () => {
    bedside.go(60);
    restart();
    assert.equal(bedside.go(30, { frames: 80, report: { boot: "11".repeat(8) } }).length, 1);
    restart();
    assert.deepEqual(bedside.go(30, { frames: 80, report: { boot: "22".repeat(8) } }), []);
  });

  test("what an engineer changes is learned anew", () => {
    bedside.go(60);
    const asked = "ff".repeat(8);
    assert.deepEqual(bedside.go(60, { frames: 80, now: { asked, opened: 2 } }), []);
    assert.equal(bedside.go(60, { now: { asked, opened: 2 } }).length, 1);
  });

  test("another serial number is told once, over restarts too, and none is no other", () => {
    bedside.go(1, { now: { identity: "aa".repeat(8) } });
    restart();
    assert.deepEqual(bedside.go(1), []);
    const told = bedside.go(2, { now: { identity: "bb".repeat(8) } });
    assert.deepEqual(
      told.map(({ notice }) => notice),
      ["device-identity-changed"],
    );
  });

  test("a server with another certificate is told once in a run", () => {
    bedside.go(1);
    assert.match(bedside.go(1, { now: { certificates: 1 } })[0]?.text ?? "", /certificate/);
    assert.deepEqual(bedside.go(1, { now: { certificates: 9 } }), []);
  });

  test("a unit that nobody reads is told once, for ever", () => {
    const line = "modbus-rtu:/dev/ttyUSB0";
    bedside.go(1, { now: { line } });
    const [told, ...more] = bedside.go(5, { now: { line, strangers: [9] } });
    assert.deepEqual(more, []);
    assert.match(told?.text ?? "", /^unit 9, which nobody reads, answered .* modbus-rtu:/);
    restart();
    assert.deepEqual(bedside.go(5, { now: { line, strangers: [9] } }), []);
    assert.equal(bedside.go(1, { now: { line, strangers: [9, 12] } }).length, 1);
  });

  test("another network card at its address is told, whoever uses it", () => {
    const judge = new ConductJudge(OPTIONS, memories);
    const counted = new CountingBedside(judge);
    counted.go(1);
    const seen = (hardware: string) => judge.neighbours([{ address: "10.20.0.7", hardware }]);
    assert.deepEqual(seen("02:00:00:00:00:01"), []);
    assert.deepEqual(seen("02:00:00:00:00:01"), []);
    assert.match(seen("02:00:00:00:00:02")[0]?.text ?? "", /02:00:00:00:00:02 in place of/);
    assert.deepEqual(
      judge.neighbours([{ address: "10.20.0.70", hardware: "02:00:00:00:00:03" }]),
      [],
    );
    assert.deepEqual(judge.devicesAt("10.20.0.7"), ["bed-4/monitor"]);
    assert.deepEqual(judge.devicesAt("0.20.0.7"), []);
  });

  test("a clock that is set is told, whole hours with a hint, and not when the gateway's own was set", () => {
    bedside.go(20, { now: { clockLeadMs: -3000 } });
    const [told, ...more] = bedside.go(30, { now: { clockLeadMs: HOUR_MS - 3000 } });
    assert.deepEqual(more, []);
    assert.match(told?.text ?? "", /^its clock has moved by 1 h forward .*summer time/);
    const set = { now: { clockLeadMs: -9e9 }, report: { clockSteps: 1 } };
    assert.deepEqual(bedside.go(30, set), []);
    const wrong = { now: { clockLeadMs: 0 }, report: { clockSteps: 1, isClockGood: false } };
    assert.deepEqual(bedside.go(30, wrong), []);
  });

  test("a thousand devices are remembered, in little room, and no more", () => {
    const judge = new ConductJudge(OPTIONS, memories);
    for (let bed = 0; bed < 1100; bed += 1) {
      new CountingBedside(judge, `bed-${bed}/monitor`).go(1);
    }
    assert.equal(judge.memories.size, 1000);
    assert.equal(readMemories(writeMemories(judge.memories)).size, 1000);
    const learned = new ConductJudge(OPTIONS, new Map());
    new CountingBedside(learned).go(30);
    const sizes = [writeMemories(learned.memories).length];
    new CountingBedside(learned).go(60, { now: { clockLeadMs: -1234, identity: "aa".repeat(8) } });
    sizes.push(writeMemories(learned.memories).length);
    // The longest is that of a device of which little is known yet.
    assert.ok(Math.max(...sizes) < 3000, String(sizes));
  });

  test("what was written down and is damaged is learned again", () => {
    bedside.go(40);
    const text = writeMemories(memories);
    for (let cut = 0; cut < text.length; cut += 13) {
      readMemories(text.slice(0, cut));
      readMemories(`${text.slice(0, cut)}${text.slice(cut + 5)}`);
    }
    assert.equal(readMemories("").size, 0);
    assert.equal(readMemories('{"devices":{"bed-1":{"line":3}}}').size, 0);
    assert.equal(writeMemories(readMemories(text)), text);
  });
});

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";

import * as fc from "fast-check";

import { Clock, type ClockStep } from "../../../gateway/bedside/clock.ts";
import { clockNotice } from "../../../gateway/bedside/clock-notice.ts";
import { ClockSync } from "../../../gateway/bedside/clock-sync.ts";

const NOW = Date.UTC(2026, 10, 24);
const YEAR = 31_556_952_000;

/** A machine whose clocks the test turns. */
class Machine {
  wall = NOW;
  steady = 5000;
  up = 100_000;
  synced: boolean | null = null;
  readonly steps: ClockStep[] = [];
  readonly clock: Clock;

  constructor(wall = NOW, synced: boolean | null = null) {
    this.wall = wall;
    this.synced = synced;
    this.clock = new Clock({
      wall: () => this.wall,
      steady: () => this.steady,
      uptime: () => this.up,
      synced: () => this.synced,
    });
    this.clock.onStep((step) => this.steps.push(step));
  }

  pass(ms: number): void {
    this.wall += ms;
    this.steady += ms;
    this.up += ms;
  }

  sleep(ms: number): void {
    this.wall += ms;
    this.up += ms;
  }
}

describe("the clock", () => {
  test("before this program was written is no clock, and after a jump is in doubt for a while", () => {
    const machine = new Machine(0);
    assert.equal(machine.clock.quality(), "unsynchronised");
    machine.wall = NOW;
    assert.equal(machine.clock.quality(), "holdover");
    machine.pass(59_000);
    assert.equal(machine.clock.quality(), "holdover");
    machine.pass(2000);
    assert.equal(machine.clock.quality(), "synchronised");
  });

  test("is believed when the system says that it is right, and not when it says that it is not", () => {
    const machine = new Machine(NOW, false);
    assert.equal(machine.clock.quality(), "unsynchronised");
    machine.synced = true;
    assert.equal(machine.clock.quality(), "synchronised");
    assert.deepEqual(machine.steps, [{ before: NOW, after: NOW }], "it was right before, too");
    machine.wall += YEAR;
    assert.equal(machine.clock.quality(), "synchronised");
  });

  test("runs on through small corrections, and steps once when the wall clock was set", () => {
    const machine = new Machine();
    machine.wall += 200;
    assert.equal(machine.clock.now(), NOW);
    machine.pass(1000);
    assert.equal(machine.clock.now(), NOW + 1000);
    machine.wall += 100;
    assert.equal(machine.clock.now(), NOW + 1300, "the small ones added up");
    assert.deepEqual(machine.steps, [{ before: NOW + 1000, after: NOW + 1300 }]);
  });

  test("that is set to and fro steps rarely, and to the right time in the end", () => {
    const machine = new Machine();
    for (let turn = 0; turn < 1000; turn += 1) {
      machine.wall += turn % 2 === 0 ? YEAR : -YEAR;
      machine.pass(10);
      machine.clock.now();
    }
    assert.ok(machine.steps.length <= 10, `${machine.steps.length} steps`);
    machine.pass(1000);
    assert.equal(machine.clock.now(), machine.wall);
  });

  test("of a machine that slept was right before, too", () => {
    const machine = new Machine();
    machine.sleep(8 * 3_600_000);
    assert.equal(machine.clock.now(), machine.wall);
    assert.equal(machine.steps.length, 0);
    assert.equal(machine.clock.quality(), "synchronised");
    machine.sleep(3_600_000);
    machine.wall += YEAR;
    assert.equal(machine.clock.now(), machine.wall);
    const [step] = machine.steps;
    assert.equal((step?.after ?? 0) - (step?.before ?? 0), YEAR, "set while it slept");
  });

  test("gives a stamp of a moment ago the time of that moment, by the clock of now", () => {
    const machine = new Machine();
    const stamp = machine.wall;
    machine.pass(40);
    assert.equal(machine.clock.at(stamp), NOW + 40 - 40);
    const before = machine.wall;
    machine.wall -= 3 * YEAR;
    assert.equal(machine.clock.at(before), machine.wall, "a stamp by the clock before");
    assert.equal(machine.steps.length, 1);
    machine.wall = -1e12;
    machine.pass(20_000);
    assert.equal(machine.clock.now(), 0, "there is no time before 1970");
  });

  test("two reads that were interrupted say nothing", () => {
    let reads = 0;
    const clock = new Clock({
      wall: () => NOW + 1000,
      steady: () => {
        reads += 1;
        return reads * 1000;
      },
    });
    const steps: ClockStep[] = [];
    clock.onStep((step) => steps.push(step));
    clock.now();
    clock.quality();
    assert.deepEqual(steps, []);
  });

  test("however it is set, times and steps give back the time that really passed", () => {
    const act = fc.oneof(
      fc.record({ t: fc.constant("pass" as const), ms: fc.nat(200_000) }),
      fc.record({
        t: fc.constant("set" as const),
        ms: fc.integer({ min: -50 * YEAR, max: 10 * YEAR }),
      }),
      fc.record({ t: fc.constant("take" as const), age: fc.nat(100) }),
    );
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60, size: "max" }), (acts) => {
        const machine = new Machine();
        /** A take's time, the time that really had passed, and how many steps came before it. */
        const takes: { at: number; steady: number; steps: number }[] = [];
        for (const each of acts) {
          if (each.t === "pass") {
            machine.pass(each.ms);
          } else if (each.t === "set") {
            machine.wall = Math.max(YEAR, machine.wall + each.ms);
          } else {
            const at = machine.clock.at(machine.wall - each.age);
            takes.push({ at, steady: machine.steady - each.age, steps: machine.steps.length });
          }
        }
        for (const [place, take] of takes.entries()) {
          const next = takes[place + 1];
          if (next === undefined) {
            break;
          }
          const between = machine.steps.slice(take.steps, next.steps);
          const stepped = between.reduce((sum, { before, after }) => sum + after - before, 0);
          const passed = next.at - take.at - stepped;
          assert.ok(Math.abs(passed - (next.steady - take.steady)) <= 1, `${passed} ms`);
        }
      }),
    );
  });
});

describe("what is said of a clock that was set", () => {
  test("gives the old and the new time of one instant, and says by how much in plain words", () => {
    const notice = clockNotice({ before: 1000, after: 1000 + 2 * 86_400_000 + 3 * 3_600_000 + 9 });
    assert.deepEqual(
      [notice.notice, notice.since, notice.text],
      [
        "clock-set",
        1000,
        "The gateway's clock was set forward by 2 d 3 h: times of this device before that are off by as much.",
      ],
    );
    assert.match(clockNotice({ before: 61_000, after: 0 }).text, /set back by 1 min 1 s:/);
    assert.match(clockNotice({ before: 0, after: 7 }).text, /forward by 7 ms:/);
    assert.match(clockNotice({ before: 0, after: 86_400_000 }).text, /forward by 1 d:/);
    assert.match(clockNotice({ before: 5, after: 5 }).text, /right; it was before/);
  });
});

describe("the file that says that the clock is synchronised", () => {
  test("is there, is not there yet, or nobody makes one", (t) => {
    const directory = mkdtempSync(join(tmpdir(), "ward-clock-"));
    t.after(() => rmSync(directory, { recursive: true }));
    const path = join(directory, "synchronized");
    const sync = new ClockSync(path);
    t.after(() => sync.stop());
    assert.equal(sync.state, false);
    writeFileSync(path, "");
    sync.look();
    assert.equal(sync.state, true);
    for (const nowhere of ["", join(directory, "none", "synchronized")]) {
      const unknown = new ClockSync(nowhere);
      unknown.stop();
      assert.equal(unknown.state, null);
    }
  });
});

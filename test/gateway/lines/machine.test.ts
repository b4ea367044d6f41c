import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { Backoff } from "../../../gateway/lines/backoff.ts";
import { clockText, LineMachine } from "../../../gateway/lines/machine.ts";

/** A clock that a test moves. */
class HandClock {
  wall = Date.UTC(2026, 10, 23, 10, 32);
  mono = 0;
  now = (): number => this.wall;
  monotonic = (): number => this.mono;
  pass(ms: number): void {
    this.wall += ms;
    this.mono += ms;
  }
}

function makeMachine(): { clock: HandClock; machine: LineMachine; told: string[] } {
  const clock = new HandClock();
  const told: string[] = [];
  const machine = new LineMachine({
    quietMs: 1000,
    clock,
    report: (state, text) => told.push(`${state}: ${text}`),
  });
  return { clock, machine, told };
}

describe("line machine", () => {
  test("goes from closed to online and tells each change once", () => {
    const { machine, told } = makeMachine();
    machine.connecting("serial:/dev/x");
    machine.opened();
    machine.good();
    machine.good();
    machine.closed();
    machine.closed();
    assert.deepEqual(told, [
      "connecting: opening serial:/dev/x",
      "negotiating: open, waiting for the first good frame",
      "online: reading",
      "closed: closed",
    ]);
  });

  test("silence names the time of the last good frame, also after reconnects", () => {
    const { clock, machine, told } = makeMachine();
    machine.connecting("x");
    machine.opened();
    machine.good();
    const since = clockText(clock.wall);
    clock.pass(999);
    assert.equal(machine.checkQuiet(), false);
    clock.pass(1);
    assert.equal(machine.checkQuiet(), true);
    assert.equal(told.at(-1), `stale: no bytes since ${since}: check cable and device menu`);
    clock.pass(3_600_000);
    machine.connecting("x");
    machine.opened();
    assert.equal(machine.checkQuiet(), false, "a new connection has its time");
    clock.pass(1000);
    assert.equal(machine.checkQuiet(), true);
    machine.failed("Cannot open x: there is none.", 2000);
    assert.equal(told.at(-1), "backoff: Cannot open x: there is none; trying again in about 2 s");
    machine.opened();
    clock.pass(1000);
    machine.checkQuiet();
    assert.match(told.at(-1) ?? "", new RegExp(`^stale: no bytes since ${since}`));
    machine.good();
    assert.equal(machine.state, "online");
  });

  test("bytes without a good frame are another advice than no bytes", () => {
    const { clock, machine, told } = makeMachine();
    machine.opened();
    machine.bytes();
    clock.pass(1000);
    machine.checkQuiet();
    assert.match(told.at(-1) ?? "", /^stale: bytes but no good frame since .*: check baud rate/);
  });

  test("a jump of the wall clock is no silence", () => {
    const { clock, machine } = makeMachine();
    machine.opened();
    machine.good();
    clock.wall += 86_400_000;
    assert.equal(machine.checkQuiet(), false);
    clock.wall -= 2 * 86_400_000;
    assert.equal(machine.checkQuiet(), false);
  });
});

describe("back-off", () => {
  test("doubles up to its limit, with up to half of it at random", () => {
    const least = new Backoff({ firstMs: 100, maxMs: 1000, random: () => 0 });
    const most = new Backoff({ firstMs: 100, maxMs: 1000, random: () => 0.999_999 });
    assert.deepEqual(
      [1, 2, 3, 4, 5, 6].map(() => least.next()),
      [50, 100, 200, 400, 500, 500],
    );
    assert.deepEqual(
      [1, 2, 3, 4, 5, 6].map(() => most.next()),
      [100, 200, 400, 800, 1000, 1000],
    );
    least.reset();
    assert.equal(least.next(), 50);
    assert.equal(least.attempts, 1);
  });

  test("stays at its limit for ever", () => {
    const backoff = new Backoff({ firstMs: 1, maxMs: 5, random: () => 0 });
    for (let attempt = 0; attempt < 5000; attempt += 1) {
      assert.ok(backoff.next() <= 5);
    }
  });
});

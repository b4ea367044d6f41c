import assert from "node:assert/strict";
import { describe, test } from "node:test";

import * as fc from "fast-check";

import {
  type BaselineChange,
  type BaselineOptions,
  type BaselineState,
  LEARN_LOOKS,
  lookAt,
  UNLEARNED,
} from "../../../gateway/guard/baseline.ts";
import { LEAD_UNKNOWN, type LeadState, lookAtLead } from "../../../gateway/guard/clock-lead.ts";

const RATE: BaselineOptions = { factor: 3, steadyLooks: 3, onlyMore: false, least: 4, burst: 60 };
const STORM: BaselineOptions = {
  factor: 8,
  steadyLooks: 3,
  onlyMore: true,
  least: Infinity,
  burst: 30,
};

interface Told extends BaselineChange {
  readonly look: number;
}

/** Looks at values one after the other; returns what was told and what is known then. */
function watch(
  values: readonly number[],
  options: BaselineOptions = RATE,
  from: BaselineState = UNLEARNED,
): { readonly told: readonly Told[]; readonly state: BaselineState } {
  let state = from;
  const told: Told[] = [];
  for (const [look, value] of values.entries()) {
    const next = lookAt(state, value, options);
    state = next.state;
    if (next.change !== null) {
      told.push({ ...next.change, look });
    }
  }
  return { told, state };
}

const times = (count: number, value: number): number[] =>
  Array.from({ length: count }, () => value);
const jitter = fc.array(fc.double({ min: 0.85, max: 1.15, noNaN: true }), {
  minLength: 60,
  maxLength: 200,
});

describe("a baseline", () => {
  test("tells nothing of a device that goes on as it does, whatever its rate", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e6, noNaN: true }), jitter, (rate, noise) => {
        assert.deepEqual(watch(noise.map((part) => rate * part)).told, []);
      }),
    );
  });

  test("tells a sudden change once, soon, with its factor, and that it is over once", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 100, max: 10_000 }),
        fc.double({ min: 6, max: 20, noNaN: true }),
        fc.boolean(),
        jitter,
        (rate, factor, isMore, noise) => {
          const changed = isMore ? rate * factor : rate / factor;
          const before = noise.map((part) => rate * part);
          const { told } = watch([...before, ...times(300, changed), ...times(50, rate)]);
          assert.deepEqual(
            told.map(({ kind }) => kind),
            ["far", "usual"],
          );
          const [far, usual] = told;
          assert.equal(far?.look, before.length + 2);
          assert.equal(far.looks, 3);
          assert.ok(Math.abs(far.now - changed) <= changed * 0.05 + 1);
          assert.ok(Math.abs(far.usually - rate) <= rate * 0.35);
          assert.equal(usual?.look, before.length + 300 + 2);
        },
      ),
      { numRuns: 50 },
    );
  });

  test("follows slow drift for as long as it goes on", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.99, max: 1.01, noNaN: true }),
        fc.integer({ min: 100, max: 1000 }),
        (drift, looks) => {
          const values = Array.from({ length: looks }, (_, look) => 1000 * drift ** look);
          assert.deepEqual(
            watch(values, { ...RATE, least: 0 }).told.map(({ kind }) => kind),
            [],
          );
        },
      ),
    );
  });

  test("is not misled by outliers: neither one nor two of them are told, and they teach it little", () => {
    const values = Array.from({ length: 600 }, (_, look) =>
      look > LEARN_LOOKS && look % 5 < 2 ? 10_000 : 60,
    );
    const { told, state } = watch(values);
    assert.deepEqual(told, []);
    assert.ok(Math.abs(2 ** state.level - 60) < 6);
    assert.equal(watch(times(3, 240), RATE, state).told.length, 1);
  });

  test("goes on over a restart as if there had been none, in the same room", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 200 }),
        fc.nat(200),
        (values, cut) => {
          const first = watch(values.slice(0, cut));
          const kept = JSON.parse(JSON.stringify(first.state)) as BaselineState;
          const then = watch(values.slice(cut), RATE, kept);
          const whole = watch(values);
          assert.deepEqual(then.state, whole.state);
          assert.equal(first.told.length + then.told.length, whole.told.length);
          assert.ok(JSON.stringify(then.state).length < 1000);
        },
      ),
    );
  });

  test("takes what stays changed for a day as usual, without a word", () => {
    const { told, state } = watch([...times(40, 60), ...times(1500, 600)]);
    assert.equal(told.length, 1);
    assert.deepEqual(watch(times(100, 600), RATE, state).told, []);
    assert.equal(watch(times(3, 60), RATE, state).told.length, 1);
  });

  test("tells a storm only above its least, and never that there is less", () => {
    const quiet = times(40, 0);
    assert.deepEqual(watch([...quiet, ...times(100, 29)], STORM).told, []);
    assert.deepEqual(
      watch([...quiet, ...times(100, 300)], STORM).told.map(({ kind }) => kind),
      ["far"],
    );
    assert.deepEqual(watch([...times(40, 300), ...times(100, 0)], STORM).told, []);
  });

  test("does not judge what speaks when there is something to say, but for a flood", () => {
    const morning = [...times(100, 0), ...times(30, 20), ...times(100, 0)];
    assert.deepEqual(watch(morning).told, []);
    assert.deepEqual(
      watch([...times(100, 0), ...times(30, 600)]).told.map(({ kind }) => kind),
      ["far"],
    );
    const values = Array.from({ length: 500 }, (_, look) => (look % 50 < 25 ? 0 : 3));
    assert.deepEqual(watch(values).told, []);
  });
});

describe("a device's clock", () => {
  const options = { limitMs: 60_000, steadyLooks: 3 };
  const watchLead = (leads: readonly number[]): { was: number; is: number }[] => {
    let state: LeadState = LEAD_UNKNOWN;
    return leads.flatMap((lead) => {
      const next = lookAtLead(state, lead, options);
      state = next.state;
      return next.change ?? [];
    });
  };

  test("that was always wrong is no news; one that is set, by whatever it is, is told once", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -1e11, max: 1e11 }),
        fc.integer({ min: 61_000, max: 1e10 }),
        fc.boolean(),
        (lead, by, isForward) => {
          const then = lead + (isForward ? by : -by);
          assert.deepEqual(watchLead(times(50, lead)), []);
          assert.deepEqual(watchLead([...times(20, lead), ...times(50, then)]), [
            { was: lead, is: then },
          ]);
        },
      ),
    );
  });

  test("that drifts is told whenever it has gone another minute", () => {
    const told = watchLead(Array.from({ length: 2000 }, (_, look) => look * 100));
    assert.ok(told.length >= 2 && told.length <= 4, JSON.stringify(told));
  });

  test("is not what times of measurements are", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -86_400_000, max: 0 }), { minLength: 12, maxLength: 200 }),
        (ages) => {
          const scattered = ages.map((age, place) => age - (place % 2) * 20_000_000);
          assert.deepEqual(watchLead(scattered), []);
        },
      ),
    );
  });

  test("may be late for a look without a word", () => {
    const leads = times(200, 0).map((lead, look) => (look % 7 === 6 ? lead - 600_000 : lead));
    assert.deepEqual(watchLead([...times(20, 0), ...leads]), []);
  });
});

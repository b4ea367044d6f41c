import assert from "node:assert/strict";
import { test } from "node:test";

import {
  KEEP_ALL,
  nextSacrifice,
  type ClassPolicies,
  type WhenFull,
} from "../../../gateway/outbox/policy.ts";
import { CLASSES, type ClassName } from "../../../gateway/reading.ts";

const MAX = 1000;

test("who holds more than its share gives first: waves, then vital readings, then the trend", () => {
  const all = { notice: 60, vital: 500, trend: 200, wave: 300 };
  assert.deepEqual(victim(all), "wave oldest 250");
  assert.deepEqual(victim({ ...all, wave: 250 }), "vital oldest 400");
  assert.deepEqual(victim({ ...all, wave: 250, vital: 400 }), "trend oldest 100");
});

test("when nobody holds more than its share, waves give all they have, then notices what is too much, then vital readings", () => {
  const all = { notice: 60, vital: 400, trend: 100, wave: 250 };
  assert.deepEqual(victim(all), "wave oldest 0");
  assert.deepEqual(victim({ ...all, wave: 0 }), "notice oldest 50");
  assert.deepEqual(victim({ ...all, wave: 0, notice: 50 }), "vital oldest 0");
  assert.deepEqual(victim({ ...all, wave: 0, notice: 50, vital: 0 }), null);
});

test("a class that keeps its oldest turns away what comes, and never more than it had borrowed", () => {
  const policies = withPolicy("vital", "refuse-new");
  const all = { notice: 0, vital: 500, trend: 0, wave: 250 };
  assert.deepEqual(victim(all, policies), "vital newest 400");
  assert.deepEqual(victim({ ...all, vital: 400 }, policies), "wave oldest 0");
  assert.deepEqual(victim({ ...all, vital: 400, wave: 0 }, policies), null);
});

test("nobody gives anything up where nothing may be given up", () => {
  assert.deepEqual(victim({ notice: 250, vital: 250, trend: 250, wave: 250 }, KEEP_ALL), null);
});

const POLICIES: ClassPolicies = {
  notice: { share: 0.05, ttlMs: null, whenFull: "evict-old" },
  vital: { share: 0.4, ttlMs: null, whenFull: "evict-old" },
  trend: { share: 0.1, ttlMs: null, whenFull: "evict-old" },
  wave: { share: 0.25, ttlMs: null, whenFull: "evict-old" },
};

function withPolicy(name: ClassName, whenFull: WhenFull): ClassPolicies {
  return { ...POLICIES, [name]: { ...POLICIES[name], whenFull } };
}

function victim(held: Record<ClassName, number>, policies = POLICIES): string | null {
  assert.deepEqual(Object.keys(held), [...CLASSES]);
  const found = nextSacrifice((name) => held[name], policies, MAX);
  return found === null ? null : `${found.class} ${found.side} ${found.keepBytes}`;
}

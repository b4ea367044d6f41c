import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Gathered } from "../../../gateway/bedside/gathered.ts";

/** Counts acts, and waits for the next one. */
class Acts {
  count = 0;
  #next = Promise.withResolvers<void>();

  readonly act = (): void => {
    this.count += 1;
    this.#next.resolve();
    this.#next = Promise.withResolvers<void>();
  };

  next(): Promise<void> {
    return this.#next.promise;
  }
}

test("at once when it is quiet, and what comes after it together", async () => {
  const acts = new Acts();
  const gathered = new Gathered(acts.act, 50);
  const startedAt = performance.now();
  gathered.soon();
  gathered.soon();
  await acts.next();
  const firstAt = performance.now();
  gathered.soon();
  gathered.soon();
  gathered.within(10);
  await acts.next();
  assert.equal(acts.count, 2);
  assert.ok(performance.now() - startedAt >= 45, "not again for a while");
  assert.ok(firstAt >= startedAt);
  await sleep(30);
  assert.equal(acts.count, 2, "what is not urgent has gone along");
});

test("what is not urgent waits, unless something urgent comes", async () => {
  const acts = new Acts();
  const gathered = new Gathered(acts.act, 1);
  const startedAt = performance.now();
  gathered.within(40);
  gathered.within(1);
  await acts.next();
  assert.ok(performance.now() - startedAt >= 35, "the first one counts");
  gathered.within(60_000);
  gathered.soon();
  await acts.next();
  assert.equal(acts.count, 2);
});

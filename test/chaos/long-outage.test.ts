import assert from "node:assert/strict";
import { test } from "node:test";

import { TestKeeper, TestSite } from "../fakes/keeper-kit.ts";
import { anonymousMb, MemoryLimit } from "./memory.ts";
import { OutboxFiller } from "./outbox-filler.ts";

/**
 * Hours without the broker, as a backlog in a real keeper with little memory: filled, opened after a crash, drained to a real
 * hub, opened again. The oracle is the hub's count. `READINGS=10000000 node --test test/chaos/long-outage.test.ts` for a long
 * run.
 */
const READINGS = Number(process.env["READINGS"] ?? 200_000);
const LIMIT_BYTES = 256 * 2 ** 20;
/** What the keeper may have of its own (RssAnon, megabytes), whatever the backlog. */
const ANONYMOUS_MB_MAX = 150;

test(
  `a backlog of ${READINGS} readings under ${LIMIT_BYTES / 2 ** 20} MB: memory is flat, everything arrives once`,
  { timeout: 120_000 + READINGS / 2 },
  async (t) => {
    const site = await TestSite.make();
    t.after(() => site.remove());
    await site.startBroker();
    await site.stopBroker();
    const limit = MemoryLimit.make(LIMIT_BYTES);
    const first = await TestKeeper.start(t, site);
    limit?.add(first.child.pid);
    const filler = new OutboxFiller(await first.socket());
    const filling = new Samples(first);
    const fillMs = await took(() => filler.fill(READINGS, () => filling.take()));
    filler.close();
    first.child.kill();
    await first.gone();

    const second = await TestKeeper.start(t, site);
    limit?.add(second.child.pid);
    const openMs = second.openMs;
    await site.startBroker();
    const hub = await site.startHub();
    const draining = new Samples(second);
    const drainMs = await took(async () => {
      await second.reports(({ batches }) => {
        draining.take();
        return batches === 0;
      });
    });
    const { opened, duplicates } = hub.counters().classes.vital;
    await second.child.stop(10_000);
    const third = await TestKeeper.start(t, site);
    const openAfterMs = third.openMs;
    await third.child.stop(10_000);
    await site.stopHub();
    limit?.remove();

    const rate = (ms: number): string => Math.round(READINGS / (ms / 1000)).toLocaleString("en-US");
    process.stdout.write(
      `# ${READINGS} readings, memory limit ${limit === null ? "NOT ENFORCED (no control groups)" : "enforced"}: ` +
        `filled at ${rate(fillMs)}/s with ${filling.text}, opened in ${openMs} ms, drained at ${rate(drainMs)}/s with ${draining.text}, ` +
        `opened after it in ${openAfterMs} ms, 0 lost\n`,
    );
    assert.equal(opened, filler.stored, "all of it is at the hub");
    assert.ok(duplicates <= filler.stored / 100, `${duplicates} came twice`);
    filling.assertFlat();
    draining.assertFlat();
  },
);

/** The keeper's memory over time (RssAnon, megabytes). */
class Samples {
  readonly #keeper: TestKeeper;
  readonly #megabytes: number[] = [];

  constructor(keeper: TestKeeper) {
    this.#keeper = keeper;
    this.take();
  }

  take(): void {
    this.#megabytes.push(anonymousMb(this.#keeper.child.pid));
  }

  assertFlat(): void {
    assert.ok(Math.max(...this.#megabytes) < ANONYMOUS_MB_MAX, `memory grew to ${this.text}`);
  }

  get text(): string {
    return `${Math.round(Math.max(...this.#megabytes))} MB at most`;
  }
}

async function took(act: () => Promise<void>): Promise<number> {
  const from = performance.now();
  await act();
  return performance.now() - from;
}

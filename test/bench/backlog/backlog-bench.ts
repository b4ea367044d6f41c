import { anonymousMb } from "../../chaos/memory.ts";
import { OutboxFiller } from "../../chaos/outbox-filler.ts";
import { TestKeeper, TestSite } from "../../fakes/keeper-kit.ts";

/** What a backlog of one size costs. */
export interface BacklogResult {
  readonly readings: number;
  readonly filledPerSecond: number;
  readonly drainedPerSecond: number;
  /** How long a keeper takes to open the outbox, full after a kill -9, and after it was drained (milliseconds). */
  readonly openMs: number;
  readonly openAfterMs: number;
  /** Memory of the keeper's own, at most (MB). */
  readonly memoryMb: number;
  /** Readings that never came to the hub. */
  readonly missing: number;
}

/**
 * Fills a keeper's outbox while its broker is away, kills it, opens it, drains it to a hub over mutual TLS, and opens it again.
 */
export async function benchBacklog(readings: number, signal: AbortSignal): Promise<BacklogResult> {
  const ends: (() => void | Promise<void>)[] = [];
  const context = { after: (act: () => void) => void ends.push(act) };
  try {
    const site = await TestSite.make();
    ends.push(() => site.remove());
    await site.startBroker();
    await site.stopBroker();
    const memory: number[] = [];
    const first = await TestKeeper.start(context, site);
    const filler = new OutboxFiller(await first.socket());
    const look = (keeper: TestKeeper): void => {
      signal.throwIfAborted();
      memory.push(anonymousMb(keeper.child.pid));
    };
    const fillMs = await took(() => filler.fill(readings, () => look(first)));
    filler.close();
    first.child.kill();
    await first.gone();

    const second = await TestKeeper.start(context, site);
    await site.startBroker();
    const hub = await site.startHub();
    ends.push(() => site.stopHub());
    const drainMs = await took(async () => {
      await second.reports(({ batches }) => {
        look(second);
        return batches === 0;
      });
    });
    await second.child.stop(STOP_MS);
    const third = await TestKeeper.start(context, site);
    const openAfterMs = third.openMs;
    await third.child.stop(STOP_MS);
    return {
      readings: filler.stored,
      filledPerSecond: filler.stored / (fillMs / 1000),
      drainedPerSecond: filler.stored / (drainMs / 1000),
      openMs: second.openMs,
      openAfterMs,
      memoryMb: Math.max(...memory),
      missing: filler.stored - hub.counters().classes.vital.opened,
    };
  } finally {
    for (const end of ends.toReversed()) {
      await end();
    }
  }
}

async function took(act: () => Promise<void>): Promise<number> {
  const from = performance.now();
  await act();
  return performance.now() - from;
}

const STOP_MS = 10_000;

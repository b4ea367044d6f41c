import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { valueAt } from "../../gateway/json-value.ts";
import { killRoom, ledgerOf, moreOpened, openHouse, until } from "./house.ts";

/**
 * kill -9 of every process of the house, one after the other, under load. The oracle is the hub's ledger: every take that
 * bedside has counted is at the hub or accounted for.
 */
test("kill -9 of every room, the hub and the broker loses nothing unexplained", async () => {
  const directory = await mkdtemp(join(tmpdir(), "wardgate-kills-"));
  try {
    const demo = await openHouse({ directory });
    try {
      await moreOpened(demo, 50);
      for (const room of ["flowhost", "keeper", "bedside", "listener"] as const) {
        await killRoom(demo, room);
        await moreOpened(demo, 50);
      }
      for (const part of ["hub", "broker"]) {
        demo.kill(part);
        await sleep(2000);
        await demo.restart(part);
        await moreOpened(demo, 50);
      }
      await until("the backlog is gone", () => demo.numbers().backlog < 5, 75_000);
    } finally {
      await demo.finish();
    }
    const ledger = await ledgerOf(directory);
    assert.equal(valueAt(ledger, "totals", "unaccounted"), 0, JSON.stringify(ledger, undefined, 1));
    console.log(JSON.stringify({ ...Object(ledger), devices: undefined }, undefined, 1));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

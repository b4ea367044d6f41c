import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { numberAt, textAt, valueAt } from "../../gateway/json-value.ts";
import type { RoomName } from "../../gateway/rooms.ts";
import { killRoom, ledgerOf, moreOpened, openHouse, until } from "../ward/house.ts";

/**
 * Random kill -9 of rooms, hub and broker under load, by seed: `KILLS=200 SEED=7 node --test test/chaos/house-kills.test.ts`
 * for a long run. The oracle lies outside the gateway: the hub's ledger, and its file of readings.
 */
const KILLS = Number(process.env["KILLS"] ?? 4);
const SEED = Number(process.env["SEED"] ?? 20_261_124);

test(`${KILLS} random kills with mosquitto (seed ${SEED}): nothing unexplained, nothing twice`, async () => {
  const directory = await mkdtemp(join(tmpdir(), "wardgate-chaos-"));
  const random = randomOf(SEED);
  const killed: string[] = [];
  try {
    const demo = await openHouse({ broker: "mosquitto", directory, seed: SEED % 1000 });
    try {
      await moreOpened(demo, 30);
      for (let kill = 0; kill < KILLS; kill += 1) {
        const victim = VICTIMS[Math.floor(random() * VICTIMS.length)] ?? "keeper";
        killed.push(victim);
        await sleep(random() * 1500);
        if (isRoom(victim)) {
          await killRoom(demo, victim);
        } else {
          demo.kill(victim);
          await sleep(random() * 3000);
          await demo.restart(victim);
        }
      }
      await moreOpened(demo, 30);
      await until("the backlog is gone", () => demo.numbers().backlog < 5, 60_000);
    } finally {
      await demo.finish();
    }
    const ledger = await ledgerOf(directory);
    const context = `after ${killed.join(", ")}: ${JSON.stringify(valueAt(ledger, "totals"))} ${JSON.stringify(valueAt(ledger, "reasons"))}`;
    console.log(context);
    assert.equal(numberAt(ledger, "totals", "unaccounted"), 0, context);
    assert.ok(numberAt(ledger, "totals", "kept") > 30, context);
    await assertEachOnce(
      join(directory, "hub", "readings.ndjson"),
      numberAt(ledger, "totals", "kept"),
    );
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

const VICTIMS = [
  "keeper",
  "bedside",
  "flowhost",
  "keeper",
  "bedside",
  "flowhost",
  "hub",
  "mosquitto",
] as const;

function isRoom(victim: string): victim is RoomName {
  return victim !== "hub" && victim !== "mosquitto";
}

/** Every item of the hub's file has an identity of its own, and there are as many as the ledger says were kept. */
async function assertEachOnce(file: string, kept: number): Promise<void> {
  const lines = (await readFile(file, "utf8")).trim().split("\n");
  const identities = lines
    .map((line): unknown => JSON.parse(line))
    .filter((item) => ["reading", "waveform", "notice"].includes(textAt(item, "kind")))
    .map((item) =>
      [
        textAt(item, "device"),
        textAt(item, "boot"),
        numberAt(item, "take"),
        numberAt(item, "index"),
      ].join(" "),
    );
  assert.equal(new Set(identities).size, identities.length, "an item stands there twice");
  assert.equal(identities.length, kept);
}

/** Mulberry32: small, seeded, good enough to choose victims. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { freePort } from "../../gateway/demo/ports.ts";
import { HUB_FILES } from "../../gateway/identity/site-files.ts";
import { PostgresStore } from "../../hub/postgres-store.ts";
import { readingLines } from "../../hub/readings.ts";
import { addHub, publishLists } from "../../provisioning/site.ts";
import {
  FakeGateway,
  makeHubSite,
  reportOf,
  rowOf,
  takeOf,
  type GatewayRecord,
  type HubSite,
} from "../fakes/hub-kit.ts";
import { GatewayLink } from "../fakes/hub-link.ts";
import { startMosquitto, type RunningMosquitto } from "../fakes/mosquitto.ts";
import { startPostgres, type RunningPostgres } from "../fakes/postgres.ts";

/**
 * Several hubs by shared subscription on one PostgreSQL. They are killed at random, the database too; epochs come late, at
 * another hub, or only when somebody asks; records come in any order and again. In the end each reading is there once.
 *
 * `WARD_CHAOS_SEED` repeats a run's choices, `WARD_CHAOS_HUB_ROUNDS` makes it longer.
 */
const MAIN = fileURLToPath(new URL("../../gateway/main.ts", import.meta.url));
const SEED = Number(process.env["WARD_CHAOS_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const ROUNDS = Number(process.env["WARD_CHAOS_HUB_ROUNDS"] ?? 4);
const HUBS = ["hub-1", "hub-2", "hub-3"];
const TAKES = 12;
const DEVICES = 3;

let site: HubSite;
let broker: RunningMosquitto;
let postgres: RunningPostgres;
const hubs = new Map<string, HubProcess>();

before(async () => {
  site = await makeHubSite();
  const { authority, hubDirectory, brokerDirectory } = site.site;
  for (const id of HUBS.slice(1)) {
    const directory = join(site.root, id);
    await addHub(authority, directory, id);
    for (const file of [HUB_FILES.recipientKey, HUB_FILES.receiptKey]) {
      copyFileSync(join(hubDirectory, file), join(directory, file));
    }
    await publishLists(authority, { brokers: [], hubs: [directory], gateways: [] });
  }
  broker = await startMosquitto({ directory: brokerDirectory, hubs: HUBS });
  postgres = await startPostgres(await freePort());
});
after(async () => {
  for (const { child } of hubs.values()) {
    child.kill("SIGKILL");
  }
  await broker.stop();
  await postgres.stop();
  site.remove();
});

/** One `wardgate hub` and the last counters it told. */
interface HubProcess {
  readonly child: ChildProcess;
  readonly latest: { parked: number };
}

async function startHub(id: string): Promise<void> {
  const directory = id === "hub-1" ? site.site.hubDirectory : join(site.root, id);
  const url = `mqtts://127.0.0.1:${broker.hubPort}`;
  const child = spawn(
    process.execPath,
    [
      MAIN,
      "hub",
      "--directory",
      directory,
      "--database",
      postgres.url,
      "--broker",
      url,
      "--server-name",
      "localhost",
      "--json",
    ],
    { stdio: ["ignore", "pipe", "ignore"] },
  );
  const latest = { parked: 0 };
  hubs.set(id, { child, latest });
  const lines = createInterface({ input: child.stdout });
  const ready = new Promise<void>((resolve, reject) => {
    lines.on("line", (line) => {
      const told = JSON.parse(line) as { kind: string; parked?: number };
      latest.parked = told.parked ?? latest.parked;
      if (told.kind === "ready") {
        resolve();
      }
    });
    child.once("exit", (code, signal) => reject(new Error(`${id} ended: ${code} ${signal}`)));
  });
  await ready;
}

async function endHub(id: string, signal: NodeJS.Signals): Promise<unknown[]> {
  const hub = hubs.get(id);
  assert.ok(hub !== undefined);
  hubs.delete(id);
  const gone = once(hub.child, "exit");
  hub.child.kill(signal);
  return await gone;
}

test(`hubs killed at random keep each reading once (seed ${SEED}, ${ROUNDS} rounds)`, async (context) => {
  const random = makeRandom(SEED);
  const gateway = FakeGateway.ofSite(site, { rotateBatches: 9 });
  const link = await GatewayLink.open(site, broker.gatewayPort);
  const all: GatewayRecord[] = [];
  const expected: string[] = [];
  let kills = 0;
  let crashes = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    await Promise.all(HUBS.filter((id) => !hubs.has(id)).map(startHub));
    for (let number = round * TAKES; number < (round + 1) * TAKES; number += 1) {
      const take = Math.floor(number / DEVICES) + 1;
      const items = takeOf({ device: `bed-${number % DEVICES}/monitor`, take, count: 5 });
      all.push(...gateway.put({ batches: [{ class: "vital", items }], takes: [rowOf(items)] }));
      expected.push(...items.map((item) => nameOf({ ...item })));
    }
    const open = shuffled(
      random,
      all.filter((record) => !link.has(record)),
    );
    const { length } = link.receipts;
    // Epochs late, in the middle, or not at all before a hub asks.
    const when = random() < 0.5 ? open.length : Math.floor(random() * open.length);
    const victims = shuffled(random, HUBS).slice(0, 1 + Math.floor(random() * 2));
    const sending = link.send(open.slice(0, when));
    const crash = round === 1 || random() < 0.2;
    await sleep(random() * 60);
    await Promise.all(victims.map(async (id) => await endHub(id, "SIGKILL")));
    kills += victims.length;
    await sending;
    await link.send([...gateway.epochs(), ...open.slice(when)]);
    if (crash) {
      await postgres.crash();
      crashes += 1;
    }
    await resendUntil(link, gateway, all, () => link.receipts.length > length);
  }
  await Promise.all(HUBS.filter((id) => !hubs.has(id)).map(startHub));
  await resendUntil(link, gateway, all, () => all.every((record) => link.has(record)));
  const store = await PostgresStore.open({ url: postgres.url });
  const records = await store.lastId();
  assert.equal(records, all.length);
  await until(async () => (await store.views()).booked === records);
  await until(async () => [...hubs.values()].every(({ latest }) => latest.parked === 0));
  for (const id of HUBS) {
    assert.deepEqual(await endHub(id, "SIGTERM"), [0, null]);
  }
  await link.connection.close();
  const { totals, chains } = await reportOf(site, store);
  assert.equal(totals.kept, expected.length);
  assert.equal(totals.taken, expected.length);
  assert.equal(totals.unaccounted + totals.duplicates + totals.gaps, 0);
  assert.ok(chains.every(({ missing, broken }) => missing === 0 && !broken));
  assert.deepEqual((await identities(store)).toSorted(), expected.toSorted());
  await store.close();
  context.diagnostic(
    `${all.length} records, ${expected.length} readings, ${kills} hubs killed, ${crashes} database crashes`,
  );
});

/** Sends again what has no receipt, as a gateway does, until the condition is true. */
async function resendUntil(
  link: GatewayLink,
  gateway: FakeGateway,
  all: readonly GatewayRecord[],
  condition: () => boolean,
): Promise<void> {
  for (let wait = 0; !condition(); wait += 1) {
    if (wait % RESEND_EVERY === RESEND_EVERY - 1) {
      await link.send([...gateway.epochs(), ...all.filter((record) => !link.has(record))]);
    }
    await sleep(POLL_MS);
  }
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) {
    await sleep(POLL_MS);
  }
}

const POLL_MS = 50;
const RESEND_EVERY = 20;

async function identities(store: PostgresStore): Promise<string[]> {
  const names: string[] = [];
  const options = { store, identity: site.identity, now: Date.now };
  for await (const piece of readingLines(options)) {
    for (const line of Buffer.from(piece).toString("utf8").split("\n").slice(0, -1)) {
      names.push(nameOf(JSON.parse(line) as Parameters<typeof nameOf>[0]));
    }
  }
  return names;
}

function nameOf(item: { device: string; boot: string; take: number; index: number }): string {
  return [item.device, item.boot, item.take, item.index].join(" ");
}

/** mulberry32. */
function makeRandom(seed: number): () => number {
  let state = Math.trunc(seed);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let word = Math.imul(state ^ (state >>> 15), 1 | state);
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word;
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  };
}

function shuffled<T>(random: () => number, list: readonly T[]): T[] {
  const result = [...list];
  for (let last = result.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [result[last], result[other]] = [result[other]!, result[last]!];
  }
  return result;
}

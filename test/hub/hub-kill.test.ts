import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { NODE_OPTIONS } from "../../gateway/program/options.ts";
import type { EmbeddedBroker } from "../../hub/broker.ts";
import { READINGS_FILE } from "../../hub/desk.ts";
import {
  FakeGateway,
  identitiesIn,
  makeHubSite,
  openDesk,
  readingsText,
  reportOf,
  rowOf,
  takeOf,
  type GatewayRecord,
  type HubSite,
} from "../fakes/hub-kit.ts";
import { GatewayLink, openBroker } from "../fakes/hub-link.ts";

const MAIN = fileURLToPath(new URL("../../gateway/main.ts", import.meta.url));
const KILLS = 8;
const TAKES = 12;

let site: HubSite;
let broker: EmbeddedBroker;
let child: ChildProcess | null = null;

before(async () => {
  site = await makeHubSite();
  broker = await openBroker(site);
});
after(async () => {
  child?.kill("SIGKILL");
  await broker.close();
  site.remove();
});

/** `wardgate hub` in a process of its own; resolves when it is ready. */
async function startHub(): Promise<ChildProcess> {
  const url = `mqtts://127.0.0.1:${broker.hubPort}`;
  const args = ["hub", "--directory", site.site.hubDirectory, "--broker", url, "--json"];
  const started = spawn(process.execPath, [...NODE_OPTIONS, MAIN, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  child = started;
  for await (const line of createInterface({ input: started.stdout })) {
    if ((JSON.parse(line) as { kind: string }).kind === "ready") {
      started.stdout.resume();
      return started;
    }
  }
  throw new Error("the hub ended before it was ready");
}

async function kill(started: ChildProcess): Promise<void> {
  const gone = once(started, "exit");
  started.kill("SIGKILL");
  await gone;
}

test("kill -9 at any moment: everything receipted is there, and every reading once", async () => {
  const directory = site.site.hubDirectory;
  const gateway = FakeGateway.ofSite(site, { rotateBatches: 50 });
  const link = await GatewayLink.open(site, broker.gatewayPort);
  const all: GatewayRecord[] = [];
  const expected: string[] = [];
  let sealed = "";
  for (let round = 0; round < KILLS; round += 1) {
    const started = await startHub();
    for (let take = round * TAKES + 1; take <= (round + 1) * TAKES; take += 1) {
      const items = takeOf({ device: `bed-${take % 3}/monitor`, take, count: 20 });
      all.push(...gateway.put({ batches: [{ class: "vital", items }], takes: [rowOf(items)] }));
      expected.push(
        ...items.map(({ device, boot, index }) => `${device} ${boot} ${take} ${index}`),
      );
    }
    const open = all.filter((record) => !link.has(record));
    const { length } = link.receipts;
    const sending = link.send([...gateway.epochs(), ...open]);
    await link.until(() => link.receipts.length > length);
    await sleep(Math.random() * 40);
    await kill(started);
    await sending;
    const text = readingsText(directory);
    assert.ok(text.startsWith(sealed), "a restart changed lines that were there");
    sealed = text.slice(0, text.lastIndexOf("\n") + 1);
    damage(directory, round);
  }
  const last = await startHub();
  await link.send([...gateway.epochs(), ...all.filter((record) => !link.has(record))]);
  await link.until(() => all.every((record) => link.has(record)));
  const ended = once(last, "exit");
  last.kill("SIGTERM");
  assert.deepEqual(await ended, [0, null]);
  await link.connection.close();
  assert.deepEqual(identitiesIn(directory).toSorted(), expected.toSorted());
  assert.ok(readingsText(directory).startsWith(sealed));
  assert.equal((await reportOf(site, directory)).totals.kept, expected.length);
  assert.ok(
    (await reportOf(site, directory)).chains.every(
      ({ missing, broken }) => missing === 0 && !broken,
    ),
  );
  const text = readingsText(directory);
  await (await openDesk(site, directory, { rebuild: true })).close();
  assert.equal(readingsText(directory), text);
});

/** What a power cut may leave behind: a torn line, or a file that is shorter than it was. */
function damage(directory: string, round: number): void {
  const path = join(directory, READINGS_FILE);
  if (round % 4 === 1) {
    appendFileSync(path, '{"kind":"reading","device":"bed-');
  } else if (round % 4 === 3) {
    truncateSync(path, Math.floor(statSync(path).size * Math.random()));
  }
}

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Hub } from "../../hub/hub.ts";
import {
  FakeGateway,
  freshDirectory,
  identitiesIn,
  makeHubSite,
  rowOf,
  takeOf,
} from "../fakes/hub-kit.ts";
import { GatewayLink } from "../fakes/hub-link.ts";
import { startMosquitto } from "../fakes/mosquitto.ts";

test("the hub receives over mosquitto, in MQTT 5, and is back after a restart of the broker", async () => {
  const hub = await makeHubSite();
  const directory = hub.site.brokerDirectory;
  const hubs = ["hub-1"];
  let broker = await startMosquitto({ directory, hubs });
  const stop = new AbortController();
  const ready = new EventTarget();
  const own = freshDirectory(hub);
  const receiving = await Hub.open({
    directory: own,
    identity: hub.identity,
    broker: { url: `mqtts://127.0.0.1:${broker.hubPort}`, serverName: "localhost" },
    onReady: () => ready.dispatchEvent(new Event("ready")),
  });
  const isReady = (): Promise<unknown> =>
    new Promise((resolve) => {
      ready.addEventListener("ready", resolve, { once: true });
    });
  const first = isReady();
  const running = receiving.run(stop.signal);
  await first;
  const gateway = FakeGateway.ofSite(hub);
  for (let round = 0; round < 2; round += 1) {
    const link = await GatewayLink.open(hub, broker.gatewayPort);
    const records = [1, 2, 3].flatMap((place) => {
      const items = takeOf({ device: "bed-1/monitor", take: round * 3 + place, count: 5 });
      return gateway.put({ batches: [{ class: "vital", items }], takes: [rowOf(items)] });
    });
    await link.send([...gateway.epochs(), ...records]);
    await link.until(() => records.every((record) => link.has(record)));
    await link.connection.close();
    if (round === 0) {
      const again = isReady();
      const { gatewayPort, hubPort } = broker;
      await broker.stop();
      broker = await startMosquitto({ directory, hubs, gatewayPort, hubPort });
      await again;
    }
  }
  stop.abort();
  await running;
  await broker.stop();
  assert.equal(identitiesIn(own).length, 30);
  const folder = join(directory, "persistence");
  for (const file of readdirSync(folder)) {
    assert.ok(!readFileSync(join(folder, file)).includes("bed-1"), `a device id in ${file}`);
  }
  hub.remove();
});

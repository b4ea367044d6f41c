import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { openMqtt, type MqttConnection } from "../../gateway/mqtt/mqtt.ts";
import { BROKER_FILES } from "../../gateway/identity/site-files.ts";
import { type EmbeddedBroker } from "../../hub/broker.ts";
import { Hub } from "../../hub/hub.ts";
import type { Message } from "../../hub/parking.ts";
import { issueGateway, type Identity } from "../../provisioning/ca.ts";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  DEEP_CBOR,
  DEEP_JSON,
  isPolluted,
  NASTY,
  ONE_LINE,
  POLLUTING,
  WIDE_CBOR,
} from "../fakes/hostile-kit.ts";
import {
  FakeGateway,
  freshDirectory,
  identitiesIn,
  makeHubSite,
  reportOf,
  rowOf,
  takeOf,
  type HubSite,
} from "../fakes/hub-kit.ts";
import { GatewayLink, openBroker } from "../fakes/hub-link.ts";

/** A hub behind a broker, and a gateway with a good certificate that wants to harm it or speak for another. */

let site: HubSite;
let broker: EmbeddedBroker;
let rogue: Identity;
before(async () => {
  site = await makeHubSite();
  broker = await openBroker(site);
  rogue = await issueGateway(site.site.authority.gateways, "gw-666");
});
after(async () => {
  await broker.close();
  site.remove();
});

async function rogueLink(): Promise<MqttConnection> {
  const root = readFileSync(join(site.site.brokerDirectory, BROKER_FILES.serversRoot), "utf8");
  const link = openMqtt({
    url: `mqtts://127.0.0.1:${broker.gatewayPort}`,
    serverName: "localhost",
    clientId: "gw-666",
    ca: root,
    cert: rogue.certificate,
    key: rogue.key,
    keepaliveS: 60,
  });
  await link.connect();
  return link;
}

test("a gateway that replays, splices, forges and floods changes nothing of another's, and the hub goes on", async () => {
  const directory = freshDirectory(site);
  const notices: string[] = [];
  const stop = new AbortController();
  const ready = Promise.withResolvers<void>();
  const hub = await Hub.open({
    directory,
    identity: site.identity,
    broker: { url: `mqtts://127.0.0.1:${broker.hubPort}`, serverName: "localhost" },
    onReady: () => ready.resolve(),
    onNotice: (_code, text) => notices.push(text),
  });
  const running = hub.run(stop.signal);
  await ready.promise;

  const victim = FakeGateway.ofSite(site);
  const link = await GatewayLink.open(site, broker.gatewayPort);
  const takes = [1, 2].map((take) => takeOf({ device: "bed-1/monitor", take, count: 3 }));
  const [first = [], second = []] = takes;
  const records = victim.put({
    batches: [{ class: "vital", items: first }],
    takes: [rowOf(first)],
  });
  await link.send([...victim.epochs(), ...records]);
  await link.until(() => records.every((record) => link.has(record)));

  const evil = await rogueLink();
  const forger = FakeGateway.withIdentity(site, "gw-666", rogue);
  const own = (branch: string, payload: Uint8Array): Message => ({
    topic: `ward/v1/gw-666/up/${branch}`,
    payload,
  });
  const stolen = victim.sealer.sealItems("vital", second);
  const mine = takeOf({ device: "bed-1/monitor", take: 9, count: 2 });
  const good = forger.put({ batches: [{ class: "vital", items: mine }], takes: [rowOf(mine)] });
  const bytes = [
    DEEP_CBOR,
    ...WIDE_CBOR,
    ...[DEEP_JSON, NASTY, "", ...POLLUTING].map((text) => Buffer.from(text)),
    Buffer.alloc(70_000),
  ];
  const refused: readonly Message[] = [
    // Another's records and keys, as they are and under a name of one's own.
    ...records.map(({ payload }) => own("live/vital", payload)),
    ...victim.epochs().map(({ payload }) => own("epoch", payload)),
    // What was sealed by another, signed by oneself: whoever sealed it is part of what is authenticated.
    ...[
      "live/trend",
      "live/__proto__",
      "live/constructor",
      "backlog/vital/x",
      "x",
      `live/${NASTY.slice(1, 20)}`,
    ].map((branch) => own(branch, good[0]?.payload ?? Buffer.of())),
    ...bytes.flatMap((payload) => [own("live/vital", payload), own("epoch", payload)]),
  ];
  for (const { topic, payload } of refused) {
    await evil.publish(topic, payload);
  }
  for (const payload of bytes) {
    await evil.publish("ward/v1/gw-666/journal", payload);
    await evil.publish("ward/v1/gw-666/state", payload);
  }
  const spliced = forger.record(stolen, false);
  const again = [...forger.epochs(), ...good, ...good, ...good, spliced];
  for (const { topic, payload } of again) {
    await evil.publish(topic, payload);
  }

  const last = victim.put({ batches: [{ class: "vital", items: second }], takes: [rowOf(second)] });
  await link.send(last);
  await link.until(() => last.every((record) => link.has(record)));
  const counted = (): ReturnType<Hub["counters"]> => hub.counters();
  while (
    counted().refused < refused.length ||
    counted().again < 4 ||
    counted().classes.vital.opened < 8
  ) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { classes, records: kept } = counted();
  assert.equal(counted().refused, refused.length);
  assert.equal(classes.vital.opened, 8, "6 of the victim, 2 of the rogue's own");
  assert.equal(kept, 6);
  await Promise.all([evil.close(), link.connection.close()]);
  stop.abort();
  await running;

  assert.equal(isPolluted(), false);
  for (const text of notices) {
    assert.match(text, ONE_LINE);
  }
  assert.equal(identitiesIn(directory).length, 8);
  const report = await reportOf(site, directory, { device: "bed-1/monitor" });
  const ofVictim = report.devices.filter(({ gateway }) => gateway === "gw-001");
  assert.equal(ofVictim.length, 1);
  assert.equal(ofVictim[0]?.unaccounted, 0);
});

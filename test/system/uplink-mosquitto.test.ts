import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { loadSite } from "../../gateway/house/site.ts";
import { makeBinding } from "../../gateway/identity/identity.ts";
import { GATEWAY_FILES, HUB_FILES } from "../../gateway/identity/site-files.ts";
import { openMqtt, type MqttConnection } from "../../gateway/mqtt/mqtt.ts";
import { readSign1 } from "../../gateway/sealing/cose.ts";
import { issueGateway } from "../../provisioning/ca.ts";
import { replacePrivate } from "../../provisioning/private-files.ts";
import { addHub, publishLists, writeSignedSettings } from "../../provisioning/site.ts";
import { FaultProxy } from "../fakes/fault-proxy.ts";
import { GATEWAY, TestKeeper, TestSite } from "../fakes/keeper-kit.ts";
import { startMosquitto, type RunningMosquitto } from "../fakes/mosquitto.ts";
import { revoke } from "../provisioning/pki.ts";
import { softwareTlsKey } from "../../gateway/identity/key-provider.ts";

/** The keeper on the broker of a hospital: whose word deletes, a certificate that is renewed, a link that goes dead. */

let site: TestSite;
let broker: RunningMosquitto;
/** Of a second hub, that only listens. */
let listenerDirectory: string;

before(async () => {
  site = await TestSite.make();
  listenerDirectory = join(site.directory, "listener");
  await addHub(site.site.authority, listenerDirectory, "hub-2");
  const directory = site.site.brokerDirectory;
  broker = await startMosquitto({ directory, hubs: ["hub-1", "hub-2"] });
});

afterEach(async () => {
  await site.stopHub();
});

after(async () => {
  await broker.stop();
  await site.remove();
});

test("deleteOn broker: a PUBACK deletes, but not while nobody has subscribed", async (t) => {
  await sign("broker", broker.gatewayPort);
  const keeper = await TestKeeper.start(t, site);
  const flowhost = await keeper.link();
  await flowhost.put(4);
  await keeper.reports(({ connected }) => connected);
  await flowhost.put(4);
  const waiting = await keeper.reports(({ batches }) => batches === 4);
  assert.equal(waiting.classes["vital"]?.forwarded, 0);
  const listener = await dialAsListener();
  const topics: string[] = [];
  listener.onMessage((topic) => topics.push(topic));
  await listener.subscribe(["ward/v1/+/up/#"]);
  await keeper.reports(({ batches }) => batches === 0);
  for (let put = 0; put < 10; put += 1) {
    await flowhost.put(4);
  }
  await keeper.reports(({ batches }) => batches === 0);
  const records = topics.filter((topic) => !topic.endsWith("/epoch"));
  assert.equal(records.length, 24, "twelve batches and their tallies");
  assert.match(topics[0] ?? "", /epoch$/, "what opens them came first");
  await listener.close();
  await keeper.child.stop(5000);
});

test("a renewed certificate is taken into use without a gap, and the old one is not missed", async (t) => {
  await sign("hub", broker.gatewayPort);
  await site.startHub(broker.hubPort);
  const keeper = await TestKeeper.start(t, site);
  const flowhost = await keeper.link();
  await flowhost.put(4);
  await keeper.reports(({ batches, connected }) => connected && batches === 0);
  const listener = await dialAsListener();
  const end = await renew();
  const ends = new Set<unknown>();
  listener.onMessage((_topic, payload) => ends.add(certificateEndIn(payload)));
  await listener.subscribe([`ward/v1/${GATEWAY}/state`]);
  while (!ends.has(end)) {
    assert.equal((await flowhost.put(4)).t, "stored");
    await sleep(20);
  }
  await keeper.reports(({ batches }) => batches === 0);
  const noticed = keeper.heard.flatMap((each) => (each.t === "notice" ? [each.notice.notice] : []));
  assert.deepEqual(noticed, []);
  await listener.close();
  await keeper.child.stop(5000);
});

test("a link that goes dead is found and what was on it arrives once", async (t) => {
  const proxy = await FaultProxy.open(broker.gatewayPort);
  t.after(() => proxy.close());
  await sign("hub", proxy.port);
  const hub = await site.startHub(broker.hubPort);
  const earlier = hub.counters().classes.vital;
  const keeper = await TestKeeper.start(t, site, { keepaliveS: 5, pubackMs: 5000 });
  const flowhost = await keeper.link();
  await flowhost.put(4);
  await keeper.reports(({ batches, connected }) => connected && batches === 0);
  proxy.silence();
  const from = performance.now();
  await flowhost.put(4);
  await keeper.reports(({ connected }) => !connected);
  t.diagnostic(`found after ${Math.round(performance.now() - from)} ms`);
  proxy.restore();
  await flowhost.put(4);
  await keeper.reports(({ batches, connected }) => connected && batches === 0);
  const { opened, duplicates } = hub.counters().classes.vital;
  assert.deepEqual(
    { opened: opened - earlier.opened, duplicates: duplicates - earlier.duplicates },
    { opened: 12, duplicates: 0 },
  );
  await keeper.child.stop(5000);
});

async function sign(deleteOn: "hub" | "broker", port: number): Promise<void> {
  const { authority, gatewayDirectory, hubKeys } = site.site;
  await writeSignedSettings({
    authority,
    gatewayDirectory,
    gateway: GATEWAY,
    hubKeys,
    settings: {
      authoring: false,
      broker: { url: `mqtts://127.0.0.1:${port}`, serverName: "localhost" },
      deleteOn,
      lines: [],
      opcuaTrust: [],
      flows: [{ id: "tab", type: "tab" }],
    },
  });
  site.settings = await loadSite(gatewayDirectory);
}

/** Revokes the gateway's certificate at the broker and gives it a new one; returns when that ends (epoch milliseconds). */
async function renew(): Promise<number> {
  const { authority, brokerDirectory, gatewayDirectory } = site.site;
  const path = (file: string): string => join(gatewayDirectory, file);
  await revoke(authority, "gateways", readFileSync(path(GATEWAY_FILES.certificate), "utf8"));
  await publishLists(authority, { brokers: [brokerDirectory], hubs: [], gateways: [] });
  await broker.reload();
  const notAfter = new Date(Date.now() + 40 * 86_400_000);
  const validity = { notBefore: new Date(Date.now() - 60_000), notAfter };
  const identity = await issueGateway(authority.gateways, GATEWAY, validity);
  const binding = makeBinding({
    certificateChainPem: identity.certificate,
    certificateKey: softwareTlsKey(createPrivateKey(identity.key)),
    signingPublicKey: createPublicKey(readFileSync(path(GATEWAY_FILES.signingKey))),
    now: Date.now(),
  });
  await replacePrivate(path(GATEWAY_FILES.key), identity.key);
  await replacePrivate(path(GATEWAY_FILES.certificate), identity.certificate);
  await replacePrivate(path(GATEWAY_FILES.binding), binding);
  return new X509Certificate(identity.certificate).validToDate.getTime();
}

function certificateEndIn(state: Uint8Array): unknown {
  const text = Buffer.from(readSign1(state).payload).toString();
  const value = JSON.parse(text) as { readonly certificateEnd?: unknown };
  return value.certificateEnd;
}

/** Somebody with a hub's certificate who listens and sends no receipts. */
async function dialAsListener(): Promise<MqttConnection> {
  const read = (file: string): string => readFileSync(join(listenerDirectory, file), "utf8");
  const connection = openMqtt({
    url: `mqtts://127.0.0.1:${broker.hubPort}`,
    serverName: "127.0.0.1",
    clientId: "hub-2",
    ca: read(HUB_FILES.serversRoot),
    cert: read(HUB_FILES.certificate),
    key: read(HUB_FILES.key),
    keepaliveS: 15,
  });
  await connection.connect();
  return connection;
}

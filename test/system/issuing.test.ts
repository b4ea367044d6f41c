import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { GATEWAY_FILES, HUB_FILES } from "../../gateway/identity/site-files.ts";
import { openMqtt, type MqttConnection } from "../../gateway/mqtt/mqtt.ts";
import { Authority } from "../../provisioning/authority.ts";
import { lockedKeys } from "../../provisioning/authority-keys.ts";
import { ROOT_KINDS, type RootKind } from "../../provisioning/ca.ts";
import { replaceIssuing } from "../../provisioning/replace-issuing.ts";
import { addBroker, addGateway, addHub, makeSite, publishLists } from "../../provisioning/site.ts";
import { startMosquitto, type RunningMosquitto } from "../fakes/mosquitto.ts";

/** New issuing authorities below the same roots, on mosquitto: while both count, and after the old ones are revoked. */

let directory: string;
let mosquitto: RunningMosquitto;
let authority: Authority;

const home = (name: string): string => join(directory, name);

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "ward-issuing-"));
  const brokerNames = ["localhost", "127.0.0.1"];
  const site = await makeSite({ directory, gateway: "gw-001", hub: "hub-1", brokerNames });
  authority = site.authority;
  mosquitto = await startMosquitto({ directory: site.brokerDirectory, hubs: ["hub-1", "hub-2"] });
});

after(async () => {
  await mosquitto.stop();
  await rm(directory, { recursive: true });
});

async function replace(kind: RootKind, isRevoked: boolean): Promise<void> {
  await replaceIssuing({
    authority,
    kind,
    offline: { directory: join(authority.directory, "offline"), secrets: { passphrase: null } },
    keys: lockedKeys(null),
    isRevoked,
  });
  authority = new Authority(authority.directory);
}

async function publish(broker: string, hubs: string[], gateways: string[]): Promise<void> {
  await publishLists(authority, {
    brokers: [home(broker)],
    hubs: hubs.map(home),
    gateways: gateways.map(home),
  });
}

async function dial(
  files: typeof GATEWAY_FILES | typeof HUB_FILES,
  name: string,
  clientId: string,
): Promise<MqttConnection> {
  const read = async (file: string): Promise<string> =>
    await readFile(join(home(name), file), "utf8");
  const port = clientId.startsWith("hub-") ? mosquitto.hubPort : mosquitto.gatewayPort;
  const connection = openMqtt({
    url: `mqtts://127.0.0.1:${port}`,
    serverName: "127.0.0.1",
    clientId,
    ca: await read(files.serversRoot),
    cert: await read(files.certificate),
    key: await read(files.key),
    crl: await read(files.serversCrl),
    keepaliveS: 15,
  });
  await connection.connect();
  return connection;
}

/** With the second directory. Lists of the same second take no turns in a broker that only reads them again. */
async function restart(): Promise<void> {
  await mosquitto.stop();
  const hubs = ["hub-1", "hub-2"];
  mosquitto = await startMosquitto({ directory: home("broker-2"), hubs });
}

test("old and new count side by side, for gateways, hubs and the broker", async () => {
  for (const kind of ROOT_KINDS) {
    await replace(kind, false);
  }
  await addGateway(authority, home("gateway-2"), "gw-002");
  await addHub(authority, home("hub-2"), "hub-2");
  await publish("broker", ["hub", "hub-2"], ["gateway", "gateway-2"]);
  await mosquitto.reload();
  const pairs = [
    await dial(GATEWAY_FILES, "gateway", "gw-001"),
    await dial(GATEWAY_FILES, "gateway-2", "gw-002"),
    await dial(HUB_FILES, "hub", "hub-1"),
    await dial(HUB_FILES, "hub-2", "hub-2"),
  ];
  await Promise.all(pairs.map((connection) => connection.close()));
  // The broker's own certificate is made anew by the new authority.
  await addBroker(authority, home("broker-2"), ["localhost", "127.0.0.1"]);
  await publish("broker-2", ["hub", "hub-2"], ["gateway", "gateway-2"]);
  await restart();
  await (await dial(GATEWAY_FILES, "gateway", "gw-001")).close();
  await (await dial(HUB_FILES, "hub-2", "hub-2")).close();
});

test("nothing of one that is revoked counts any more, and what the next one signs does", async () => {
  await replace("gateways", true);
  await addGateway(authority, home("gateway-3"), "gw-003");
  await publish("broker-2", ["hub", "hub-2"], ["gateway", "gateway-2", "gateway-3"]);
  await restart();
  for (const [name, id] of [
    ["gateway", "gw-001"],
    ["gateway-2", "gw-002"],
  ] as const) {
    await assert.rejects(dial(GATEWAY_FILES, name, id), { code: "WARD_IDENTITY_REFUSED" }, id);
  }
  await (await dial(GATEWAY_FILES, "gateway-3", "gw-003")).close();
  await (await dial(HUB_FILES, "hub", "hub-1")).close();
  // A revocation is not forgotten by the next replacement.
  await replace("gateways", false);
  await publish("broker-2", ["hub", "hub-2"], ["gateway", "gateway-2", "gateway-3"]);
  await restart();
  await assert.rejects(dial(GATEWAY_FILES, "gateway", "gw-001"), { code: "WARD_IDENTITY_REFUSED" });
  await (await dial(GATEWAY_FILES, "gateway-3", "gw-003")).close();
});

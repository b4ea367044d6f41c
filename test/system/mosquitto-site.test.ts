import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { openMqtt, type MqttConnection } from "../../gateway/mqtt/mqtt.ts";
import { GATEWAY_FILES, HUB_FILES } from "../../gateway/identity/site-files.ts";
import { addGateway, makeSite, publishLists, type Site } from "../../provisioning/site.ts";
import { startMosquitto, type RunningMosquitto } from "../fakes/mosquitto.ts";
import { revoke } from "../provisioning/pki.ts";

/** A provisioned site on mosquitto, as a hospital runs it. */

let directory: string;
let site: Site;
let mosquitto: RunningMosquitto;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "ward-site-"));
  site = await makeSite({
    directory,
    gateway: "gw-001",
    hub: "hub-1",
    brokerNames: ["localhost", "127.0.0.1"],
  });
  mosquitto = await startMosquitto({ directory: site.brokerDirectory, hubs: ["hub-1"] });
});

after(async () => {
  await mosquitto.stop();
  await rm(directory, { recursive: true });
});

async function dial(
  files: typeof GATEWAY_FILES | typeof HUB_FILES,
  home: string,
  clientId: string,
): Promise<MqttConnection> {
  const read = async (file: string): Promise<string> => await readFile(join(home, file), "utf8");
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

test("tells the publisher whether anybody listens, and what it will take", async () => {
  const gateway = await dial(GATEWAY_FILES, site.gatewayDirectory, "gw-001");
  const topic = "ward/v1/gw-001/up/live/vital";
  assert.equal(await gateway.publish(topic, Buffer.from("x")), 16);
  const hub = await dial(HUB_FILES, site.hubDirectory, "hub-1");
  await hub.subscribe(["$share/hub/ward/v1/+/up/#"]);
  assert.equal(await gateway.publish(topic, Buffer.from("x")), 0);
  assert.equal(gateway.protocolVersion, 5);
  assert.equal(gateway.inflightMax, 64);
  assert.equal(gateway.packetBytesMax, 16 * 2 ** 20);
  await Promise.all([gateway.close(), hub.close()]);
});

test("a retained state survives a restart of the broker", async () => {
  const gateway = await dial(GATEWAY_FILES, site.gatewayDirectory, "gw-001");
  await gateway.publish("ward/v1/gw-001/state", Buffer.from("kept"), { retain: true });
  await gateway.close();
  const { gatewayPort, hubPort } = mosquitto;
  await mosquitto.stop();
  assert.deepEqual(await readdir(join(site.brokerDirectory, "persistence")), ["mosquitto.db"]);
  mosquitto = await startMosquitto({
    directory: site.brokerDirectory,
    hubs: ["hub-1"],
    gatewayPort,
    hubPort,
  });
  const hub = await dial(HUB_FILES, site.hubDirectory, "hub-1");
  const heard = new Promise<string>((resolve) => {
    hub.onMessage((_topic, payload) => resolve(Buffer.from(payload).toString()));
  });
  await hub.subscribe(["ward/v1/+/state"]);
  assert.equal(await heard, "kept");
  await hub.close();
});

test("a revoked gateway is out as soon as the broker has read the new list", async () => {
  const home = join(directory, "gateway-2");
  await addGateway(site.authority, home, "gw-002");
  const everyone = {
    brokers: [site.brokerDirectory],
    hubs: [site.hubDirectory],
    gateways: [site.gatewayDirectory, home],
  };
  await publishLists(site.authority, everyone);
  await (await dial(GATEWAY_FILES, home, "gw-002")).close();
  const certificate = await readFile(join(home, GATEWAY_FILES.certificate), "utf8");
  await revoke(site.authority, "gateways", certificate);
  await publishLists(site.authority, everyone);
  await mosquitto.reload();
  await assert.rejects(dial(GATEWAY_FILES, home, "gw-002"), {
    code: "WARD_IDENTITY_REFUSED",
    message: /revoked/,
  });
  await (await dial(GATEWAY_FILES, site.gatewayDirectory, "gw-001")).close();
});

test("the log has no warning about the configuration", () => {
  const warnings = mosquitto.log.filter((line) => / Warning: /.test(line) && !/as root/.test(line));
  assert.deepEqual(warnings, []);
});

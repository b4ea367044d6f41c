import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { verifyBinding } from "../../gateway/identity/identity.ts";
import { openMqtt, type MqttConnection } from "../../gateway/mqtt/mqtt.ts";
import { recipientKid } from "../../gateway/sealing/recipient-kid.ts";
import { verifySettings } from "../../gateway/identity/signed-settings.ts";
import { GATEWAY_FILES, HUB_FILES } from "../../gateway/identity/site-files.ts";
import { EmbeddedBroker } from "../../hub/broker.ts";
import { readBrokerIdentity } from "../../hub/broker-identity.ts";
import { Authority } from "../../provisioning/authority.ts";
import { issueLists } from "../../provisioning/lists.ts";
import {
  addBroker,
  addGateway,
  addHub,
  makeSite,
  publishLists,
  readHubKeys,
  writeSignedSettings,
  type Site,
} from "../../provisioning/site.ts";
import { revoke } from "./pki.ts";

const DRAFT = {
  authoring: false,
  broker: { url: "mqtts://127.0.0.1:8883", serverName: "localhost" },
  lines: [],
  opcuaTrust: [],
  flows: [],
} as const;

let directory: string;
let site: Site;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "ward-site-"));
  site = await makeSite({
    directory,
    gateway: "gw-001",
    hub: "hub-1",
    brokerNames: ["localhost", "127.0.0.1"],
  });
});

after(async () => {
  await rm(directory, { recursive: true });
});

async function text(...path: string[]): Promise<string> {
  return await readFile(join(...path), "utf8");
}

async function dial(
  files: typeof GATEWAY_FILES | typeof HUB_FILES,
  home: string,
  clientId: string,
  port: number,
): Promise<MqttConnection> {
  const connection = openMqtt({
    url: `mqtts://127.0.0.1:${port}`,
    serverName: "localhost",
    clientId,
    ca: await text(home, files.serversRoot),
    cert: await text(home, files.certificate),
    key: await text(home, files.key),
    crl: await text(home, files.serversCrl),
    keepaliveS: 15,
  });
  await connection.connect();
  return connection;
}

test("every file is its owner's only", async () => {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  assert.ok(entries.length > 30);
  for (const entry of entries) {
    const { mode } = await stat(join(entry.parentPath, entry.name));
    assert.equal(mode & 0o077, 0, entry.name);
  }
});

test("no directory holds a key that is not its own", async () => {
  const keysBelow = async (path: string): Promise<string[]> => {
    const names = await readdir(path, { recursive: true });
    return names.filter((name) => name.endsWith(".key.pem")).toSorted();
  };
  assert.deepEqual(await keysBelow(site.gatewayDirectory), [
    GATEWAY_FILES.key,
    GATEWAY_FILES.signingKey,
  ]);
  assert.deepEqual(await keysBelow(site.brokerDirectory), ["broker.key.pem"]);
  assert.deepEqual(await keysBelow(site.hubDirectory), [
    HUB_FILES.key,
    HUB_FILES.receiptKey,
    HUB_FILES.recipientKey,
  ]);
});

test("the broker, the gateway and the hub of a site work together", async () => {
  const broker = await EmbeddedBroker.open({
    identity: await readBrokerIdentity(site.brokerDirectory),
    gatewayPort: 0,
    hubPort: 0,
  });
  try {
    const gateway = await dial(GATEWAY_FILES, site.gatewayDirectory, "gw-001", broker.gatewayPort);
    const hub = await dial(HUB_FILES, site.hubDirectory, "hub-1", broker.hubPort);
    assert.equal(await gateway.publish("ward/v1/gw-001/state", Buffer.from("{}")), 0);
    await Promise.all([gateway.close(), hub.close()]);
  } finally {
    await broker.close();
  }
});

test("the signing key is bound to the gateway's certificate", async () => {
  const home = site.gatewayDirectory;
  const bound = verifyBinding(await readFile(join(home, GATEWAY_FILES.binding)), {
    gatewaysRoot: new X509Certificate(await text(home, GATEWAY_FILES.gatewaysRoot)),
    crlPem: await text(site.hubDirectory, HUB_FILES.gatewaysCrl),
    at: Date.now(),
  });
  assert.equal(bound.gateway, "gw-001");
  const signing = createPublicKey(await text(home, GATEWAY_FILES.signingKey));
  assert.ok(bound.key.equals(signing));
});

test("signed settings name the hub's keys and are refused from anyone else", async () => {
  const { authority, gatewayDirectory, hubKeys } = site;
  const settings = { authority, gatewayDirectory, gateway: "gw-001", hubKeys, settings: DRAFT };
  await writeSignedSettings(settings);
  await writeSignedSettings({ ...settings, settings: { ...DRAFT, authoring: true } });
  const bytes = await readFile(join(gatewayDirectory, GATEWAY_FILES.settings));
  const signer = createPublicKey(await text(gatewayDirectory, GATEWAY_FILES.settingsSigner));
  const read = verifySettings(bytes, signer);
  assert.equal(read.gateway, "gw-001");
  assert.equal(read.authoring, true);
  const recipient = createPrivateKey(await text(site.hubDirectory, HUB_FILES.recipientKey));
  assert.equal(read.recipients[0]?.kid, recipientKid(recipient));
  const spki = createPublicKey(recipient).export({ type: "spki", format: "der" });
  assert.equal(read.recipients[0]?.spki, spki.toString("base64"));
  const other = createPublicKey(await text(gatewayDirectory, GATEWAY_FILES.signingKey));
  assert.throws(() => verifySettings(bytes, other), { code: "WARD_SITE" });
});

test("a site can grow by a broker and a hub with keys of its own", async () => {
  const brokerDirectory = join(directory, "broker-2");
  const hubDirectory = join(directory, "hub-2");
  await addBroker(site.authority, brokerDirectory, ["broker-2.example"]);
  await addHub(site.authority, hubDirectory, "hub-2");
  const { certificate } = await readBrokerIdentity(brokerDirectory);
  assert.equal(new X509Certificate(certificate).checkHost("broker-2.example"), "broker-2.example");
  const { recipients, receiptKey } = await readHubKeys(hubDirectory);
  assert.notEqual(recipients[0]?.kid, site.hubKeys.recipients[0]?.kid);
  assert.notEqual(receiptKey, site.hubKeys.receiptKey);
  await writeSignedSettings({
    authority: site.authority,
    gatewayDirectory: site.gatewayDirectory,
    gateway: "gw-001",
    hubKeys: { receiptKey, recipients: [...site.hubKeys.recipients, ...recipients] },
    settings: DRAFT,
  });
});

test("nothing is ever overwritten", async () => {
  const kept = await text(site.gatewayDirectory, GATEWAY_FILES.key);
  const taken = { code: "WARD_PROVISION_EXISTS" };
  await assert.rejects(
    makeSite({ directory, gateway: "gw-001", hub: "hub-1", brokerNames: ["localhost"] }),
    taken,
  );
  await assert.rejects(addGateway(site.authority, site.gatewayDirectory, "gw-001"), taken);
  assert.equal(await text(site.gatewayDirectory, GATEWAY_FILES.key), kept);
});

test("a revoked gateway stays revoked in every later list", async () => {
  const authority = new Authority(site.caDirectory);
  const home = join(directory, "gateway-2");
  await addGateway(authority, home, "gw-002");
  const certificate = await text(home, GATEWAY_FILES.certificate);
  await revoke(authority, "gateways", certificate);
  const everyone = {
    brokers: [site.brokerDirectory],
    hubs: [site.hubDirectory],
    gateways: [site.gatewayDirectory, home],
  };
  await publishLists(authority, everyone);
  await publishLists(new Authority(site.caDirectory), everyone);
  const bound = async (): Promise<unknown> =>
    verifyBinding(await readFile(join(home, GATEWAY_FILES.binding)), {
      gatewaysRoot: new X509Certificate(await text(home, GATEWAY_FILES.gatewaysRoot)),
      crlPem: await text(site.hubDirectory, HUB_FILES.gatewaysCrl),
      at: Date.now(),
    });
  await assert.rejects(bound(), { code: "WARD_BINDING", message: /revoked/ });
  const broker = await EmbeddedBroker.open({
    identity: await readBrokerIdentity(site.brokerDirectory),
    gatewayPort: 0,
    hubPort: 0,
  });
  try {
    const refused = dial(GATEWAY_FILES, home, "gw-002", broker.gatewayPort);
    await assert.rejects(refused, { code: "WARD_IDENTITY_REFUSED" });
    await (await dial(GATEWAY_FILES, site.gatewayDirectory, "gw-001", broker.gatewayPort)).close();
  } finally {
    await broker.close();
  }
});

test("a damaged record of what was issued stops the authority: it might be a revoked one", async () => {
  const authority = new Authority(site.caDirectory);
  const folder = join(site.caDirectory, "issued", "gateways");
  const [name = ""] = await readdir(folder);
  const good = await text(folder, name);
  for (const bad of [
    "",
    "{}",
    good.slice(0, 20),
    good.replace('"revokedAt": ', '"revokedAt": "'),
  ]) {
    await writeFile(join(folder, name), bad);
    await assert.rejects(issueLists(authority), { code: "WARD_PROVISION_READ" });
  }
  await writeFile(join(folder, name), good);
  await issueLists(authority);
});

import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";
import type { TLSSocket } from "node:tls";

import { openMqtt, type MqttConnection } from "../../gateway/mqtt/mqtt.ts";
import { EmbeddedBroker, type BrokerEvent, type BrokerOptions } from "../../hub/broker.ts";
import type { BrokerIdentity } from "../../hub/broker-identity.ts";
import { createAuthority, type Authority } from "../../provisioning/authority.ts";
import {
  createRoot,
  issueGateway,
  issueHub,
  issueLeaf,
  issueServer,
  type Identity,
} from "../../provisioning/ca.ts";
import { recordIssued } from "../../provisioning/issued.ts";
import { issueLists } from "../../provisioning/lists.ts";
import { issueRevocationList } from "../../provisioning/revocation-list.ts";
import {
  connectPacket,
  gone,
  NASTY,
  ONE_LINE,
  publishPacket,
  silent,
  subscribePacket,
  tls,
} from "../fakes/hostile-kit.ts";
import { daysFrom, makeTestPki, revoke, type TestPki } from "../provisioning/pki.ts";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The embedded broker, attacked by strangers and by gateways with a good certificate. */

let pki: TestPki;
let directory: string;

before(async () => {
  pki = await makeTestPki();
  directory = await mkdtemp(join(tmpdir(), "ward-hostile-broker-"));
});
after(async () => await rm(directory, { recursive: true }));

interface Attacked {
  readonly broker: EmbeddedBroker;
  readonly events: BrokerEvent[];
}

async function attacked(
  t: { after: (act: () => Promise<void>) => void },
  options: Partial<BrokerOptions> = {},
): Promise<Attacked> {
  const events: BrokerEvent[] = [];
  const broker = await EmbeddedBroker.open({
    identity: pki.brokerIdentity,
    gatewayPort: 0,
    hubPort: 0,
    onEvent: (event) => events.push(event),
    ...options,
  });
  t.after(async () => await broker.close());
  return { broker, events };
}

function client(
  port: number,
  clientId: string,
  identity: Identity,
  ca: string = pki.servers.certificate,
): MqttConnection {
  const { certificate: cert, key } = identity;
  const url = `mqtts://127.0.0.1:${port}`;
  return openMqtt({ url, serverName: "localhost", clientId, ca, cert, key, keepaliveS: 60 });
}

/** A gateway with a good certificate that speaks bytes of its own making, already let in. */
async function rogue(
  broker: EmbeddedBroker,
  identity = pki.other,
  id = "gw-002",
): Promise<TLSSocket> {
  const socket = tls(broker.gatewayPort, {
    ca: pki.servers.certificate,
    cert: identity.certificate,
    key: identity.key,
  });
  socket.write(connectPacket(id));
  const [answer] = (await once(socket, "data")) as [Buffer];
  assert.deepEqual([...answer], [0x20, 2, 0, 0]);
  return socket;
}

test("lists that have ended, lists of nobody's, and a twin of the root let nobody in, and fresh lists let in again", async (t) => {
  const now = new Date();
  const old = { thisUpdate: daysFrom(now, -9), nextUpdate: daysFrom(now, -1) };
  const ended = await issueRevocationList(pki.gateways, { revoked: [], number: 1, ...old });
  const { broker, events } = await attacked(t);
  const isIn = async (identity: Identity): Promise<boolean> => {
    const connection = client(broker.gatewayPort, "gw-001", identity);
    const told = await connection.connect().then(
      () => true,
      () => false,
    );
    await connection.close();
    return told;
  };
  assert.ok(await isIn(pki.gateway));
  const twin = await createRoot("gateways", "Test");
  assert.equal(await isIn(await issueGateway(twin, "gw-001")), false, "a root of the same name");
  broker.renew({ ...pki.brokerIdentity, gatewaysCrl: ended });
  assert.equal(await isIn(pki.gateway), false);
  assert.match(events.at(-1)?.text ?? "", /CRL_HAS_EXPIRED/);
  broker.renew({ ...pki.brokerIdentity, gatewaysCrl: pki.brokerIdentity.serversCrl });
  assert.equal(await isIn(pki.gateway), false);
  assert.match(events.at(-1)?.text ?? "", /UNABLE_TO_GET_CRL/);
  assert.throws(() => broker.renew({ ...pki.brokerIdentity, key: pki.hub.key }), {
    code: "WARD_IDENTITY_UNUSABLE",
  });
  broker.renew(pki.brokerIdentity);
  assert.ok(await isIn(pki.gateway));
});

test("who is revoked while connected is cut off by the new lists, and nobody else", async (t) => {
  const authority: Authority = await createAuthority({
    directory: join(directory, "ca"),
    site: "Test",
    passphrase: null,
  });
  const issued = async (kind: "gateways" | "servers", identity: Identity): Promise<Identity> => {
    const { certificate } = identity;
    await recordIssued(authority.directory, { kind, by: "command", certificate });
    return identity;
  };
  const { certificate, key } = await issueServer(authority.servers, ["localhost"]);
  const thief = await issued("gateways", await issueGateway(authority.gateways, "gw-001"));
  const good = await issued("gateways", await issueGateway(authority.gateways, "gw-002"));
  const hub = await issued("servers", await issueHub(authority.servers, "hub-1"));
  const identity = async (): Promise<BrokerIdentity> => {
    const lists = await issueLists(authority);
    const { gateways: gatewaysRoot, servers: serversRoot } = authority.roots;
    const [gatewaysCrl, serversCrl] = [lists.gateways, lists.servers];
    return { certificate, key, gatewaysRoot, serversRoot, gatewaysCrl, serversCrl };
  };
  const { broker, events } = await attacked(t, { identity: await identity() });
  const roots = authority.roots.servers;
  const connections = [
    client(broker.gatewayPort, "gw-001", thief, roots),
    client(broker.gatewayPort, "gw-002", good, roots),
    client(broker.hubPort, "hub-1", hub, roots),
  ] as const;
  const lost: string[] = [];
  for (const [place, connection] of connections.entries()) {
    connection.onClose(() => lost.push(String(place)));
    await connection.connect();
  }
  const cut = new Promise<void>((resolve) => connections[0].onClose(() => resolve()));
  await revoke(authority, "gateways", thief.certificate);
  broker.renew(await identity());
  await cut;
  assert.equal(
    events.at(-1)?.kind === "left" ? events.at(-2)?.text : events.at(-1)?.text,
    "certificate: revoked now",
  );
  await assert.rejects(client(broker.gatewayPort, "gw-001", thief, roots).connect(), {
    code: "WARD_IDENTITY_REFUSED",
  });
  await connections[1].publish("ward/v1/gw-002/up/live/vital", Buffer.from("still here"));
  await revoke(authority, "servers", hub.certificate);
  broker.renew(await identity());
  await assert.rejects(connections[2].publish("ward/v1/gw-002/down/receipt", Buffer.from("x")));
  assert.deepEqual(lost, ["0", "2"]);
  await connections[1].close();
});

test("names that are patterns, too long, or two at once are nobody's", async (t) => {
  const { broker, events } = await attacked(t);
  const names = [
    "+",
    "#",
    "gw-001/#",
    "GW-001",
    "a",
    "x".repeat(65),
    "gw 001",
    "gw-001\0",
    "gw-001,CN=gw-002",
  ];
  for (const commonName of names) {
    const leaf = await issueLeaf(pki.gateways, { commonName, usage: "client" }).catch(() => null);
    if (leaf === null) {
      continue;
    }
    const connection = client(broker.gatewayPort, "gw-001", leaf);
    await assert.rejects(connection.connect(), { code: "WARD_IDENTITY_REFUSED" }, commonName);
  }
  assert.ok(events.filter(({ text }) => text === "no usable id in the certificate").length >= 4);
});

test("strangers who only hold connections keep no gateway out, and push none out", async (t) => {
  const { broker } = await attacked(t, { connectionsMax: 8 });
  const inside = client(broker.gatewayPort, "gw-001", pki.gateway);
  let isLost = false;
  inside.onClose((error) => {
    isLost = error !== null;
  });
  await inside.connect();
  const strangers = await Promise.all(Array.from({ length: 40 }, () => silent(broker.gatewayPort)));
  const late = client(broker.gatewayPort, "gw-002", pki.other);
  await late.connect();
  await late.publish("ward/v1/gw-002/up/live/vital", Buffer.from("in spite of them"));
  await inside.publish("ward/v1/gw-001/up/live/vital", Buffer.from("still here"));
  assert.equal(isLost, false);
  strangers.forEach((socket) => socket.destroy());
  await Promise.all([inside.close(), late.close()]);
});

test("what a topic says becomes no second line and no command to a terminal", async (t) => {
  const { broker, events } = await attacked(t);
  const socket = await rogue(broker);
  socket.write(publishPacket(Buffer.from(`ward/v1/gw-001/up/${NASTY}`)));
  await gone(socket);
  const refused = events.filter(({ kind }) => kind === "refused");
  assert.ok(refused.length > 0);
  for (const { text } of refused) {
    assert.match(text, ONE_LINE);
  }
});

test("packets that break the protocol end the one connection, and nothing of them is delivered", async (t) => {
  const { broker } = await attacked(t);
  const hub = client(broker.hubPort, "hub-1", pki.hub);
  const delivered: string[] = [];
  const marked = Promise.withResolvers<void>();
  hub.onMessage((topic) => {
    delivered.push(topic);
    if (topic.endsWith("/mark")) {
      marked.resolve();
    }
  });
  await hub.connect();
  await hub.subscribe(["ward/v1/+/up/#", "ward/v1/+/state"]);
  const own = Buffer.from("ward/v1/gw-002/up/x");
  const bad: Readonly<Record<string, Buffer>> = {
    "a second CONNECT, as another": connectPacket("gw-001"),
    "a type that there is none of": Buffer.from([0xf0, 0]),
    "PUBLISH with QoS 3": publishPacket(own, 0x06),
    "PUBLISH with QoS 2, which would be kept": publishPacket(own, 0x04),
    "PUBLISH to no topic": publishPacket(Buffer.of()),
    "PUBLISH to a pattern": publishPacket(Buffer.from("ward/v1/gw-002/up/+")),
    "PUBLISH to bytes that are no text": publishPacket(Buffer.from([0xc3, 0x28, 0xff])),
    "PUBLISH that is kept and may not be": publishPacket(own, 0x03),
    "PUBLISH below another's name": publishPacket(Buffer.from("ward/v1/gw-002/../gw-001/state")),
    "PUBLISH of a thousand levels": publishPacket(
      Buffer.from(`ward/v1/gw-002/up${"/a".repeat(1000)}`),
    ),
    "a topic that is longer than its packet": Buffer.from([0x32, 4, 0xff, 0xff, 1, 1]),
    "a length of five bytes": Buffer.from([0x32, 0xff, 0xff, 0xff, 0xff, 1]),
    "SUBSCRIBE to nothing": Buffer.from([0x82, 2, 0, 9]),
  };
  for (const [what, packet] of Object.entries(bad)) {
    const socket = await rogue(broker);
    socket.write(packet);
    await gone(socket);
    assert.ok(socket.destroyed, what);
  }
  const last = client(broker.gatewayPort, "gw-001", pki.gateway);
  await last.connect();
  await last.publish("ward/v1/gw-001/up/mark", Buffer.from("mark"));
  await marked.promise;
  assert.deepEqual(delivered, ["ward/v1/gw-001/up/mark"]);
  await Promise.all([hub.close(), last.close()]);
});

test("one client has only so many subscriptions, and shares none", async (t) => {
  const { broker } = await attacked(t);
  const socket = await rogue(broker);
  const filters = Array.from({ length: 2000 }, (_, place) => `ward/v1/gw-002/down/${place}`);
  const shared = ["$share/hub/ward/v1/+/up/#", "$share/x/ward/v1/gw-002/down/a"];
  socket.write(subscribePacket([...shared, ...filters]));
  let answer = Buffer.alloc(0);
  while (answer.length < 2 + 3 + shared.length + filters.length) {
    const [chunk] = (await once(socket, "data")) as [Buffer];
    answer = Buffer.concat([answer, chunk]);
  }
  const granted = [...answer.subarray(5)];
  assert.deepEqual(granted.slice(0, 2), [0x80, 0x80]);
  assert.equal(granted.filter((code) => code !== 0x80).length, 64);
  socket.destroy();
});

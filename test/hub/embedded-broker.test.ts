import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { after, before, test } from "node:test";
import { connect, type TLSSocket } from "node:tls";

import { openMqtt } from "../../gateway/mqtt/mqtt.ts";
import { EmbeddedBroker, type BrokerEvent } from "../../hub/broker.ts";
import type { Identity } from "../../provisioning/ca.ts";
import { makeTestPki, type TestPki } from "../provisioning/pki.ts";

/** What only the embedded broker promises; what every broker must do is in broker-suite.ts. */

let pki: TestPki;
let broker: EmbeddedBroker;
const events: BrokerEvent[] = [];

before(async () => {
  pki = await makeTestPki();
  broker = await EmbeddedBroker.open({
    identity: pki.brokerIdentity,
    gatewayPort: 0,
    hubPort: 0,
    connectionsMax: 20,
    packetBytesMax: 5000,
    onEvent: (event) => events.push(event),
  });
});

after(async () => {
  await broker.close();
});

function dial(identity: Identity, session?: Buffer): TLSSocket {
  const socket = connect({
    port: broker.gatewayPort,
    host: "127.0.0.1",
    servername: "localhost",
    ca: pki.servers.certificate,
    cert: identity.certificate,
    key: identity.key,
    ...(session === undefined ? {} : { session }),
  });
  socket.on("error", () => undefined);
  return socket;
}

async function gone(socket: TLSSocket): Promise<void> {
  socket.resume();
  if (!socket.destroyed) {
    await once(socket, "close");
  }
}

/** CONNECT of MQTT 3.1.1. Flags 2 is clean start. */
function connectPacket(clientId: string, flags = 2, keepaliveS = 30): Buffer {
  const id = Buffer.from(clientId);
  const head = [0x10, 12 + id.length, 0, 4, ...Buffer.from("MQTT"), 4, flags];
  return Buffer.from([...head, keepaliveS >> 8, keepaliveS & 255, 0, id.length, ...id]);
}

async function answerTo(packet: Buffer): Promise<Buffer> {
  const socket = dial(pki.gateway);
  socket.write(packet);
  let answer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    answer = Buffer.concat([answer, chunk]);
    socket.destroy();
  });
  await gone(socket);
  return answer;
}

test("says why it refuses a certificate", async () => {
  await gone(dial(pki.revoked));
  await gone(dial(pki.expired));
  const reasons = events.map(({ name, text }) => `${name} ${text}`);
  assert.ok(reasons.includes("gw-revoked certificate: CERT_REVOKED"), reasons.join());
  assert.ok(reasons.includes("gw-001 certificate: CERT_HAS_EXPIRED"), reasons.join());
});

test("gives no session to resume: a resumed one would skip the check for revocation", async () => {
  const socket = dial(pki.gateway);
  const sessions: Buffer[] = [];
  socket.on("session", (session: Buffer) => sessions.push(session));
  socket.write(connectPacket("gw-001"));
  await once(socket, "data");
  socket.destroy();
  await gone(socket);
  for (const session of sessions) {
    const again = dial(pki.gateway, session);
    await once(again, "secureConnect");
    assert.equal(again.isSessionReused(), false);
    again.destroy();
    await gone(again);
  }
});

test("refuses kept sessions, no keep-alive and foreign client ids in its answer", async () => {
  assert.deepEqual(await answerTo(connectPacket("gw-001")), Buffer.from([0x20, 2, 0, 0]));
  assert.deepEqual(await answerTo(connectPacket("gw-001", 0)), Buffer.from([0x20, 2, 0, 5]));
  assert.deepEqual(await answerTo(connectPacket("gw-002")), Buffer.from([0x20, 2, 0, 5]));
  assert.deepEqual(await answerTo(connectPacket("gw-001", 2, 0)), Buffer.from([0x20, 2, 0, 6]));
});

test("cuts a client that announces too long a packet before it is collected", async () => {
  const socket = dial(pki.gateway);
  socket.write(connectPacket("gw-001"));
  await once(socket, "data");
  socket.write(Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]));
  await gone(socket);
  assert.ok(events.some(({ text }) => text === "packet too long"));
});

test("survives bytes that are no TLS and no MQTT", async () => {
  const raw = connectTcp(broker.gatewayPort, "127.0.0.1");
  raw.on("error", () => undefined);
  raw.write("GET / HTTP/1.1\r\n\r\n");
  raw.resume();
  await once(raw, "close");
  const socket = dial(pki.gateway);
  socket.write("GET / HTTP/1.1\r\n\r\n");
  await gone(socket);
  const connection = openMqtt({
    url: `mqtts://127.0.0.1:${broker.gatewayPort}`,
    serverName: "localhost",
    clientId: "gw-001",
    ca: pki.servers.certificate,
    cert: pki.gateway.certificate,
    key: pki.gateway.key,
    keepaliveS: 30,
  });
  await connection.connect();
  assert.equal(await connection.publish("ward/v1/gw-001/up/live/vital", Buffer.alloc(100)), 0);
  await connection.close();
});

test("takes no more connections than allowed, and closes although one never ends its handshake", async () => {
  const small = await EmbeddedBroker.open({
    identity: pki.brokerIdentity,
    gatewayPort: 0,
    hubPort: 0,
    connectionsMax: 2,
  });
  const sockets = [0, 1, 2].map(() => connectTcp(small.gatewayPort, "127.0.0.1"));
  for (const socket of sockets) {
    socket.on("error", () => undefined);
    socket.resume();
  }
  const closed = sockets.map(async (socket) => await once(socket, "close"));
  await Promise.race(closed);
  await small.close();
  await Promise.all(closed);
});

test("says clearly that a port is taken or an identity unusable", async () => {
  const options = { identity: pki.brokerIdentity, gatewayPort: broker.gatewayPort, hubPort: 0 };
  await assert.rejects(EmbeddedBroker.open(options), { code: "WARD_BROKER_LISTEN" });
  const identity = { ...pki.brokerIdentity, key: pki.hub.key };
  await assert.rejects(EmbeddedBroker.open({ identity, gatewayPort: 0, hubPort: 0 }), {
    code: "WARD_IDENTITY_UNUSABLE",
  });
});

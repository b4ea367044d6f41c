import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { afterEach, before, describe, test } from "node:test";

import type { WardError } from "../../../gateway/errors.ts";
import { openMqtt, type MqttConnection } from "../../../gateway/mqtt/mqtt.ts";
import type { MqttOptions } from "../../../gateway/mqtt/mqtt-options.ts";
import { issueServer, type Identity } from "../../../provisioning/ca.ts";
import { issueRevocationList } from "../../../provisioning/revocation-list.ts";
import {
  connack4,
  connack5,
  puback5,
  publish5,
  ScriptedBroker,
  type Packet,
  type Script,
} from "../../fakes/scripted-broker.ts";
import { daysFrom, listFor, makeTestPki, type TestPki } from "../../provisioning/pki.ts";

const CONNECT = 1;
const PUBLISH = 3;
const DISCONNECT = 14;

let pki: TestPki;
let brokers: ScriptedBroker[] = [];

before(async () => {
  pki = await makeTestPki();
});

afterEach(async () => {
  await Promise.all(brokers.map(async (each) => await each.close()));
  brokers = [];
});

async function broker(script: Script, identity: Identity = pki.broker): Promise<number> {
  const opened = await ScriptedBroker.open(identity, pki.gateways.certificate, script);
  brokers.push(opened);
  return opened.port;
}

function client(port: number, options: Partial<MqttOptions> = {}): MqttConnection {
  return openMqtt({
    url: `mqtts://127.0.0.1:${port}`,
    serverName: "localhost",
    clientId: "gw-001",
    ca: pki.servers.certificate,
    cert: pki.gateway.certificate,
    key: pki.gateway.key,
    keepaliveS: 30,
    ...options,
  });
}

/** Says yes to CONNECT and leaves the rest to the test. */
function welcoming(rest: Script, properties: readonly number[] = []): Script {
  return (packet, socket) => {
    if (packet.type === CONNECT) {
      socket.write(connack5(0, properties));
    } else {
      rest(packet, socket);
    }
  };
}

async function closedWith(connection: MqttConnection): Promise<WardError | null> {
  return await new Promise((resolve) => {
    connection.onClose(resolve);
  });
}

describe("the broker's certificate", () => {
  const cases: readonly [string, () => Promise<[Identity, string | undefined]>, string, RegExp][] =
    [
      [
        "expired",
        async () => [await brokerFor(-2, -1), undefined],
        "WARD_BROKER_CERTIFICATE",
        /expired/,
      ],
      ["not yet valid", async () => [await brokerFor(1, 2), undefined], "WARD_CLOCK", /clock/],
      [
        "revoked",
        async () => [pki.broker, await listFor(pki.servers, [pki.broker])],
        "WARD_BROKER_CERTIFICATE",
        /revoked/,
      ],
      [
        "judged by a list that is too old",
        async () => [pki.broker, await oldList()],
        "WARD_BROKER_CERTIFICATE",
        /revocation list/,
      ],
      [
        "judged by another root's list",
        async () => [pki.broker, await listFor(pki.gateways, [])],
        "WARD_BROKER_CERTIFICATE",
        /revocation list/,
      ],
      [
        "not for a server",
        async () => [pki.hub, undefined],
        "WARD_BROKER_CERTIFICATE",
        /not for a server/,
      ],
    ];
  for (const [what, make, code, text] of cases) {
    test(`is refused when it is ${what}`, async () => {
      const [identity, crl] = await make();
      const port = await broker(
        welcoming(() => undefined),
        identity,
      );
      await assert.rejects(client(port, { crl }).connect(), { code, message: text });
    });
  }

  test("is accepted when a list in force does not name it", async () => {
    const port = await broker(welcoming(() => undefined));
    const connection = client(port, { crl: await listFor(pki.servers, [pki.hub]) });
    await connection.connect();
    connection.destroy();
  });

  async function brokerFor(fromDays: number, toDays: number): Promise<Identity> {
    const now = new Date();
    return await issueServer(pki.servers, ["localhost"], {
      validity: { notBefore: daysFrom(now, fromDays), notAfter: daysFrom(now, toDays) },
    });
  }

  async function oldList(): Promise<string> {
    const now = new Date();
    return await issueRevocationList(pki.servers, {
      revoked: [],
      number: 1,
      thisUpdate: daysFrom(now, -9),
      nextUpdate: daysFrom(now, -2),
    });
  }
});

describe("getting in", () => {
  test("says who it is: MQTT 5, clean start, no session kept, will", async () => {
    const packets: Packet[] = [];
    const port = await broker((packet, socket) => {
      packets.push(packet);
      socket.write(connack5(0));
    });
    const will = { topic: "ward/v1/gw-001/state", payload: Buffer.from("off"), retain: true };
    const connection = client(port, { will });
    await connection.connect();
    const body = packets[0]?.body ?? Buffer.alloc(0);
    assert.equal(body.toString("latin1", 2, 6), "MQTT");
    assert.equal(body.readUInt8(6), 5);
    // MQTT 5 section 3.1.2.3: will retain 0x20, will QoS 1 0x08, will 0x04, clean start 0x02.
    assert.equal(body.readUInt8(7), 0x2e);
    assert.equal(body.readUInt16BE(8), 30);
    // Session Expiry Interval, 0.
    assert.ok(body.includes(Buffer.from([0x11, 0, 0, 0, 0])));
    assert.ok(body.includes(Buffer.from("ward/v1/gw-001/state")));
    connection.destroy();
  });

  test("falls back to 3.1.1 when the broker does not speak 5, or just hangs up", async () => {
    const answers: Script[] = [
      (_packet, socket) => socket.write(connack4(1)),
      (_packet, socket) => socket.end(),
      (_packet, socket) => socket.destroy(),
      (_packet, socket) => socket.write(connack5(132)),
    ];
    for (const answer of answers) {
      const versions: number[] = [];
      const port = await broker((packet, socket) => {
        const version = packet.body.readUInt8(6);
        versions.push(version);
        if (version === 5) {
          answer(packet, socket);
        } else {
          socket.write(connack4(0));
        }
      });
      const connection = client(port);
      await connection.connect();
      assert.deepEqual(versions, [5, 4]);
      assert.equal(connection.protocolVersion, 4);
      connection.destroy();
    }
  });

  test("does not take a hang-up for an old broker after it has spoken 5, but believes it when told", async () => {
    const versions: number[] = [];
    let answer: Script = (_packet, socket) => socket.destroy();
    const port = await broker((packet, socket) => {
      const version = packet.body.readUInt8(6);
      versions.push(version);
      if (version === 5) {
        answer(packet, socket);
      } else {
        socket.write(connack4(0));
      }
    });
    const hungUp = client(port, { protocolVersion: 5 }).connect();
    await assert.rejects(hungUp, { code: "WARD_IDENTITY_REFUSED" });
    assert.deepEqual(versions, [5]);
    answer = (_packet, socket) => socket.write(connack4(1));
    const replaced = client(port, { protocolVersion: 5 });
    await replaced.connect();
    assert.deepEqual(versions, [5, 5, 4]);
    replaced.destroy();
  });

  test("asks for 5 again although the last connection was 3.1.1", async () => {
    const port = await broker((packet, socket) => {
      socket.write(packet.body.readUInt8(6) === 5 ? connack5(0) : connack4(0));
    });
    const connection = client(port, { protocolVersion: 4 });
    await connection.connect();
    assert.equal(connection.protocolVersion, 5);
    connection.destroy();
  });

  test("tells what a refusing CONNACK says", async () => {
    const port = await broker((_packet, socket) => socket.write(connack5(135)));
    await assert.rejects(client(port).connect(), {
      code: "WARD_BROKER_REFUSED",
      message: /135 \(not authorized\)/,
    });
  });

  test("takes a close before CONNACK for a refused identity", async () => {
    const port = await broker((_packet, socket) => socket.destroy());
    await assert.rejects(client(port).connect(), { code: "WARD_IDENTITY_REFUSED" });
  });

  test("gives up on a broker that answers nothing", async () => {
    const port = await broker(() => undefined);
    await assert.rejects(client(port, { connectMs: 200 }).connect(), {
      code: "WARD_BROKER_UNREACHABLE",
    });
  });

  test("gives up on something that is no TLS server, whether it talks or not", async () => {
    const answers: readonly [(socket: Socket) => void, string][] = [
      [(socket) => socket.write("220 welcome\r\n"), "WARD_BROKER_TLS"],
      [() => undefined, "WARD_BROKER_UNREACHABLE"],
      [(socket) => socket.destroy(), "WARD_BROKER_UNREACHABLE"],
    ];
    for (const [answer, code] of answers) {
      const sockets: Socket[] = [];
      const server = createServer((socket) => {
        sockets.push(socket);
        socket.on("error", () => undefined);
        answer(socket);
      });
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      const address = server.address();
      assert.ok(typeof address === "object" && address !== null);
      await assert.rejects(client(address.port, { connectMs: 300 }).connect(), { code });
      for (const socket of sockets) {
        socket.destroy();
      }
      server.close();
      await once(server, "close");
    }
  });

  test("can be given up at any moment", async () => {
    const silent = createServer();
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    const address = silent.address();
    assert.ok(typeof address === "object" && address !== null);
    const handshaking = client(address.port);
    const first = assert.rejects(handshaking.connect(), { code: "WARD_BROKER_LOST" });
    handshaking.destroy();
    await first;
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
    const port = await broker(() => ask());
    const waiting = client(port);
    const second = assert.rejects(waiting.connect(), { code: "WARD_BROKER_LOST" });
    await asked;
    await waiting.close();
    await second;
    silent.close();
  });

  test("says when its own key does not fit its certificate", async () => {
    await assert.rejects(client(1, { key: pki.other.key }).connect(), {
      code: "WARD_IDENTITY_UNUSABLE",
    });
  });

  test("works once only", async () => {
    const connection = client(1);
    await assert.rejects(connection.connect(), { code: "WARD_BROKER_UNREACHABLE" });
    await assert.rejects(connection.connect(), TypeError);
  });
});

describe("publishing", () => {
  test("gives the broker's reason code", async () => {
    const reasons = [0, 16, 135, 151];
    const port = await broker(
      welcoming((packet, socket) => {
        socket.write(puback5(packet, reasons.shift()));
      }),
    );
    const connection = client(port);
    await connection.connect();
    const publish = async (): Promise<number> => await connection.publish("t", Buffer.from("x"));
    assert.equal(await publish(), 0);
    assert.equal(await publish(), 16);
    await assert.rejects(publish(), { code: "WARD_PUBLISH_REFUSED", message: /not authorized/ });
    await assert.rejects(publish(), { code: "WARD_PUBLISH_REFUSED", message: /quota exceeded/ });
    connection.destroy();
  });

  test("keeps to the broker's receive maximum and packet size", async () => {
    const open: Packet[] = [];
    let most = 0;
    let seen = 0;
    const port = await broker(
      welcoming(
        (packet, socket) => {
          open.push(packet);
          most = Math.max(most, open.length);
          seen += 1;
          if (open.length === 3 || seen === 20) {
            for (const each of open.splice(0)) {
              socket.write(puback5(each));
            }
          }
        },
        // Receive Maximum 3, Maximum Packet Size 100.
        [0x21, 0, 3, 0x27, 0, 0, 0, 100],
      ),
    );
    const connection = client(port);
    await connection.connect();
    assert.equal(connection.inflightMax, 3);
    assert.equal(connection.packetBytesMax, 100);
    await Promise.all(
      Array.from({ length: 20 }, async () => await connection.publish("t", Buffer.alloc(10))),
    );
    assert.equal(most, 3);
    await assert.rejects(connection.publish("t", Buffer.alloc(100)), {
      code: "WARD_MESSAGE_TOO_LARGE",
    });
    connection.destroy();
  });

  test("fails all that has no answer when the connection is cut, and all that comes later", async () => {
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
    const port = await broker(welcoming(() => ask()));
    const connection = client(port);
    await connection.connect();
    const closed = closedWith(connection);
    const lost = { code: "WARD_BROKER_LOST" };
    const waiting = [
      assert.rejects(connection.publish("t", Buffer.from("x")), lost),
      assert.rejects(connection.subscribe(["t"]), lost),
    ];
    await asked;
    connection.destroy();
    await Promise.all(waiting);
    assert.equal((await closed)?.code, "WARD_BROKER_LOST");
    await assert.rejects(connection.publish("t", Buffer.from("x")), lost);
    await assert.rejects(connection.subscribe(["t"]), lost);
  });
});

describe("listening", () => {
  test("holds the broker back while paused", async () => {
    let acknowledged = 0;
    const port = await broker(
      welcoming((packet, socket) => {
        if (packet.type === PUBLISH) {
          socket.write(puback5(packet));
          for (let id = 1; id <= 5; id += 1) {
            socket.write(publish5("down", String(id), id));
          }
        } else {
          acknowledged += 1;
        }
      }),
    );
    const connection = client(port);
    await connection.connect();
    const heard: string[] = [];
    const { promise: first, resolve: firstHeard } = Promise.withResolvers<void>();
    const { promise: last, resolve: lastHeard } = Promise.withResolvers<void>();
    connection.onMessage((_topic, payload) => {
      heard.push(Buffer.from(payload).toString());
      connection.pause();
      firstHeard();
      if (heard.length === 5) {
        lastHeard();
      }
    });
    await connection.publish("go", Buffer.from(""));
    await first;
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    assert.deepEqual(heard, ["1"]);
    assert.equal(acknowledged, 0);
    for (let turn = 0; turn < 5; turn += 1) {
      connection.resume();
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
    }
    connection.resume();
    await last;
    assert.deepEqual(heard, ["1", "2", "3", "4", "5"]);
    connection.destroy();
  });

  test("ends when a listener cannot take a message, and does not acknowledge it", async () => {
    let acknowledged = 0;
    const port = await broker(
      welcoming((packet, socket) => {
        if (packet.type === PUBLISH) {
          socket.write(Buffer.concat([puback5(packet), publish5("down", "x", 1)]));
        } else if (packet.type === 4) {
          acknowledged += 1;
        }
      }),
    );
    const connection = client(port);
    await connection.connect();
    connection.onMessage(() => {
      throw new Error("cannot take it");
    });
    const closed = closedWith(connection);
    await connection.publish("go", Buffer.from(""));
    assert.match((await closed)?.message ?? "", /cannot take it/);
    assert.equal(acknowledged, 0);
  });
});

describe("ending", () => {
  test("says goodbye, so that no will is sent", async () => {
    const types: number[] = [];
    const port = await broker(welcoming(({ type }) => types.push(type)));
    const connection = client(port);
    await connection.connect();
    const closed = closedWith(connection);
    await connection.close();
    assert.equal(await closed, null);
    assert.deepEqual(types, [DISCONNECT]);
    await connection.close();
  });

  test("ends within its time even when answers never come", async () => {
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
    const port = await broker(welcoming(() => ask()));
    const connection = client(port);
    await connection.connect();
    const lost = assert.rejects(connection.publish("t", Buffer.from("x")), {
      code: "WARD_BROKER_LOST",
    });
    await asked;
    await connection.close();
    await lost;
    assert.equal(connection.connected, false);
  });

  const ends: readonly [string, Buffer, RegExp][] = [
    ["a packet that is too long", Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]), /more than/],
    ["bytes that are no MQTT", Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"), /broker/],
    ["a goodbye with a reason", Buffer.from([0xe0, 2, 142, 0]), /session taken over/],
  ];
  for (const [what, bytes, text] of ends) {
    test(`is told when the broker sends ${what}`, async () => {
      const port = await broker(
        welcoming((_packet, socket) => {
          socket.write(bytes, () => {
            if (bytes[0] === 0xe0) {
              socket.end();
            }
          });
        }),
      );
      const connection = client(port);
      await connection.connect();
      const closed = closedWith(connection);
      await assert.rejects(connection.publish("t", Buffer.from("x")), { code: "WARD_BROKER_LOST" });
      assert.match((await closed)?.message ?? "", text);
    });
  }

  test("notices a broker that went silent", async () => {
    const port = await broker(welcoming(() => undefined));
    const connection = client(port, { keepaliveS: 1 });
    await connection.connect();
    assert.match((await closedWith(connection))?.message ?? "", /[Kk]eep-?alive/);
  });
});

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";

import * as fc from "fast-check";

import { conductProblem, readGrants } from "../../../gateway/mqtt/broker-conduct.ts";
import type { WardError } from "../../../gateway/errors.ts";
import { openMqtt, type MqttConnection } from "../../../gateway/mqtt/mqtt.ts";
import type { MqttOptions } from "../../../gateway/mqtt/mqtt-options.ts";
import {
  answer5,
  connack5,
  packetId,
  puback5,
  publish5,
  ScriptedBroker,
  TYPE,
  type Packet,
  type Script,
} from "../../fakes/scripted-broker.ts";
import { makeTestPki, type TestPki } from "../../provisioning/pki.ts";

let pki: TestPki;
let brokers: ScriptedBroker[] = [];

before(async () => {
  pki = await makeTestPki();
});

async function closeAll(): Promise<void> {
  await Promise.all(brokers.map(async (each) => await each.close()));
  brokers = [];
}

afterEach(closeAll);
after(closeAll);

async function connected(
  script: Script,
  options: Partial<MqttOptions> = {},
  granted: readonly number[] = [],
): Promise<MqttConnection> {
  const broker = await ScriptedBroker.open(
    pki.broker,
    pki.gateways.certificate,
    (packet, socket) => {
      if (packet.type === TYPE.connect) {
        socket.write(connack5(0, granted));
      } else {
        script(packet, socket);
      }
    },
  );
  brokers.push(broker);
  const connection = openMqtt({
    url: `mqtts://127.0.0.1:${broker.port}`,
    serverName: "localhost",
    clientId: "gw-001",
    ca: pki.servers.certificate,
    cert: pki.gateway.certificate,
    key: pki.gateway.key,
    keepaliveS: 30,
    ...options,
  });
  await connection.connect();
  return connection;
}

async function closedWith(connection: MqttConnection): Promise<WardError | null> {
  return await new Promise((resolve) => {
    connection.onClose(resolve);
  });
}

const BYTES = Buffer.from("x");
const LOST = { code: "WARD_BROKER_LOST" };

describe("what a broker grants", () => {
  test("is taken as it is, and what it does not say as the protocol's default", () => {
    assert.deepEqual(readGrants({}, 15), {
      inflightMax: 65_535,
      packetBytesMax: null,
      mayRetain: true,
      keepaliveS: 15,
    });
    const all = {
      receiveMaximum: 3,
      maximumPacketSize: 100,
      retainAvailable: false,
      maximumQoS: 1,
      serverKeepAlive: 7,
    };
    assert.deepEqual(readGrants(all, 15), {
      inflightMax: 3,
      packetBytesMax: 100,
      mayRetain: false,
      keepaliveS: 7,
    });
  });

  test("never makes the pings rarer than we want them", () => {
    for (const serverKeepAlive of [0, 16, 3600, 65_535]) {
      const grants = readGrants({ serverKeepAlive }, 15);
      assert.ok(typeof grants === "object" && grants.keepaliveS === 15);
    }
  });

  const unusable: readonly [string, readonly number[], RegExp][] = [
    ["QoS 0 only", [0x24, 0], /no message with QoS 1/],
    ["a receive maximum of 0", [0x21, 0, 0], /forbids/],
    ["a packet size of 0", [0x27, 0, 0, 0, 0], /forbids/],
  ];
  for (const [what, properties, message] of unusable) {
    test(`may make it useless: ${what}`, async () => {
      await assert.rejects(
        connected(() => undefined, {}, properties),
        { code: "WARD_BROKER_REFUSED", message },
      );
    });
  }

  test("a broker without retained messages gets none", async () => {
    const flags: number[] = [];
    const connection = await connected(
      (packet, socket) => {
        flags.push(packet.bytes.readUInt8(0));
        socket.write(puback5(packet));
      },
      {},
      [0x25, 0],
    );
    await connection.publish("t", BYTES, { retain: true });
    assert.deepEqual(flags, [0x32], "QoS 1, not retained");
    connection.destroy();
  });

  test("a broker that wants to hear of us once an hour is still found dead in time", async () => {
    const connection = await connected(() => undefined, { keepaliveS: 1 }, [0x13, 0x0e, 0x10]);
    assert.match((await closedWith(connection))?.message ?? "", /[Kk]eep-?alive/);
  });
});

describe("what we publish", () => {
  test("never expires, is never a duplicate, and names its topic in full", async () => {
    const seen: Packet[] = [];
    const connection = await connected(
      (packet, socket) => {
        seen.push(packet);
        socket.write(puback5(packet));
      },
      {},
      // Topic Alias Maximum 10: we may, and do not.
      [0x22, 0, 10],
    );
    await connection.publish("ward/v1/gw-001/up/live/vital", BYTES);
    await connection.publish("ward/v1/gw-001/up/live/vital", BYTES);
    for (const { bytes, body } of seen) {
      assert.equal(bytes.readUInt8(0), 0x32, "PUBLISH with QoS 1, neither DUP nor RETAIN");
      const topicBytes = body.readUInt16BE(0);
      assert.equal(body.toString("latin1", 2, 2 + topicBytes), "ward/v1/gw-001/up/live/vital");
      assert.equal(body.readUInt8(4 + topicBytes), 0, "no properties");
    }
    connection.destroy();
  });
});

describe("a broker that breaks the protocol", () => {
  const answers: readonly [string, (publish: Packet) => Buffer, RegExp][] = [
    ["PUBREC", (publish) => answer5(TYPE.pubrec, packetId(publish)), /PUBREC/],
    ["PUBCOMP", (publish) => answer5(TYPE.pubcomp, packetId(publish)), /PUBCOMP/],
    ["PUBREL", (publish) => answer5(TYPE.pubrel, packetId(publish)), /PUBREL/],
    ["SUBACK", (publish) => answer5(TYPE.suback, packetId(publish), [0, 0]), /suback/],
    ["UNSUBACK", (publish) => answer5(TYPE.unsuback, packetId(publish), [0, 0]), /unsuback/],
    ["a second CONNACK", () => connack5(0), /CONNACK/],
    ["AUTH", () => Buffer.from([0xf0, 0]), /[Aa]uth/],
    ["PINGREQ", () => Buffer.from([0xc0, 0]), /PINGREQ/],
    ["a message with QoS 2", () => withQos2(publish5("down", "x", 1)), /QoS 2/],
    ["a topic alias we did not allow", () => aliased("down", 3), /[Tt]opic [Aa]lias/],
    ["a topic alias nobody knows", () => aliased("", 3), /[Tt]opic [Aa]lias/],
    ["a goodbye", () => Buffer.from([0xe0, 2, 149, 0]), /packet too large/],
    ["half a packet and the end", () => Buffer.from([0x40, 4, 0]), /./],
  ];
  for (const [what, answer, text] of answers) {
    test(`is not believed when it answers PUBLISH with ${what}`, async () => {
      const connection = await connected((packet, socket) => {
        if (packet.type === TYPE.publish) {
          socket.write(answer(packet));
          // Whatever else it says in the same breath does not count any more.
          if (what.startsWith("half")) {
            socket.end();
          } else {
            socket.write(puback5(packet));
          }
        }
      });
      const closed = closedWith(connection);
      await assert.rejects(connection.publish("t", BYTES), LOST);
      assert.match((await closed)?.message ?? "", text);
    });
  }

  test("may acknowledge what nobody sent, and twice: each publish has its own answer, once", async () => {
    const reasons = [16, 0, 151, 0];
    const connection = await connected((packet, socket) => {
      const own = packetId(packet);
      const reason = reasons.shift() ?? 0;
      socket.write(answer5(TYPE.puback, own + 1000, [135]));
      socket.write(answer5(TYPE.puback, own - 1, [131]));
      socket.write(answer5(TYPE.puback, own, [reason]));
      socket.write(answer5(TYPE.puback, own, [135]));
    });
    assert.equal(await connection.publish("t", BYTES), 16);
    assert.equal(await connection.publish("t", BYTES), 0);
    await assert.rejects(connection.publish("t", BYTES), { code: "WARD_PUBLISH_REFUSED" });
    assert.equal(await connection.publish("t", BYTES), 0);
    connection.destroy();
  });

  test("answers late and in any order: each publish has its own answer", async () => {
    const open: Packet[] = [];
    const connection = await connected((packet, socket) => {
      open.push(packet);
      if (open.length === 4) {
        for (const [place, each] of open.toReversed().entries()) {
          socket.write(puback5(each, place % 2 === 0 ? 16 : 0));
        }
      }
    });
    const all = Array.from({ length: 4 }, async () => await connection.publish("t", BYTES));
    assert.deepEqual(await Promise.all(all), [0, 16, 0, 16]);
    connection.destroy();
  });

  for (const type of ["subscribe", "publish"] as const) {
    test(`hangs up at ${type.toUpperCase()}: what waits for an answer fails`, async () => {
      const connection = await connected((packet, socket) => {
        if (packet.type === TYPE[type]) {
          socket.destroy();
        }
      });
      const closed = closedWith(connection);
      const asked = [
        assert.rejects(connection.subscribe(["t"]), LOST),
        assert.rejects(connection.publish("t", BYTES), LOST),
      ];
      await Promise.all(asked);
      assert.equal((await closed)?.code, "WARD_BROKER_LOST");
    });
  }

  test("hangs up at PINGREQ", async () => {
    const connection = await connected(
      (packet, socket) => {
        if (packet.type === TYPE.pingreq) {
          socket.destroy();
        }
      },
      { keepaliveS: 1 },
    );
    assert.equal((await closedWith(connection))?.code, "WARD_BROKER_LOST");
  });

  test("sends any bytes: the connection ends or goes on, and no publish is taken for delivered", async () => {
    let bytes = Buffer.alloc(0);
    let own = 0;
    const runs = fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 40 }), async (noise) => {
      bytes = Buffer.from(noise);
      const connection = await connected((packet, socket) => {
        if (packet.type === TYPE.publish) {
          own = packetId(packet);
          socket.end(bytes);
        }
      });
      const answer = await connection.publish("t", BYTES).catch(() => null);
      assert.ok(answer === null || acknowledges(bytes, own));
      connection.destroy();
      await closeAll();
    });
    await fc.assert(runs, { numRuns: 25 });
  });

  test("is told apart by the kind of packet alone", () => {
    for (const cmd of ["puback", "suback", "pingresp", "disconnect", "connack", "auth"]) {
      assert.equal(conductProblem({ cmd }), null, cmd);
    }
    assert.equal(conductProblem({ cmd: "publish", qos: 1 }), null);
  });
});

/** True when the bytes hold a PUBACK for this packet: noise may be right by chance. */
function acknowledges(bytes: Buffer, id: number): boolean {
  return bytes.some(
    (byte, at) => byte >> 4 === TYPE.puback && bytes.subarray(at).includes(id & 255),
  );
}

function withQos2(publish: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x34]), publish.subarray(1)]);
}

/** PUBLISH of MQTT 5, QoS 0, with a topic alias. */
function aliased(topic: string, alias: number): Buffer {
  const name = Buffer.from(topic);
  const body = [0, name.length, ...name, 3, 0x23, 0, alias, 0x78];
  return Buffer.from([0x30, body.length, ...body]);
}

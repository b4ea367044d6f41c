import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { connect, type ConnectionOptions } from "node:tls";

import type { WardError } from "../../gateway/errors.ts";
import { openMqtt, type MqttConnection } from "../../gateway/mqtt/mqtt.ts";
import type { MqttOptions } from "../../gateway/mqtt/mqtt-options.ts";
import type { Identity } from "../../provisioning/ca.ts";
import { makeTestPki, type TestPki } from "../provisioning/pki.ts";

/**
 * What every broker of a ward must do for us, whoever wrote it: the same tests run against the embedded broker and
 * against mosquitto.
 */
export interface BrokerUnderTest {
  readonly gatewayPort: number;
  readonly hubPort: number;
  readonly protocolVersion: 4 | 5;
  stop(): Promise<void>;
}

export function brokerSuite(start: (pki: TestPki) => Promise<BrokerUnderTest>): void {
  let pki: TestPki;
  let broker: BrokerUnderTest;
  const open: MqttConnection[] = [];

  before(async () => {
    pki = await makeTestPki();
    broker = await start(pki);
  });

  after(async () => {
    await Promise.all(open.map(async (connection) => await connection.close()));
    await broker.stop();
  });

  const client = (
    identity: Identity,
    clientId: string,
    more: Partial<MqttOptions> & { port?: number } = {},
  ): MqttConnection => {
    const { port = clientId.startsWith("hub-") ? broker.hubPort : broker.gatewayPort, ...options } =
      more;
    const connection = openMqtt({
      url: `mqtts://127.0.0.1:${port}`,
      serverName: "localhost",
      clientId,
      ca: pki.servers.certificate,
      cert: identity.certificate,
      key: identity.key,
      keepaliveS: 30,
      ...options,
    });
    open.push(connection);
    return connection;
  };
  const connected = async (
    ...args: Parameters<typeof client>
  ): Promise<MqttConnection & { inbox: Inbox }> => {
    const connection = client(...args);
    const inbox = new Inbox(connection);
    await connection.connect();
    return Object.assign(connection, { inbox });
  };
  const hubListening = async (): Promise<MqttConnection & { inbox: Inbox }> => {
    const hub = await connected(pki.hub, "hub-1");
    await hub.subscribe(["ward/v1/+/up/#", "ward/v1/+/state", "ward/v1/+/journal"]);
    return hub;
  };

  test("a gateway and a hub talk over TLS 1.3", async () => {
    const hub = await hubListening();
    const gateway = await connected(pki.gateway, "gw-001");
    await gateway.subscribe(["ward/v1/gw-001/down/#"]);
    assert.equal(gateway.protocolVersion, broker.protocolVersion);
    assert.equal(gateway.tls?.protocol, "TLSv1.3");
    assert.ok(
      (await gateway.publish("ward/v1/gw-001/up/live/vital", Buffer.from([1, 0, 255]))) < 0x80,
    );
    assert.deepEqual(
      await hub.inbox.take("ward/v1/gw-001/up/live/vital"),
      Buffer.from([1, 0, 255]),
    );
    await hub.publish("ward/v1/gw-001/down/receipt", Buffer.from("r"));
    assert.deepEqual(await gateway.inbox.take("ward/v1/gw-001/down/receipt"), Buffer.from("r"));
    await Promise.all([gateway.close(), hub.close()]);
  });

  test("many publishes at once arrive all, once and in order", async () => {
    const hub = await hubListening();
    const gateway = await connected(pki.gateway, "gw-001");
    const sent = Array.from({ length: 600 }, (_, n) => String(n));
    await Promise.all(
      sent.map(
        async (n) => await gateway.publish("ward/v1/gw-001/up/backlog/wave", Buffer.from(n)),
      ),
    );
    for (const n of sent) {
      assert.equal((await hub.inbox.take("ward/v1/gw-001/up/backlog/wave")).toString(), n);
    }
    assert.deepEqual(hub.inbox.rest(), []);
    await Promise.all([gateway.close(), hub.close()]);
  });

  const refusedClients: readonly [string, Who, string, "gateway" | "hub"][] = [
    ["a revoked gateway", "revoked", "gw-revoked", "gateway"],
    ["an expired certificate", "expired", "gw-001", "gateway"],
    ["a certificate that is not yet valid", "notYet", "gw-001", "gateway"],
    ["a certificate for servers only", "serverOnly", "gw-001", "gateway"],
    ["a gateway's name under the servers root", "wrongRoot", "gw-001", "gateway"],
    ["a hub on the gateways' port", "hub", "hub-1", "gateway"],
    ["a gateway on the hubs' port", "gateway", "gw-001", "hub"],
    ["the broker's own certificate on the hubs' port", "broker", "broker", "hub"],
    ["a revoked hub", "revokedHub", "hub-revoked", "hub"],
  ];
  for (const [what, who, clientId, door] of refusedClients) {
    test(`refuses ${what}`, async () => {
      const port = door === "hub" ? broker.hubPort : broker.gatewayPort;
      const connection = client(pki[who], clientId, { port });
      await assert.rejects(connection.connect(), { code: "WARD_IDENTITY_REFUSED" });
      assert.equal(connection.connected, false);
    });
  }

  test("refuses a client without a certificate", async () => {
    assert.equal(await rawAnswer(broker.gatewayPort, pki, {}), "refused");
    assert.equal(await rawAnswer(broker.hubPort, pki, {}), "refused");
  });

  test("refuses TLS 1.2", async () => {
    const { certificate: cert, key } = pki.gateway;
    assert.equal(await rawAnswer(broker.gatewayPort, pki, { cert, key }), "answered");
    const old = await rawAnswer(broker.gatewayPort, pki, { cert, key, maxVersion: "TLSv1.2" });
    assert.equal(old, "refused");
  });

  test("is not trusted with the wrong root or the wrong name", async () => {
    const wrongRoot = client(pki.gateway, "gw-001", { ca: pki.gateways.certificate });
    await assert.rejects(wrongRoot.connect(), { code: "WARD_BROKER_CERTIFICATE", message: /root/ });
    const wrongName = client(pki.gateway, "gw-001", { serverName: "broker.example" });
    await assert.rejects(wrongName.connect(), {
      code: "WARD_BROKER_CERTIFICATE",
      message: /host name/,
    });
  });

  test("delivers nothing that a client may not say", async () => {
    const hub = await hubListening();
    const gateway = await connected(pki.gateway, "gw-001");
    await gateway.subscribe(["ward/v1/gw-001/down/#"]);
    const escapes: readonly [Identity, string, string][] = [
      [pki.other, "gw-002", "ward/v1/gw-001/up/live/vital"],
      [pki.other, "gw-002", "ward/v1/gw-001/state"],
      [pki.other, "gw-002", "ward/v1/gw-001/down/receipt"],
      [pki.other, "gw-002", "ward/v1/gw-002/down/receipt"],
      [pki.otherHub, "hub-2", "ward/v1/gw-001/up/live/vital"],
      [pki.otherHub, "hub-2", "ward/v1/gw-001/state"],
      [pki.otherHub, "hub-2", "ward/v1/gw-001"],
      [pki.other, "gw-002", "$SYS/broker/x"],
      [pki.other, "gw-002", "ward/v1"],
      [pki.other, "gw-002", "ward/v1//up/live/vital"],
    ];
    for (const [identity, clientId, topic] of escapes) {
      const speaker = await connected(identity, clientId);
      const said = await outcome(speaker.publish(topic, Buffer.from("escape")));
      assert.match(said, /^WARD_(PUBLISH_REFUSED|BROKER_LOST)$/, topic);
      await speaker.close();
    }
    await gateway.publish("ward/v1/gw-001/up/live/vital", Buffer.from("mark"));
    assert.equal((await hub.inbox.take("ward/v1/gw-001/up/live/vital")).toString(), "mark");
    assert.deepEqual(hub.inbox.rest(), []);
    assert.deepEqual(gateway.inbox.rest(), []);
    await Promise.all([gateway.close(), hub.close()]);
  });

  test("lets nobody hear what is not meant for them", async () => {
    const gateway = await connected(pki.gateway, "gw-001");
    const listeners = [
      await connected(pki.other, "gw-002"),
      await connected(pki.otherHub, "hub-2"),
    ] as const;
    const foreign = ["#", "ward/#", "+/+/+/down/#", "ward/v1/gw-001/#", "ward/v1/gw-001/down/#"];
    for (const filter of [...foreign, "ward/v1/gw-001/state", "$SYS/#"]) {
      // A broker may say no here or keep silent later; only what arrives counts.
      await outcome(listeners[0].subscribe([filter]));
    }
    await outcome(listeners[1].subscribe(["ward/v1/+/down/#"]));
    const hub = await connected(pki.hub, "hub-1");
    await hub.publish("ward/v1/gw-001/down/receipt", Buffer.from("secret"));
    await gateway.publish("ward/v1/gw-001/up/live/vital", Buffer.from("secret"));
    await gateway.publish("ward/v1/gw-001/state", Buffer.from("secret"), { retain: true });
    await listeners[0].subscribe(["ward/v1/gw-002/down/mark"]);
    await listeners[1].subscribe(["ward/v1/gw-002/up/mark"]);
    await hub.publish("ward/v1/gw-002/down/mark", Buffer.from("mark"));
    await listeners[0].inbox.take("ward/v1/gw-002/down/mark");
    await listeners[0].publish("ward/v1/gw-002/up/mark", Buffer.from("mark"));
    await listeners[1].inbox.take("ward/v1/gw-002/up/mark");
    for (const listener of listeners) {
      assert.doesNotMatch(listener.inbox.rest().join(), /secret/);
    }
    await Promise.all([gateway, hub, ...listeners].map(async (each) => await each.close()));
  });

  test("lets nobody take another client's place", async () => {
    const gateway = await connected(pki.gateway, "gw-001");
    let lost = false;
    gateway.onClose((error) => {
      lost = error !== null;
    });
    const thief = client(pki.other, "gw-001");
    await outcome(thief.connect());
    await gateway.publish("ward/v1/gw-001/up/live/vital", Buffer.from("still here"));
    assert.equal(lost, false);
    if (thief.connected) {
      const said = await outcome(
        thief.publish("ward/v1/gw-001/up/live/vital", Buffer.from("theft")),
      );
      assert.match(said, /^WARD_(PUBLISH_REFUSED|BROKER_LOST)$/);
    }
    await Promise.all([gateway.close(), thief.close()]);
  });

  test("publishes the will of a gateway that is cut off, and only then", async () => {
    const hub = await hubListening();
    const topic = "ward/v1/gw-002/state";
    const will = { topic, payload: Buffer.from("offline"), retain: true };
    const first = await connected(pki.other, "gw-002", { will });
    await first.publish(topic, Buffer.from("online"), { retain: true });
    assert.equal((await hub.inbox.take(topic)).toString(), "online");
    await first.close();
    const second = await connected(pki.other, "gw-002", { will });
    await second.publish(topic, Buffer.from("again"), { retain: true });
    assert.equal((await hub.inbox.take(topic)).toString(), "again");
    second.destroy();
    assert.equal((await hub.inbox.take(topic)).toString(), "offline");
    const late = await connected(pki.otherHub, "hub-2");
    await late.subscribe([topic]);
    assert.equal((await late.inbox.take(topic)).toString(), "offline");
    await Promise.all([hub.close(), late.close()]);
  });

  test("does not publish a will that its client might not say", async () => {
    const hub = await hubListening();
    const will = { topic: "ward/v1/gw-001/state", payload: Buffer.from("forged"), retain: false };
    const forger = await connected(pki.other, "gw-002", { will });
    forger.destroy();
    const other = await connected(pki.other, "gw-002");
    await other.publish("ward/v1/gw-002/up/mark", Buffer.from("mark"));
    await hub.inbox.take("ward/v1/gw-002/up/mark");
    assert.doesNotMatch(hub.inbox.rest().join(), /forged/);
    await Promise.all([hub.close(), other.close()]);
  });

  test("tells a client that it is gone, and fails what had no answer", async () => {
    const gateway = await connected(pki.gateway, "gw-001");
    const lost = new Promise<WardError | null>((resolve) => gateway.onClose(resolve));
    const asked = outcome(endless(gateway));
    await broker.stop();
    assert.equal((await lost)?.code, "WARD_BROKER_LOST");
    assert.equal(await asked, "WARD_BROKER_LOST");
    assert.equal(gateway.connected, false);
    const again = client(pki.gateway, "gw-001");
    await assert.rejects(again.connect(), { code: "WARD_BROKER_UNREACHABLE" });
  });
}

/** The identities of the test PKI. */
type Who = Exclude<keyof TestPki, "gateways" | "servers" | "brokerIdentity">;

/** Messages of one connection, by topic, in order of arrival. */
class Inbox {
  readonly #messages: { topic: string; payload: Buffer }[] = [];
  readonly #wakers: Set<() => void> = new Set();

  constructor(connection: MqttConnection) {
    connection.onMessage((topic, payload) => {
      this.#messages.push({ topic, payload: Buffer.from(payload) });
      for (const wake of this.#wakers) {
        wake();
      }
    });
  }

  /** The next message on this topic, waiting for it if need be. */
  async take(topic: string): Promise<Buffer> {
    for (;;) {
      const place = this.#messages.findIndex((message) => message.topic === topic);
      const [message] = place < 0 ? [] : this.#messages.splice(place, 1);
      if (message !== undefined) {
        return message.payload;
      }
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#wakers.delete(wake);
          resolve();
        };
        this.#wakers.add(wake);
      });
    }
  }

  /** What nobody took, as `topic payload`. */
  rest(): string[] {
    return this.#messages.map(({ topic, payload }) => `${topic} ${payload.toString()}`);
  }
}

async function outcome(act: Promise<unknown>): Promise<string> {
  try {
    await act;
    return "done";
  } catch (error) {
    return (error as WardError).code;
  }
}

async function endless(connection: MqttConnection): Promise<never> {
  for (;;) {
    await connection.publish("ward/v1/gw-001/up/live/vital", Buffer.alloc(100));
  }
}

/** Sends a CONNECT of MQTT 3.1.1 over a plain TLS client and tells whether the broker answered anything at all. */
async function rawAnswer(
  port: number,
  pki: TestPki,
  options: ConnectionOptions,
): Promise<"answered" | "refused"> {
  const socket = connect({
    port,
    host: "127.0.0.1",
    servername: "localhost",
    ca: pki.servers.certificate,
    ...options,
  });
  const clientId = Buffer.from("gw-001");
  const head = Buffer.from([0x10, 12 + clientId.length, 0, 4, ...Buffer.from("MQTT"), 4, 2, 0, 30]);
  socket.once("secureConnect", () => {
    socket.write(Buffer.concat([head, Buffer.from([0, clientId.length]), clientId]));
  });
  let answered = false;
  socket.once("data", () => {
    answered = true;
    socket.destroy();
  });
  socket.on("error", () => undefined);
  await new Promise<void>((resolve) => {
    socket.once("close", () => resolve());
  });
  return answered ? "answered" : "refused";
}

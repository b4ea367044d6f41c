import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { test, type TestContext } from "node:test";

import { WardError } from "../../../gateway/errors.ts";
import type { MessageListener } from "../../../gateway/mqtt/incoming.ts";
import type { CloseListener } from "../../../gateway/mqtt/mqtt.ts";
import type { LinkFacts } from "../../../gateway/uplink/link-facts.ts";
import { Uplink } from "../../../gateway/uplink/uplink.ts";
import type { UplinkConnection } from "../../../gateway/uplink/watched-connection.ts";

/** A connection played by the test. */
class FakeConnection
  extends EventEmitter<{ published: []; destroyed: [] }>
  implements UplinkConnection
{
  readonly protocolVersion = 5;
  readonly inflightMax = 7;
  readonly published: { topic: string; payload: string; retain: boolean }[] = [];
  filters: readonly string[] = [];
  isDestroyed = false;
  answers = true;
  refusal: WardError | null = null;
  #messages: MessageListener = () => undefined;
  #closed: CloseListener = () => undefined;
  #pending = new Set<(error: WardError) => void>();

  async connect(): Promise<void> {
    if (this.refusal !== null) {
      throw this.refusal;
    }
  }

  publish(topic: string, payload: Uint8Array, options: { retain?: boolean } = {}): Promise<number> {
    const text = Buffer.from(payload).toString();
    this.published.push({ topic, payload: text, retain: options.retain ?? false });
    this.emit("published");
    return this.answers
      ? Promise.resolve(0)
      : new Promise((_, reject) => this.#pending.add(reject));
  }

  async subscribe(filters: readonly string[]): Promise<void> {
    this.filters = filters;
  }

  onMessage(listener: MessageListener): void {
    this.#messages = listener;
  }

  onClose(listener: CloseListener): void {
    this.#closed = listener;
  }

  say(topic: string, payload: string): void {
    this.#messages(topic, Buffer.from(payload));
  }

  async close(): Promise<void> {
    this.destroy();
  }

  destroy(): void {
    if (!this.isDestroyed) {
      this.isDestroyed = true;
      const lost = new WardError("WARD_BROKER_LOST", "Lost.");
      this.#pending.forEach((reject) => reject(lost));
      this.#closed(lost);
      this.emit("destroyed");
    }
  }
}

class Rig extends EventEmitter<{
  up: [LinkFacts];
  down: [WardError | null];
  notReplaced: [WardError];
}> {
  readonly connections: FakeConnection[] = [];
  readonly receipts: string[] = [];
  readonly needs: string[] = [];
  readonly wills: string[] = [];
  readonly versions: unknown[] = [];
  readonly uplink: Uplink;
  next: (connection: FakeConnection) => void = () => undefined;

  constructor(t: TestContext, options: { readonly connectionMaxMs?: number } = {}) {
    super();
    this.uplink = new Uplink({
      ...options,
      gateway: "gw-1",
      open: (will, version) => {
        this.wills.push(`${will.topic} ${Buffer.from(will.payload).toString()} ${will.retain}`);
        this.versions.push(version);
        const connection = new FakeConnection();
        this.next(connection);
        this.connections.push(connection);
        return connection;
      },
      state: (online) => Buffer.from(online ? "online" : "offline"),
      pubackMs: 50,
      backoffMs: [5, 20],
      events: {
        up: (link) => this.emit("up", link),
        down: (error) => this.emit("down", error),
        notReplaced: (error) => this.emit("notReplaced", error),
        receipt: (payload) => this.receipts.push(Buffer.from(payload).toString()),
        needEpoch: (payload) => this.needs.push(Buffer.from(payload).toString()),
        journalAsked: () => undefined,
        bundleAnnounced: () => this.needs.push("a bundle"),
      },
    });
    t.after(() => this.uplink.close());
  }

  async up(): Promise<FakeConnection> {
    const up = once(this, "up");
    this.uplink.start();
    await up;
    return this.connections.at(-1)!;
  }
}

test("connecting subscribes, says online, and leaves a will", async (t) => {
  const rig = new Rig(t);
  const connection = await rig.up();
  assert.deepEqual(connection.filters, [
    "ward/v1/gw-1/down/receipt",
    "ward/v1/gw-1/down/need-epoch",
    "ward/v1/gw-1/down/journal",
    "ward/v1/gw-1/down/bundle",
  ]);
  assert.deepEqual(connection.published, [
    { topic: "ward/v1/gw-1/state", payload: "online", retain: true },
  ]);
  assert.deepEqual(rig.wills, ["ward/v1/gw-1/state offline true"]);
  assert.equal(rig.uplink.connected, true);
  connection.say("ward/v1/gw-1/down/receipt", "r");
  connection.say("ward/v1/gw-1/down/need-epoch", "n");
  connection.say("ward/v1/gw-1/down/bundle", "whatever");
  connection.say("ward/v1/gw-2/down/receipt", "foreign");
  assert.deepEqual([rig.receipts, rig.needs], [["r"], ["n", "a bundle"]]);
  await rig.uplink.close();
  assert.deepEqual(connection.published.at(-1), {
    topic: "ward/v1/gw-1/state",
    payload: "offline",
    retain: true,
  });
  assert.equal(connection.isDestroyed, true);
});

test("a lost connection is made anew, with the protocol version found before", async (t) => {
  const rig = new Rig(t);
  const first = await rig.up();
  const again = once(rig, "up");
  const down = once(rig, "down");
  first.destroy();
  assert.equal(((await down)[0] as WardError).code, "WARD_BROKER_LOST");
  await again;
  assert.equal(rig.connections.length, 2);
  assert.deepEqual(rig.versions, [undefined, 5]);
});

test("a refused connection is told and tried again", async (t) => {
  const rig = new Rig(t);
  const refusal = new WardError("WARD_IDENTITY_REFUSED", "No.");
  rig.next = (connection) => {
    connection.refusal = rig.connections.length < 3 ? refusal : null;
  };
  const told: (WardError | null)[] = [];
  rig.on("down", (error) => told.push(error));
  await rig.up();
  assert.deepEqual(told, [refusal, refusal, refusal]);
  assert.equal(rig.connections.length, 4);
});

test("without a PUBACK in time the connection is cut", async (t) => {
  const rig = new Rig(t);
  const connection = await rig.up();
  connection.answers = false;
  const cut = once(connection, "destroyed");
  await assert.rejects(rig.uplink.publish("t", Buffer.from("x")), { code: "WARD_BROKER_LOST" });
  await cut;
});

test("nothing is published while there is no connection", async (t) => {
  const rig = new Rig(t);
  await assert.rejects(rig.uplink.publish("t", Buffer.from("x")), { code: "WARD_BROKER_LOST" });
  await rig.uplink.publishState();
  assert.deepEqual(rig.connections, []);
});

test("close ends a connection under way and every try after it", async (t) => {
  const rig = new Rig(t);
  rig.next = (connection) => {
    connection.refusal = new WardError("WARD_BROKER_UNREACHABLE", "No.");
  };
  rig.uplink.start();
  await once(rig, "down");
  await rig.uplink.close();
  const { length } = rig.connections;
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.equal(rig.connections.length, length);
});

test("a replacement takes over when it is good, and the old connection goes only then", async (t) => {
  const rig = new Rig(t);
  const first = await rig.up();
  const up = once(rig, "up");
  rig.on("down", () => assert.fail("there was no gap"));
  rig.next = () => assert.equal(first.isDestroyed, false);
  rig.uplink.replace();
  const [link] = (await up) as [LinkFacts];
  assert.deepEqual(link, { inflightMax: 7, tellsNobody: true });
  assert.equal(rig.connections.length, 2);
  assert.equal(first.isDestroyed, true);
  const second = rig.connections.at(-1)!;
  await rig.uplink.publish("t", Buffer.from("x"));
  assert.equal(second.published.at(-1)?.topic, "t");
  rig.removeAllListeners("down");
});

test("a replacement that cannot be made leaves the old connection in place, and is tried again", async (t) => {
  const rig = new Rig(t);
  const first = await rig.up();
  const refusal = new WardError("WARD_IDENTITY_REFUSED", "No.");
  rig.next = (connection) => {
    connection.refusal = rig.connections.length < 4 ? refusal : null;
  };
  const told: WardError[] = [];
  rig.on("notReplaced", (error) => {
    told.push(error);
    assert.equal(first.isDestroyed, false);
    assert.equal(rig.uplink.connected, true);
  });
  const up = once(rig, "up");
  rig.uplink.replace();
  await up;
  assert.deepEqual(told, [refusal, refusal, refusal]);
  assert.equal(first.isDestroyed, true);
});

test("when the old connection ends while its replacement fails, everything starts anew", async (t) => {
  const rig = new Rig(t);
  const first = await rig.up();
  rig.next = (connection) => {
    connection.refusal = new WardError("WARD_BROKER_UNREACHABLE", "No.");
    first.destroy();
    rig.next = () => undefined;
  };
  const down = once(rig, "down");
  const up = once(rig, "up");
  rig.uplink.replace();
  assert.equal(((await down)[0] as WardError).code, "WARD_BROKER_LOST");
  await up;
  assert.equal(rig.uplink.connected, true);
});

test("a connection is replaced when it is old", async (t) => {
  const rig = new Rig(t, { connectionMaxMs: 30 });
  const first = await rig.up();
  await once(rig, "up");
  await once(rig, "up");
  assert.equal(first.isDestroyed, true);
});

import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { test, type TestContext } from "node:test";
import { setImmediate } from "node:timers/promises";

import { WardError } from "../../../gateway/errors.ts";
import { Forwarder } from "../../../gateway/uplink/forward.ts";
import type { Outbox } from "../../../gateway/outbox/outbox.ts";
import type { RecordClass } from "../../../gateway/sealing/envelope.ts";
import { openTestOutbox, temporaryDirectory } from "../../fakes/outbox-kit.ts";
import { fakeBatch, fakeBody, fakeEpoch, hex } from "../../fakes/record-codec.ts";

const EPOCH = hex("one");
const LINK = { inflightMax: 65_535, tellsNobody: true };

/** One publish that waits for its answer. */
interface Sent {
  readonly branch: string;
  readonly body: string;
  answer(reason: number | Error): void;
}

/** An outbox, a forwarder on it, and a broker played by the test. */
class Rig extends EventEmitter<{ sent: [Sent] }> {
  readonly all: Sent[] = [];
  readonly open: Sent[] = [];
  readonly forwarded: Record<string, number> = {};
  readonly trouble: string[] = [];
  outbox!: Outbox;
  forwarder!: Forwarder;

  static async make(
    t: TestContext,
    options: { windowSize?: number; receiptWaitMs?: number; deleteOn?: "hub" | "broker" } = {},
  ): Promise<Rig> {
    const rig = new Rig();
    const { outbox } = await openTestOutbox(temporaryDirectory(t), {
      events: {
        committed: (records, epochs) => rig.forwarder.committed(records, epochs),
        forgotten: () => undefined,
        lost: () => undefined,
        trouble: () => undefined,
      },
    });
    rig.outbox = outbox;
    rig.forwarder = new Forwarder({
      gateway: "gw-1",
      source: outbox,
      publish: (topic, payload) => rig.#publish(topic, payload),
      windowSize: options.windowSize ?? 20,
      windowBytes: 2 ** 20,
      deleteOn: options.deleteOn ?? "hub",
      receiptWaitMs: options.receiptWaitMs ?? 30_000,
      retryMs: 20,
      forwarded: (name, items) => {
        rig.forwarded[name] = (rig.forwarded[name] ?? 0) + items;
      },
      trouble: (error) => rig.trouble.push(error.code),
    });
    t.after(async () => {
      rig.forwarder.linkDown(true);
      await outbox.close();
    });
    return rig;
  }

  async put(name: RecordClass, ...bodies: string[]): Promise<void> {
    const batches = bodies.map((body) => fakeBatch(name, EPOCH, 2, body));
    await this.outbox.put({ epochs: [fakeEpoch(EPOCH)], batches });
  }

  /** Waits until so many messages were published in all. */
  async count(count: number): Promise<void> {
    while (this.all.length < count) {
      await once(this, "sent");
    }
  }

  /** Waits until so many records are left in the outbox. */
  async left(count: number): Promise<void> {
    while (waitingSequences(this.outbox).length !== count) {
      await setImmediate();
    }
  }

  answerAll(reason: number | Error = 0): void {
    for (const sent of this.open.splice(0)) {
      sent.answer(reason);
    }
  }

  /** Answers everything until so many messages were published in all. */
  async flow(count: number): Promise<void> {
    while (this.all.length < count) {
      this.answerAll();
      if (this.all.length < count) {
        await once(this, "sent");
      }
    }
    this.answerAll();
  }

  get log(): string[] {
    return this.all.map(({ branch, body }) => `${branch} ${body}`);
  }

  #publish(topic: string, payload: Uint8Array): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const branch = topic.replace("ward/v1/gw-1/up/", "");
    const sent: Sent = {
      branch,
      body: branch === "epoch" ? Buffer.from(payload).toString().slice(0, 4) : fakeBody(payload),
      answer: (reason) => (typeof reason === "number" ? resolve(reason) : reject(reason)),
    };
    this.all.push(sent);
    this.open.push(sent);
    this.emit("sent", sent);
    return promise;
  }
}

const LOST = new WardError("WARD_BROKER_LOST", "Lost.");

test("what is committed while connected goes out live, its epoch first", async (t) => {
  const rig = await Rig.make(t);
  await rig.forwarder.linkUp(LINK);
  await rig.put("vital", "a", "b");
  await rig.flow(3);
  assert.deepEqual(rig.log, [`epoch ${EPOCH.slice(0, 4)}`, "live/vital a", "live/vital b"]);
  await rig.put("notice", "n");
  await rig.flow(4);
  assert.equal(rig.log.at(-1), "live/notice n");
  await Promise.resolve();
  assert.deepEqual(rig.forwarded, { vital: 4, notice: 2 });
});

test("what waited goes out as backlog, epochs first, by class and sequence", async (t) => {
  const rig = await Rig.make(t);
  await rig.put("wave", "w1", "w2");
  await rig.put("gap", "g1");
  await rig.put("tally", "t1");
  await rig.put("vital", "v1", "v2");
  await rig.put("notice", "n1");
  assert.deepEqual(rig.log, [], "nothing is published without a connection");
  await rig.forwarder.linkUp(LINK);
  await rig.flow(8);
  assert.deepEqual(rig.log, [
    `epoch ${EPOCH.slice(0, 4)}`,
    "backlog/notice n1",
    "backlog/vital v1",
    "backlog/vital v2",
    "backlog/tally t1",
    "backlog/gap g1",
    "backlog/wave w1",
    "backlog/wave w2",
  ]);
});

test("a backlog that stands still does not hold a live record up", async (t) => {
  const rig = await Rig.make(t, { windowSize: 8 });
  await rig.put("vital", ...Array.from({ length: 50 }, (_, place) => `old ${place}`));
  await rig.forwarder.linkUp(LINK);
  await rig.count(1);
  rig.answerAll();
  await rig.count(5);
  assert.equal(rig.open.length, 4, "the backlog's share");
  await rig.put("vital", "fresh");
  await rig.count(6);
  assert.equal(rig.log.at(-1), "live/vital fresh");
  await rig.flow(52);
  assert.equal(new Set(rig.log).size, 52, "each once");
});

test("no record overtakes an epoch key that is under way", async (t) => {
  const rig = await Rig.make(t);
  await rig.forwarder.linkUp(LINK);
  await rig.put("vital", "a");
  await rig.count(1);
  assert.deepEqual(rig.log, [`epoch ${EPOCH.slice(0, 4)}`]);
  rig.open.shift()?.answer(16);
  await rig.put("vital", "b");
  await rig.count(2);
  assert.deepEqual(rig.log[1], rig.log[0], "the key again");
  await rig.flow(4);
  assert.deepEqual(rig.log.slice(2).toSorted(), ["backlog/vital a", "backlog/vital b"]);
});

test("the window is filled again on every answer, and is never wider than the broker allows", async (t) => {
  const rig = await Rig.make(t, { windowSize: 6 });
  await rig.forwarder.linkUp({ inflightMax: 3, tellsNobody: true });
  await rig.put("vital", ...Array.from({ length: 20 }, (_, place) => `${place}`));
  await rig.flow(1);
  await rig.count(4);
  assert.equal(rig.open.length, 3);
  rig.open.shift()?.answer(0);
  await rig.count(5);
  assert.equal(rig.open.length, 3);
});

test("a new connection sends again what no receipt named, and nothing else", async (t) => {
  const rig = await Rig.make(t);
  await rig.forwarder.linkUp(LINK);
  await rig.put("vital", "a", "b", "c");
  await rig.flow(4);
  const { storeId: store } = rig.outbox;
  await rig.outbox.receipt({ store, ranges: [{ class: "vital", range: [1, 2] }], rejects: [] });
  rig.forwarder.linkDown(true);
  await rig.put("vital", "d");
  await rig.forwarder.linkUp(LINK);
  await rig.flow(7);
  assert.deepEqual(rig.log.slice(4), [
    `epoch ${EPOCH.slice(0, 4)}`,
    "backlog/vital c",
    "backlog/vital d",
  ]);
  await Promise.resolve();
  assert.deepEqual(rig.forwarded, { vital: 8 }, "counted once, however often it was sent");
});

test("without a receipt a record is sent again after a while, within one connection", async (t) => {
  const rig = await Rig.make(t, { receiptWaitMs: 100 });
  await rig.forwarder.linkUp(LINK);
  await rig.put("vital", "a", "b");
  await rig.flow(3);
  const { storeId: store } = rig.outbox;
  await rig.outbox.receipt({ store, ranges: [{ class: "vital", range: [1, 1] }], rejects: [] });
  await rig.flow(4);
  assert.equal(rig.log.at(-1), "backlog/vital b");
});

test("when nobody listens, one message at a time asks again and nothing is lost", async (t) => {
  const rig = await Rig.make(t);
  await rig.put("vital", "a", "b", "c");
  await rig.forwarder.linkUp(LINK);
  await rig.flow(1);
  await rig.count(4);
  rig.answerAll(16);
  await rig.count(5);
  assert.equal(rig.open.length, 1, "the probe");
  await rig.put("notice", "n");
  assert.equal(rig.open.length, 1);
  const flowed = new Set<string>();
  rig.on("sent", (sent) => {
    flowed.add(sent.body);
    rig.open.splice(0);
    sent.answer(0);
  });
  rig.answerAll(0);
  while (flowed.size < 3) {
    await once(rig, "sent");
  }
  assert.deepEqual(rig.trouble, []);
});

test("what the broker refuses is told and tried again; what is too large does not stop the rest", async (t) => {
  const rig = await Rig.make(t);
  await rig.forwarder.linkUp(LINK);
  await rig.put("vital", "huge", "small");
  await rig.flow(1);
  await rig.count(3);
  rig.open.shift()?.answer(new WardError("WARD_MESSAGE_TOO_LARGE", "Too large."));
  rig.open.shift()?.answer(new WardError("WARD_PUBLISH_REFUSED", "Not allowed."));
  await rig.count(4);
  assert.equal(rig.log.at(-1), "backlog/vital small");
  assert.deepEqual(rig.trouble, ["WARD_MESSAGE_TOO_LARGE", "WARD_PUBLISH_REFUSED"]);
});

test("answers that come after the connection was lost count for nothing", async (t) => {
  const rig = await Rig.make(t, { windowSize: 4 });
  await rig.forwarder.linkUp(LINK);
  await rig.put("vital", "a");
  await rig.flow(1);
  await rig.count(2);
  const late = [...rig.open];
  rig.forwarder.linkDown(true);
  late.forEach((sent) => sent.answer(LOST));
  await rig.forwarder.linkUp(LINK);
  await rig.flow(4);
  assert.deepEqual(rig.log.slice(2), [`epoch ${EPOCH.slice(0, 4)}`, "backlog/vital a"]);
});

test("an epoch the hub asks for is sent again, an unknown one is not", async (t) => {
  const rig = await Rig.make(t);
  await rig.forwarder.linkUp(LINK);
  await rig.put("vital", "a");
  await rig.flow(2);
  await rig.forwarder.needEpochs([EPOCH, hex("unknown")]);
  await rig.flow(3);
  assert.equal(rig.log.at(-1), `epoch ${EPOCH.slice(0, 4)}`);
});

test("in broker mode a PUBACK deletes, and no other answer does", async (t) => {
  const rig = await Rig.make(t, { deleteOn: "broker" });
  await rig.forwarder.linkUp(LINK);
  await rig.put("vital", "a", "b", "c");
  await rig.flow(1);
  await rig.count(4);
  rig.open.shift()?.answer(0);
  rig.open.shift()?.answer(16);
  rig.open.shift()?.answer(new WardError("WARD_PUBLISH_REFUSED", "No."));
  await rig.left(2);
  assert.deepEqual(waitingSequences(rig.outbox), [2, 3]);
  await rig.flow(6);
  await rig.left(0);
  assert.deepEqual(rig.forwarded, { vital: 6 });
});

test("in broker mode a broker that does not say when nobody listens deletes nothing, and that is told", async (t) => {
  const rig = await Rig.make(t, { deleteOn: "broker" });
  await rig.forwarder.linkUp({ ...LINK, tellsNobody: false });
  await rig.put("vital", "a");
  await rig.flow(2);
  assert.deepEqual(rig.trouble, ["WARD_BROKER_DEAF"]);
  const { storeId: store } = rig.outbox;
  await rig.put("vital", "b");
  await rig.flow(3);
  assert.deepEqual(waitingSequences(rig.outbox), [1, 2]);
  await rig.outbox.receipt({ store, ranges: [{ class: "vital", range: [1, 2] }], rejects: [] });
  assert.deepEqual(waitingSequences(rig.outbox), []);
});

function waitingSequences(outbox: Outbox): number[] {
  return outbox
    .waiting()
    .flatMap(({ range: [from, to] }) =>
      Array.from({ length: to - from + 1 }, (_, at) => from + at),
    );
}

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { ConsoleDesk } from "../../../gateway/house/console-desk.ts";
import { newPlace } from "../../../gateway/house/room-place.ts";
import type { MainToRoom } from "../../../gateway/rooms.ts";

const BEDSIDE = {
  clock: "synchronised",
  classes: { vital: { taken: 7, stored: 5, withheld: 1, refused: 1, dropped: 2, evicted: 3 } },
  lines: {
    "bed-10/monitor": { state: "online", text: "", since: 5, rate: 1, badBytes: 0 },
    "bed-2/pump": { state: "absent", text: "cable unplugged", since: 9, rate: 0, badBytes: 3 },
  },
  read: { "bed-2/pump": { model: "alaris-asena", line: "serial:/dev/ttyUSB0" } },
};
const KEEPER = {
  connected: true,
  classes: { vital: { backlog: { batches: 2, bytes: 30, oldestAt: 4 } } },
  certificateEnd: 99,
  freeBytes: 1000,
};

function desk(ask: (what: string) => Promise<unknown> = async () => null): {
  desk: ConsoleDesk;
  said: MainToRoom[];
  listener: { gone: boolean; send: (message: MainToRoom) => void };
} {
  const said: MainToRoom[] = [];
  const listener = { gone: false, send: (message: MainToRoom) => void said.push(message) };
  const made = new ConsoleDesk({
    gateway: () => "ward-3",
    broker: () => "mqtts://broker:8883",
    room: (name) => {
      const stats = name === "bedside" ? BEDSIDE : name === "keeper" ? KEEPER : null;
      return { ...newPlace(), ready: name !== "flowhost", stats };
    },
    ask,
  });
  return { desk: made, said, listener };
}

describe("what main tells the pages", () => {
  test("how devices, link and rooms are, in the order of the beds", () => {
    const { desk: made, said, listener } = desk();
    made.tellHealth(() => ({ state: "poor", text: "nothing was kept", forMs: 1 }));
    made.heard({ device: "", notice: "flows-off", text: "first", since: null });
    made.heard({ device: "bed-2/pump", notice: "silent", text: "no answer", since: null });
    made.heard({ device: "", notice: "flows-off", text: "again", since: null });
    made.watch(listener, true);
    made.close();
    const [told] = said;
    assert.ok(told?.t === "facts");
    const { facts } = told;
    assert.deepEqual(
      facts.devices.map(({ device, model, text }) => [device, model, text]),
      [
        ["bed-2/pump", "alaris-asena", "cable unplugged"],
        ["bed-10/monitor", "", ""],
      ],
    );
    assert.deepEqual(facts.health, { state: "poor", text: "nothing was kept" });
    assert.equal(facts.flowsUp, false);
    assert.equal(facts.clock, "synchronised");
    const vital = facts.link?.classes.find((one) => one.class === "vital");
    assert.deepEqual(vital, {
      class: "vital",
      taken: 7,
      stored: 5,
      withheld: 1,
      refused: 1,
      lost: 5,
      waitingBatches: 2,
      waitingBytes: 30,
      oldestAt: 4,
    });
    assert.equal(facts.link?.certificateEnd, 99);
    assert.deepEqual(
      facts.notices?.map(({ text }) => text),
      ["again", "no answer"],
    );
  });

  test("nothing once nobody looks, or the listener is gone", (context) => {
    context.mock.timers.enable({ apis: ["setInterval"] });
    const { desk: made, said, listener } = desk();
    made.watch(listener, true);
    context.mock.timers.tick(2000);
    assert.equal(said.length, 3);
    made.watch(listener, false);
    context.mock.timers.tick(5000);
    assert.equal(said.length, 3);
    made.watch(listener, true);
    listener.gone = true;
    context.mock.timers.tick(5000);
    assert.equal(said.length, 4);
  });

  test("pages of the journal and accounts, as the keeper gives them", async () => {
    const asked: string[] = [];
    const {
      desk: made,
      said,
      listener,
    } = desk(async (what) => {
      asked.push(what);
      return { text: null };
    });
    await made.answer(listener, { t: "query", id: 1, what: "journal", argument: "50 100" });
    await made.answer(listener, { t: "query", id: 2, what: "accounts", argument: "" });
    await made.answer(listener, { t: "query", id: 3, what: "save-accounts", argument: "e30=" });
    assert.deepEqual(asked, ["journal-page 50 100", "accounts", "save-accounts e30="]);
    assert.deepEqual(
      said.map((message) => message.t === "queried" && message.problem),
      [null, null, null],
    );
  });

  test("why there is no answer: never an empty one in its place", async () => {
    const { desk: made, said, listener } = desk();
    await made.answer(listener, { t: "query", id: 1, what: "accounts", argument: "" });
    await made.answer(listener, { t: "query", id: 2, what: "journal", argument: "1; rm" });
    for (const message of said) {
      assert.ok(message.t === "queried");
      assert.equal(message.value, null);
      assert.match(message.problem ?? "", /^Cannot /);
    }
  });
});

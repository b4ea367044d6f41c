import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test, type TestContext } from "node:test";

import type { BoardEvent, BoardReading, BoardWave } from "../../../gateway/console/contract.ts";
import { FlowhostFeed } from "../../../gateway/console/flowhost-feed.ts";
import { Board } from "../../../gateway/flowhost/board.ts";
import { ConsoleFeed } from "../../../gateway/flowhost/console-feed.ts";
import type { Waveform } from "../../../gateway/reading.ts";
import { ROOMS_VERSION, WATCHED_DEVICES_MAX } from "../../../gateway/rooms.ts";
import { RoomLink } from "../../../gateway/room-link.ts";
import { socketPair } from "../../../gateway/socket-pair.ts";
import { startFlowhost, vitalTake, wardFlow } from "../../fakes/flowhost-kit.ts";
import { AT, BOOT, reading } from "../../fakes/sealing-kit.ts";

const MINUTE = 60_000;
const SERIES = 1500;

/** Both ends and what came over. */
class FeedKit {
  readonly board: Board;
  readonly events: BoardEvent[] = [];
  readonly waves: BoardWave[] = [];
  readonly ups: boolean[] = [];
  readonly feed: FlowhostFeed;
  readonly console: ConsoleFeed;
  readonly #heard = new EventEmitter();
  now = AT;

  constructor(context: TestContext, seriesMax: number = SERIES) {
    this.board = new Board(seriesMax);
    this.console = new ConsoleFeed({ board: this.board, now: () => this.now, tickMs: 2 });
    this.feed = new FlowhostFeed({
      onBoard: (event) => {
        this.events.push(event);
        this.#heard.emit("heard");
      },
      onWaves: ({ waves }) => {
        this.waves.push(...waves);
        this.#heard.emit("heard");
      },
      onUp: (up) => {
        this.ups.push(up);
        this.#heard.emit("heard");
      },
    });
    context.after(() => this.console.close());
  }

  async link(): Promise<void> {
    const [near, far] = await pair();
    this.feed.attach(near);
    this.console.link(far);
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      await once(this.#heard, "heard");
    }
  }

  /** What a page shows after all that came. */
  get page(): BoardReading[] {
    const last = this.events.map(({ full }) => full).lastIndexOf(true);
    const shown = new Map<string, BoardReading>();
    for (const { readings } of this.events.slice(last)) {
      readings.forEach((one) => shown.set(`${one.device} ${one.code} ${one.path}`, one));
    }
    return [...shown.values()];
  }

  get texts(): string[] {
    return this.page.map(({ text }) => text);
  }
}

/** Two ends that can both be used in this process, unlike those of a socketPair. */
async function pair(): Promise<[Socket, Socket]> {
  const server = createServer({ pauseOnConnect: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const accepted = once(server, "connection");
  const near = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [far] = (await accepted) as [Socket];
  server.close();
  return [near, far];
}

function wave(device: string): Waveform {
  return {
    kind: "waveform",
    device,
    boot: BOOT,
    take: 1,
    index: 0,
    code: "MDC_ECG_ELEC_POTL_II",
    mdc: null,
    unit: "mV",
    start: AT,
    clock: "synchronised",
    period: { ms: 4, samples: 2 },
    scale: 1,
    offset: 0,
    samples: [1, null],
    gap: false,
    quality: ["valid"],
    path: "",
  };
}

test("nothing is said before somebody looks; then all with trends, then what has changed", async (context) => {
  const kit = new FeedKit(context);
  kit.board.show([reading({ take: 1, text: "1" }), reading({ code: "MDC_B", value: "on" })]);
  await kit.link();
  await kit.until(() => kit.ups.length === 1);
  assert.deepEqual([kit.ups, kit.events], [[true], []]);
  kit.feed.watch(true, []);
  await kit.until(() => kit.events.some(({ trends }) => trends.length > 0));
  const [first, ...rest] = kit.events;
  assert.deepEqual([first!.full, first!.at, first!.readings.length], [true, AT, 2]);
  assert.deepEqual(first!.readings[0], {
    device: "bed-12/monitor",
    code: "MDC_PULS_OXIM_SAT_O2",
    path: "1.1.1",
    value: 97,
    text: "1",
    unit: "%",
    at: AT,
    quality: ["valid"],
  });
  assert.ok(rest.every(({ full }) => !full));
  const minute = Math.floor(AT / MINUTE);
  assert.deepEqual(rest.at(-1)!.trends[0]!.points, [[minute, 97, 97]]);
  const before = kit.events.length;
  for (const take of [2, 3, 4]) {
    kit.board.show([reading({ take, text: `${take}`, value: 90 + take })]);
  }
  await kit.until(() => kit.texts.includes("4"));
  const news = kit.events.slice(before);
  assert.deepEqual(
    news.map(({ full, readings, trends }) => [full, readings.map(({ text }) => text), trends]),
    [[false, ["4"], []]],
    "only the latest, only what has changed, no trends within the minute",
  );
});

test("trends that have changed come again in the next minute, and the clock comes when nothing does", async (context) => {
  const kit = new FeedKit(context);
  kit.board.show([
    reading({ code: "MDC_OLD", at: AT - 3 * MINUTE }),
    reading({ code: "MDC_NEW", value: 40 }),
  ]);
  await kit.link();
  kit.feed.watch(true, []);
  await kit.until(() => kit.events.some(({ trends }) => trends.length === 2));
  kit.events.length = 0;
  kit.board.show([reading({ code: "MDC_NEW", take: 18, value: 50 })]);
  kit.now += MINUTE;
  await kit.until(() => kit.events.some(({ trends }) => trends.length > 0));
  const trends = kit.events.flatMap((event) => event.trends);
  assert.deepEqual(
    trends.map(({ code, points }) => [code, points]),
    [["MDC_NEW", [[Math.floor(AT / MINUTE), 40, 50]]]],
  );
  const before = kit.events.length;
  kit.now += 5000;
  await kit.until(() => kit.events.length > before);
  assert.deepEqual(kit.events[before], { at: kit.now, full: false, readings: [], trends: [] });
});

test("waveforms come of the devices that are watched, and of no others", async (context) => {
  const kit = new FeedKit(context);
  await kit.link();
  kit.board.show([wave("bed-1")]);
  const many = Array.from({ length: WATCHED_DEVICES_MAX + 9 }, (_, bed) => `bed-${bed + 1}`);
  kit.feed.watch(true, ["bed-1", "bed-1", "Not a device", ...many]);
  await kit.until(() => kit.events.length > 0);
  kit.board.show([wave("bed-1"), wave(`bed-${WATCHED_DEVICES_MAX}`), wave("bed-70")]);
  await kit.until(() => kit.waves.length === 2);
  assert.deepEqual(
    kit.waves.map(({ device, samples }) => [device, samples]),
    [
      ["bed-1", [1, null]],
      [`bed-${WATCHED_DEVICES_MAX}`, [1, null]],
    ],
  );
  kit.feed.watch(true, ["bed-2"]);
  // The flow host has heard it when it sends no more of bed 1, which would come last.
  while (kit.waves.at(-1)?.device !== "bed-2") {
    kit.board.show([wave("bed-2"), wave("bed-1")]);
    const { length } = kit.waves;
    await kit.until(() => kit.waves.length > length);
  }
  kit.waves.length = 0;
  kit.board.show([wave("bed-2"), wave("bed-1")]);
  await kit.until(() => kit.waves.length > 0);
  assert.deepEqual(
    kit.waves.map(({ device }) => device),
    ["bed-2"],
  );
  assert.equal(kit.events.filter(({ full }) => full).length, 1, "the board is not told again");
});

test("a new link takes the place of the old one, and what is watched is said again", async (context) => {
  const kit = new FeedKit(context);
  kit.feed.watch(true, ["bed-1"]);
  kit.board.show([reading({ take: 1, text: "before" })]);
  await kit.link();
  await kit.until(() => kit.texts.includes("before"));
  kit.console.close();
  await kit.until(() => kit.ups.length === 2);
  kit.board.show([reading({ take: 2, text: "meanwhile" })]);
  await kit.link();
  await kit.until(() => kit.texts.includes("meanwhile"));
  assert.deepEqual(kit.ups, [true, false, true]);
  const { length } = kit.events;
  await kit.link();
  await kit.until(() => kit.events.slice(length).some(({ full }) => full));
  kit.board.show([wave("bed-1"), reading({ take: 3, text: "after" })]);
  await kit.until(() => kit.texts.includes("after") && kit.waves.length === 1);
});

test("who watches no more hears nothing, and all again when they look again", async (context) => {
  const kit = new FeedKit(context);
  await kit.link();
  kit.feed.watch(true, []);
  await kit.until(() => kit.events.length > 0);
  kit.feed.watch(false, []);
  kit.feed.watch(true, ["bed-1"]);
  kit.feed.watch(false, ["bed-1"]);
  kit.board.show([wave("bed-1"), reading()]);
  kit.now += 10 * MINUTE;
  kit.events.length = 0;
  kit.feed.watch(true, []);
  await kit.until(() => kit.texts.includes("97"));
  assert.equal(kit.events.findLast(({ full }) => full)?.at, kit.now);
  assert.deepEqual(kit.waves, []);
});

test("a large board crosses whole while it changes, and what left it is told in the next minute", async (context) => {
  const kit = new FeedKit(context);
  const codes = Array.from({ length: SERIES }, (_, place) => `MDC_${place}`);
  for (let minute = 0; minute < 20; minute += 1) {
    kit.board.show(
      codes.map((code) => reading({ code, take: minute + 1, at: AT + minute * MINUTE })),
    );
  }
  kit.now = AT + 19 * MINUTE;
  await kit.link();
  kit.feed.watch(true, []);
  await kit.until(() => kit.events.length > 3);
  kit.board.show(codes.map((code) => reading({ code, take: 21, text: "new" })));
  await kit.until(() => kit.page.length === SERIES && kit.texts.every((text) => text === "new"));
  const fulls = kit.events.filter(({ full }) => full).length;
  assert.equal(fulls, 1);
  assert.equal(
    new Set(kit.events.flatMap(({ trends }) => trends.map(({ code }) => code))).size,
    SERIES,
  );
  kit.board.show([reading({ code: "MDC_NEW" })]);
  kit.now += MINUTE;
  await kit.until(() => kit.events.filter(({ full }) => full).length > fulls);
  await kit.until(() => kit.page.length === SERIES);
  assert.ok(kit.page.some(({ code }) => code === "MDC_NEW"));
  assert.ok(!kit.page.some(({ code }) => code === "MDC_0"));
});

test("a listener that says something unusable loses its link, and only that", async (context) => {
  const kit = new FeedKit(context);
  for (const said of [
    { t: "watch", on: 1, waves: [] },
    { t: "hello", version: ROOMS_VERSION + 1 },
  ]) {
    const [near, far] = await pair();
    const closed = once(far, "close");
    kit.console.link(far);
    const link = new RoomLink<unknown, unknown>(near, {
      parse: (value) => value,
      onMessage: () => undefined,
      onClose: () => undefined,
    });
    link.send(said);
    await closed;
    link.close();
  }
  kit.feed.watch(true, []);
  await kit.link();
  await kit.until(() => kit.events.length > 0);
});

test("a listener that does not read holds nothing up and is told the latest when it does", async (context) => {
  const kit = new FeedKit(context, 4000);
  const [near, far] = await pair();
  // More than the link and the system hold: each reading is some 6 KiB of JSON.
  const text = "\u0000".repeat(512);
  kit.board.show(
    Array.from({ length: 4000 }, (_, place) =>
      reading({ code: `MDC_${place}`, take: 1, text, value: text }),
    ),
  );
  kit.console.link(far);
  const heard = new EventEmitter();
  const link = new RoomLink<{ event?: BoardEvent }, unknown>(near, {
    parse: (value) => value as { event?: BoardEvent },
    onMessage: ({ event }) => {
      if (event?.readings.some((one) => one.text === "last") === true) {
        heard.emit("last");
      }
    },
    onClose: () => undefined,
  });
  link.send({ t: "watch", on: true, waves: [] });
  link.pause();
  while (far.writableLength <= 8 * 2 ** 20) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
  const { bytesWritten } = far;
  for (let take = 2; take < 20; take += 1) {
    kit.board.show([reading({ code: "MDC_7", take })]);
    await new Promise((resolve) => {
      setTimeout(resolve, 3);
    });
  }
  assert.equal(far.bytesWritten, bytesWritten, "nothing more waits for it");
  kit.board.show([reading({ code: "MDC_7", take: 20, text: "last" })]);
  const last = once(heard, "last");
  link.resume();
  await last;
  link.close();
});

test("the flow host tells the listener what its flow shows", async (context) => {
  const kit = await startFlowhost({ flows: wardFlow(["bed-1/spo2"]) });
  context.after(() => kit.stop());
  const [near, far] = await socketPair();
  const heard = new EventEmitter();
  const devices: string[] = [];
  const feed = new FlowhostFeed({
    onBoard: ({ readings }) => {
      devices.push(...readings.map(({ device }) => device));
      heard.emit("heard");
    },
    onWaves: () => undefined,
    onUp: () => undefined,
  });
  feed.watch(true, []);
  kit.child.send({ t: "link", peer: "listener" }, near);
  feed.attach(far);
  kit.bedside.feed(vitalTake("bed-1/spo2", 1));
  while (!devices.includes("bed-1/spo2")) {
    await once(heard, "heard");
  }
});

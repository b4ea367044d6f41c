import assert from "node:assert/strict";
import { test } from "node:test";

import { Bedside, type BedsideOptions } from "../../../gateway/bedside/bedside.ts";
import { parseFlowhostToBedside } from "../../../gateway/bedside/inbox.ts";
import { Clock } from "../../../gateway/bedside/clock.ts";
import type { Driver, Frame } from "../../../gateway/devices/device.ts";
import { driverOf } from "../../../gateway/devices/catalog.ts";
import type { DeviceSink, Line } from "../../../gateway/lines/line.ts";
import type { Item, Take } from "../../../gateway/reading.ts";
import { type Checkpoint, gapsAfterCrash } from "../../../gateway/bedside/reservation.ts";
import type { RoomLink } from "../../../gateway/room-link.ts";
import type {
  BedsideToFlowhost,
  FlowhostToBedside,
  HeardFromBedside,
  Subscription,
} from "../../../gateway/rooms.ts";
import { TakeReader } from "../../../gateway/takes/take-reader.ts";
import { readSettings } from "../../../gateway/settings.ts";

const BOOT = "0123456789abcdef";
const LINE = "tcp://127.0.0.1:4001";

/** A line that says what the test tells it to. */
class FakeLine implements Line {
  readonly sinks = new Map<string, DeviceSink>();
  closed = false;

  attach({ device }: { readonly device: string }, sink: DeviceSink): () => void {
    this.sinks.set(device, sink);
    return () => this.sinks.delete(device);
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

/** Records what bedside says to the flow host. */
class FakeLink {
  readonly said: HeardFromBedside[] = [];
  readonly full = false;
  readonly #reader = new TakeReader();
  send(message: BedsideToFlowhost, blobs: readonly Uint8Array[] = []): boolean {
    const heard = structuredClone(message);
    this.said.push(heard.t === "takes" ? { ...heard, takes: this.#reader.read(blobs[0]!) } : heard);
    return true;
  }
  async drained(): Promise<void> {}
  close(): void {}
  takes(): Take[] {
    return this.said.flatMap((message) => (message.t === "takes" ? message.takes : []));
  }
}

interface Setup {
  readonly bedside: Bedside;
  readonly link: FakeLink;
  readonly lines: Map<string, FakeLine>;
  readonly counted: Checkpoint[];
  readonly kept: Checkpoint[];
}

function setup(options: Partial<BedsideOptions> = {}, answersCheckpoints = true): Setup {
  const lines = new Map<string, FakeLine>();
  const counted: Checkpoint[] = [];
  const kept: Checkpoint[] = [];
  const bedside: Bedside = new Bedside({
    boot: BOOT,
    clock: new Clock(),
    settings: readSettings({ trendMs: 3_600_000 }, {}),
    allowedLines: [LINE],
    driver: (model): Driver | undefined => driverOf(model),
    openLine: async (url) => {
      const line = new FakeLine();
      lines.set(url, line);
      return line;
    },
    browse: () => Promise.reject(new Error("nothing to browse")),
    previous: null,
    gatherMs: 0,
    counted: (checkpoint) => counted.push(checkpoint),
    keep: (n, checkpoint) => {
      kept.push(checkpoint);
      if (answersCheckpoints) {
        setImmediate(() => bedside.kept(n));
      }
    },
    ...options,
  });
  const link = new FakeLink();
  bedside.attach(link as unknown as RoomLink<FlowhostToBedside, BedsideToFlowhost>);
  return { bedside, link, lines, counted, kept };
}

function subscription(device: string, line = LINE, model = "masimo-ascii1"): Subscription {
  return { device, model, line, unit: null, options: {} };
}

function frame(value: number): Frame {
  const reading = {
    code: "MDC_PULS_OXIM_SAT_O2",
    mdc: 150456,
    value,
    text: String(value),
    unit: "%",
    quality: ["valid" as const],
    path: "1.1.1",
    deviceAt: null,
  };
  return { kind: "frame", readings: [reading, { ...reading, path: "1.1.2" }], waves: [] };
}

async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function numbersOf(takes: readonly Take[], device: string): number[] {
  return takes.filter((take) => take.device === device).map((take) => take.take);
}

test("a frame becomes a numbered take, a new generation gets unsettled takes again, a settled one is forgotten", async () => {
  const { bedside, link, lines } = setup();
  bedside.receive({ t: "flows", generation: 1, subscriptions: [subscription("bed-1")] });
  await turns();
  const sink = lines.get(LINE)?.sinks.get("bed-1");
  [97, 98, 99].forEach((value) => sink?.frame(frame(value), Date.now()));
  await turns();
  // Take 4 is the trend copy of the first frame.
  assert.deepEqual(numbersOf(link.takes(), "bed-1"), [1, 2, 3, 4]);
  assert.deepEqual(
    link.takes().map((take) => take.class),
    ["vital", "trend", "vital", "vital"],
  );
  const outcome = {
    device: "bed-1",
    boot: BOOT,
    class: "vital" as const,
    stored: 2,
    withheld: 0,
    refused: 0,
    dropped: 0,
  };
  bedside.receive({ t: "settled", outcomes: [{ ...outcome, take: 1 }], gaps: [] });
  bedside.receive({ t: "flows", generation: 2, subscriptions: [subscription("bed-1")] });
  await turns();
  const again = link.said.filter((message) => message.t === "takes" && message.generation === 2);
  assert.deepEqual(
    numbersOf(
      again.flatMap((message) => (message.t === "takes" ? message.takes : [])),
      "bed-1",
    ),
    [2, 3, 4],
  );
  assert.equal(bedside.stats().classes.vital.stored, 2);
  assert.equal(lines.size, 1, "an unchanged subscription reopens nothing");
  bedside.close();
});

test("a clock that is set, years forward or back, is told among the takes of every device, and nothing is reordered", async () => {
  let wall = 0;
  let steady = 0;
  const pass = (ms: number): void => {
    wall += ms;
    steady += ms;
  };
  const clock = new Clock({ wall: () => wall, steady: () => steady, uptime: () => steady });
  const { bedside, link, lines } = setup({ clock });
  const subscriptions = [subscription("bed-1"), subscription("bed-2", LINE)];
  bedside.receive({ t: "flows", generation: 1, subscriptions });
  await turns();
  const put = (device: string): void => {
    lines.get(LINE)?.sinks.get(device)?.frame(frame(97), wall);
    pass(1000);
  };
  put("bed-1");
  put("bed-2");
  const right = Date.UTC(2026, 5, 1);
  wall = right;
  put("bed-1");
  assert.equal(bedside.oldestUnsettledMs(), 3000, "the age of a take does not jump");
  const wrong = Date.UTC(2046, 5, 1);
  wall = wrong;
  pass(60_000);
  put("bed-2");
  wall = right + 63_000;
  pass(60_000);
  put("bed-1");
  await turns();
  const told = (device: string): unknown[] =>
    link
      .takes()
      .filter((take) => take.device === device && take.class !== "trend")
      .map(({ take, items: [item] }) =>
        item?.kind === "notice"
          ? [take, item.notice, item.since, item.at]
          : [take, item?.kind === "reading" ? item.at : null, item?.clock],
      );
  // Take 2 is the trend copy of the first frame.
  assert.deepEqual(told("bed-1"), [
    [1, 0, "unsynchronised"],
    [3, "clock-set", 2000, right],
    [4, right, "holdover"],
    [5, "clock-set", right + 61_000, wrong + 60_000],
    [6, "clock-set", wrong + 121_000, right + 123_000],
    [7, right + 123_000, "holdover"],
  ]);
  assert.deepEqual(told("bed-2"), [
    [1, 1000, "unsynchronised"],
    [3, "clock-set", 2000, right],
    [4, "clock-set", right + 61_000, wrong + 60_000],
    [5, wrong + 60_000, "holdover"],
    [6, "clock-set", wrong + 121_000, right + 123_000],
  ]);
  bedside.close();
});

test("nothing leaves bedside that is not counted at main and reserved on disk", async () => {
  const { bedside, link, lines, counted, kept } = setup({}, false);
  bedside.receive({ t: "flows", generation: 1, subscriptions: [subscription("bed-1")] });
  await turns();
  lines.get(LINE)?.sinks.get("bed-1")?.frame(frame(97), Date.now());
  await turns();
  assert.deepEqual(link.takes(), [], "no checkpoint on disk, nothing handed out");
  assert.ok(kept.length > 0);
  bedside.kept(kept.length);
  await turns();
  bedside.kept(kept.length);
  await turns();
  assert.ok(link.takes().length > 0);
  const last = counted.at(-1)?.devices.find(({ device }) => device === "bed-1");
  assert.ok((last?.reserved ?? 0) >= Math.max(...numbersOf(link.takes(), "bed-1")));
  bedside.close();
});

test("a line that the signed settings do not list is not opened, and a notice says so", async () => {
  const { bedside, link, lines } = setup();
  const subscriptions = [
    subscription("bed-1", "tcp://127.0.0.1:22"),
    subscription("bed-2", "file:///etc/passwd"),
    subscription("bed-3", LINE, "no-such-model"),
  ];
  bedside.receive({ t: "flows", generation: 1, subscriptions });
  await turns();
  assert.equal(lines.size, 0);
  const notices = link.takes().flatMap((take) => take.items.map(noticeOf));
  assert.deepEqual(notices, ["line-not-allowed", "line-not-usable", "model-unknown"]);
  bedside.close();
});

test("silence and return are noticed once each, in plain words", async () => {
  const { bedside, link, lines } = setup();
  bedside.receive({ t: "flows", generation: 1, subscriptions: [subscription("bed-1")] });
  await turns();
  const sink = lines.get(LINE)?.sinks.get("bed-1");
  const at = Date.now();
  for (const state of [
    "connecting",
    "online",
    "stale",
    "backoff",
    "connecting",
    "backoff",
    "online",
  ] as const) {
    sink?.state(state, `now ${state}`, at);
  }
  await turns();
  const notices = link.takes().flatMap((take) => take.items.map(noticeOf));
  assert.deepEqual(notices, ["device-silent", "device-back"]);
  bedside.close();
});

test("what the bedside before had counted and not settled is accounted for until the keeper has it", async () => {
  const previous: Checkpoint = {
    boot: "f".repeat(16),
    at: Date.now() - 1000,
    devices: [{ device: "bed-1", settled: 3, reserved: 7 }],
    gaps: [],
  };
  const { bedside, link, kept } = setup({ previous });
  bedside.start();
  bedside.receive({ t: "flows", generation: 1, subscriptions: [] });
  await turns();
  const [gap] = link.said.flatMap((message) => (message.t === "gaps" ? message.gaps : []));
  assert.deepEqual([gap?.from, gap?.to, gap?.boot], [4, 7, previous.boot]);
  assert.deepEqual(
    gapsAfterCrash(kept.at(-1) ?? previous, Date.now()).map(({ id }) => id),
    [gap?.id],
  );
  bedside.receive({ t: "settled", outcomes: [], gaps: [gap?.id ?? ""] });
  assert.equal(bedside.stats().gapsWaiting, 0);
  bedside.close();
});

test("a full buffer gives up waves first and accounts for them", async () => {
  const settings = { ...readSettings({ trendMs: 3_600_000 }, {}), bufferTakes: 3 };
  const { bedside, lines, kept } = setup({ settings });
  bedside.receive({ t: "flows", generation: 1, subscriptions: [subscription("bed-1")] });
  await turns();
  const sink = lines.get(LINE)?.sinks.get("bed-1");
  for (let n = 0; n < 6; n += 1) {
    sink?.frame(frame(n), Date.now());
  }
  assert.equal(bedside.stats().held, 3);
  assert.equal(bedside.stats().gapsWaiting, 1);
  assert.equal(bedside.stats().classes.vital.evicted + bedside.stats().classes.trend.evicted, 8);
  void bedside.finalCheckpoint();
  const { gaps } = kept.at(-1) ?? { gaps: [] };
  assert.equal(gaps[0]?.reason, "buffer-full");
  bedside.close();
});

test("only well-formed messages of the flow host are understood", () => {
  assert.equal(
    parseFlowhostToBedside({ t: "flows", generation: 1, subscriptions: [subscription("bed-1")] }).t,
    "flows",
  );
  for (const wrong of [
    null,
    {},
    { t: "flows", generation: -1, subscriptions: [] },
    { t: "flows", generation: 1, subscriptions: [{ ...subscription("bed-1"), device: "../x" }] },
    { t: "flows", generation: 1, subscriptions: [{ ...subscription("bed-1"), unit: 300 }] },
    { t: "settled", outcomes: [{ device: "x" }], gaps: [] },
  ]) {
    assert.throws(() => parseFlowhostToBedside(wrong), { code: "WARD_ROOM_MESSAGE" });
  }
});

function noticeOf(item: Item): string {
  return item.kind === "notice" ? item.notice : item.kind;
}

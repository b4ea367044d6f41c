import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { type AddressInfo, connect, createServer } from "node:net";
import { test } from "node:test";

import { WardError } from "../../../gateway/errors.ts";
import type { SourceNode } from "../../../gateway/flow-services.ts";
import { awaitReady } from "../../../gateway/editor-socket.ts";
import { blame } from "../../../gateway/flowhost/blame.ts";
import { Board } from "../../../gateway/flowhost/board.ts";
import { Documents } from "../../../gateway/flowhost/documents.ts";
import { Editor } from "../../../gateway/flowhost/editor.ts";
import { FlowClock } from "../../../gateway/flowhost/flow-clock.ts";
import { FlowLog } from "../../../gateway/flowhost/flow-log.ts";
import { LinkWatch } from "../../../gateway/flowhost/link-watch.ts";
import { OutboxWatch } from "../../../gateway/flowhost/outbox-watch.ts";
import { KeptSoFar, SealedRegister } from "../../../gateway/flowhost/sealed-register.ts";
import { deliver, Sources } from "../../../gateway/flowhost/sources.ts";
import { keyOf } from "../../../gateway/flowhost/take-state.ts";
import type { Take } from "../../../gateway/reading.ts";
import type { FlowhostToKeeper, LineStatus, Subscription } from "../../../gateway/rooms.ts";
import { noticeTake, vitalTake } from "../../fakes/flowhost-kit.ts";
import { party, reading, sealerFor, wardCode } from "../../fakes/sealing-kit.ts";

const DEVICE = "bed-1/spo2";
const SUBSCRIPTION: Subscription = {
  device: DEVICE,
  model: "nonin-oem3-format2",
  line: "tcp://127.0.0.1:9",
  unit: null,
  options: { a: 1, b: 2 },
};
const ONLINE: LineStatus = { state: "online", text: "", since: 0, rate: 1, badBytes: 0 };

class FakeSource implements SourceNode {
  readonly id: string;
  readonly tab: string;
  readonly takes: Take[] = [];
  readonly lines: LineStatus[] = [];
  constructor(id: string) {
    this.id = id;
    this.tab = `tab of ${id}`;
  }
  take(take: Take): void {
    this.takes.push(structuredClone(take));
    // A flow may do as it likes with what it gets.
    Object.assign(take.items, { length: 0 });
  }
  line(status: LineStatus): void {
    this.lines.push(status);
  }
}

test("nodes that want the same of a device share it, one that wants something else waits its turn", () => {
  const sources = new Sources(() => undefined);
  const [first, same, other] = ["first", "same", "other"].map((id) => new FakeSource(id));
  const end = sources.subscribe(SUBSCRIPTION, first!);
  const endSame = sources.subscribe({ ...SUBSCRIPTION, options: { b: 2, a: 1 } }, same!);
  sources.subscribe({ ...SUBSCRIPTION, unit: 3 }, other!);
  assert.deepEqual(sources.settle(), [SUBSCRIPTION]);
  assert.match(other!.lines[0]!.text, /tab of first/);
  const take = vitalTake(DEVICE, 1);
  const receivers = sources.receiversOf(take);
  assert.equal(receivers.tabs, "tab of first, tab of same");
  deliver(take, receivers, 7);
  assert.deepEqual(first!.takes[0], same!.takes[0]);
  assert.ok(first!.takes[0]!.items.length > 0, "each has items of its own");
  sources.line(DEVICE, ONLINE);
  assert.deepEqual([first!.lines, same!.lines], [[ONLINE], [ONLINE]]);
  end();
  endSame();
  assert.equal(sources.settle()[0]?.unit, 3);
  assert.deepEqual(other!.lines.at(-1), ONLINE, "it learns at once how the line is");
});

test("notices go to the notices nodes only", () => {
  let changes = 0;
  const sources = new Sources(() => (changes += 1));
  const [source, notices] = [new FakeSource("source"), new FakeSource("notices")];
  sources.subscribe(SUBSCRIPTION, source);
  const end = sources.subscribeNotices(notices);
  sources.settle();
  assert.deepEqual(sources.receiversOf(noticeTake(1)).nodes, [notices]);
  assert.deepEqual(sources.receiversOf(vitalTake("bed-2/spo2", 1)).nodes, []);
  end();
  assert.deepEqual(sources.receiversOf(noticeTake(1)).nodes, []);
  end();
  assert.equal(changes, 3);
});

test("only what was sealed here, unchanged, is stored; it settles what was sealed", () => {
  const register = new SealedRegister(2);
  const sealer = sealerFor([party("hub-1")]);
  const take = vitalTake(DEVICE, 1, 4);
  const [a, b, c] = [1, 2, 3].map(() => sealer.sealItems("vital", take.items.slice(1, 3)));
  const middle = new KeptSoFar();
  for (const item of take.items.slice(1, 3)) {
    middle.add(item);
  }
  register.add("vital", a!, middle.items);
  const { kept } = register.find(Buffer.from(a!.bytes), a!.salt);
  assert.deepEqual(kept, [{ key: keyOf(take), indices: 0b0110 }]);
  const changed = Uint8Array.from(a!.bytes);
  changed[20]! ^= 1;
  for (const [bytes, salt] of [
    [changed, a!.salt],
    [a!.bytes, b!.salt],
    [a!.bytes, undefined],
  ] as const) {
    assert.equal(
      wardCode(() => register.find(bytes, salt)),
      "WARD_NOT_SEALED",
    );
  }
  register.add("vital", b!, []);
  register.add("vital", c!, []);
  assert.equal(
    wardCode(() => register.find(a!.bytes, a!.salt)),
    "WARD_NOT_SEALED",
  );
});

test("the board shows the newest value of each series and is bounded", () => {
  const board = new Board(2);
  board.show([reading({ take: 5, text: "new" }), reading({ take: 4, text: "old" })]);
  assert.equal(board.content().readings[0]?.text, "new");
  board.show([reading({ take: 6, at: 4, text: "newer, by a clock that was set back" })]);
  assert.match(board.content().readings[0]?.text ?? "", /newer/);
  board.show([reading({ code: "MDC_B" }), reading({ code: "MDC_C" })]);
  assert.deepEqual(
    board.content().readings.map(({ code }) => code),
    ["MDC_B", "MDC_C"],
  );
  board.show(noticeTake(1).items);
  assert.equal(board.content().notices.length, 1);
});

test("what was asked of a keeper that went is asked of the next; nobody waits for ever", async () => {
  let id = 0;
  const documents = new Documents({ nextId: () => (id += 1), waitMs: 50 });
  const asked: FlowhostToKeeper[] = [];
  const loading = documents.load("flows");
  documents.attach((question) => asked.push(question));
  documents.attach((question) => asked.push(question));
  assert.deepEqual(asked[0], asked[1]);
  assert.equal(documents.answered(1, Buffer.from("[]")), true);
  assert.equal(documents.answered(1, Buffer.from("[]")), false);
  assert.equal(await loading, "[]");
  const saving = documents.save("flows", "[]");
  documents.failed(2, "WARD_OUTBOX_WRITE", "Cannot save.");
  await assert.rejects(saving, { code: "WARD_OUTBOX_WRITE" });
  documents.detach();
  await assert.rejects(documents.load("flows"), { code: "WARD_KEEPER_SILENT" });
  await assert.rejects(documents.save("flows", "x".repeat(9 * 2 ** 20)), {
    code: "WARD_DOCUMENT_LARGE",
  });
});

test("a stall does not count as time in which a flow could run", () => {
  let now = 1000;
  const clock = new FlowClock(() => now, 500);
  assert.equal(clock.tick(), 0);
  now += 300;
  assert.equal(clock.tick(), 300);
  now += 60_000;
  assert.equal(clock.tick(), 800);
  now -= 10;
  assert.equal(clock.tick(), 800);
});

test("news of the outbox come at once and then not more often than allowed", async () => {
  const watch = new OutboxWatch(20);
  const heard: number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = watch.watch(({ classes }) => {
    heard.push(classes["vital"]?.batches ?? 0);
    if (heard.at(-1) === 3) {
      resolve();
    }
  });
  for (const batches of [1, 2, 3]) {
    watch.update({ connected: true, classes: { vital: { batches, bytes: 1, oldestAt: null } } });
  }
  await promise;
  assert.deepEqual(heard, [0, 1, 3]);
  end();
  watch.lost();
  assert.equal(heard.length, 3);
  watch.close();
});

test("the log keeps the last lines, each once in a row and on one line", () => {
  const log = new FlowLog();
  log.add("a\nb");
  log.add("a b");
  for (let line = 0; line < 100; line += 1) {
    log.add(`line ${line} ${"x".repeat(1000)}`);
  }
  assert.equal(log.lines().length, 40);
  assert.ok(log.lines().every((line) => line.length <= 300));
});

test("the stack of an error names the node file", () => {
  const error = new Error("x");
  const at = (file: string): string => `Error: x\n    at f (file:///app/${file}:3:4)`;
  for (const [file, name] of [
    ["nodes/ward-filter/ward-filter.ts", "ward-filter"],
    ["node_modules/@node-red/nodes/core/function/15-change.js", "15-change"],
    ["node_modules/@node-red/runtime/lib/nodes/Node.js", null],
    ["gateway/errors.ts", null],
  ] as const) {
    error.stack = at(file);
    assert.equal(blame(error), name);
  }
  assert.equal(blame("text"), null);
});

test("the editor answers on a socket that was handed over, also before Node-RED is there", async (context) => {
  const editor = new Editor({
    "GET /ward/board": () => ({ here: true }),
    "/ward/broken": () => Promise.reject(new Error("no")),
  });
  context.after(() => editor.close());
  const ask = async (path: string, method = "GET"): Promise<[number, string]> => {
    const server = createServer((socket) => editor.accept(socket)).listen(0, "127.0.0.1");
    context.after(() => server.close());
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const near = await awaitReady(connect(port, "127.0.0.1"));
    const sent = request({ path, method, createConnection: () => near }).end();
    const [response] = await once(sent, "response");
    let text = "";
    for await (const chunk of response) {
      text += String(chunk);
    }
    near.destroy();
    return [response.statusCode, text];
  };
  assert.deepEqual(await ask("/ward/board?x=1"), [200, '{"here":true}']);
  assert.equal((await ask("/ward/broken"))[0], 503);
  assert.equal((await ask("/"))[0], 503);
  editor.mount((_request, response) => void response.end("red"));
  assert.deepEqual(await ask("/"), [200, "red"]);
  assert.deepEqual(await ask("/ward/board", "POST"), [200, "red"]);
});

test("a link that broke, or is missing for long, is fatal; one that comes back is not", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const said: string[] = [];
  const watch = new LinkWatch((error) => {
    said.push(error.message);
    resolve();
  }, 20);
  watch.ended("bedside", null);
  watch.linked("bedside");
  watch.ended("keeper", null);
  watch.ended("keeper", null);
  // The watch alone does not keep a process alive.
  const alive = setTimeout(() => undefined, 10_000);
  await promise;
  clearTimeout(alive);
  assert.equal(said.length, 1);
  assert.match(said[0]!, /keeper/);
  watch.ended("bedside", new WardError("WARD_ROOM_MESSAGE", "broken"));
  assert.equal(said[1], "broken");
});

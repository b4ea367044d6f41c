import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import type { ReadRequest } from "../../../gateway/lines/modbus-frames.ts";
import { readTcpRequests } from "../../../gateway/lines/modbus-frames.ts";
import type { ReadResult } from "../../../gateway/lines/modbus-link.ts";
import { TcpMaster, TransactionNumbers } from "../../../gateway/lines/modbus-tcp.ts";
import type { Wire } from "../../../gateway/lines/modbus-wire.ts";
import { StillClock } from "../../fakes/still-clock.ts";

const REPLY_MS = 300;

/** A result whose values were read. */
type SeenResult =
  | Exclude<ReadResult, { kind: "values" }>
  | { readonly kind: "values"; readonly values: readonly number[] };

/** A connection whose other end is the test. */
class Peer {
  readonly sent: Buffer[] = [];
  readonly results: (SeenResult | null)[] = [];
  readonly master: TcpMaster;
  closed = false;
  readonly #wire: Wire;

  constructor(numbers = new TransactionNumbers()) {
    this.#wire = {
      onBytes: () => undefined,
      onEnd: () => undefined,
      write: (bytes) => void this.sent.push(Buffer.from(bytes)),
      close: async () => {
        this.closed = true;
      },
    };
    this.master = new TcpMaster(this.#wire, REPLY_MS, numbers);
  }

  /** Asks in one piece; results appear in `results` in the order of the requests. */
  ask(...requests: readonly ReadRequest[]): void {
    const from = this.results.length;
    this.results.push(...requests.map(() => null));
    this.master.ask(
      requests.map((request, place) => ({
        request,
        done: (result) => {
          assert.equal(this.results[from + place], null, "told twice");
          this.results[from + place] =
            result.kind === "values"
              ? { kind: "values", values: result.values.slice(0, request.count) }
              : result;
        },
      })),
    );
  }

  reply(...frames: readonly Buffer[]): void {
    this.#wire.onBytes(Buffer.concat(frames));
  }

  get kinds(): (string | undefined)[] {
    return this.results.map((result) => result?.kind);
  }
}

const A: ReadRequest = { unit: 3, function: 3, address: 10, count: 2 };
const B: ReadRequest = { unit: 3, function: 4, address: 20, count: 3 };
const C: ReadRequest = { unit: 4, function: 1, address: 30, count: 11 };

/** The reply to a request as the standard has it, written apart from the code under test. */
function replyTo(transaction: number, request: ReadRequest): Buffer {
  const bytes = request.function <= 2 ? Math.ceil(request.count / 8) : 2 * request.count;
  const data = Array.from({ length: bytes }, (_, place) => 16 * request.unit + place);
  return Buffer.from([
    transaction >> 8,
    transaction & 0xff,
    0,
    0,
    0,
    3 + bytes,
    request.unit,
    request.function,
    bytes,
    ...data,
  ]);
}

test("requests leave in one piece, numbered one after the other, and nothing but reads", () => {
  const peer = new Peer();
  peer.ask(A, B, C);
  assert.equal(peer.sent.length, 1);
  assert.deepEqual(readTcpRequests(peer.sent[0]!), [A, B, C]);
  assert.deepEqual(
    [0, 12, 24].map((at) => peer.sent[0]!.readUInt16BE(at)),
    [1, 2, 3],
  );
  for (const code of [0, 5, 6, 15, 16, 22, 23, 43, 131]) {
    assert.throws(() => peer.ask({ ...A, function: code as 3 }), {
      code: "WARD_MODBUS_NOT_A_READ",
    });
  }
  assert.throws(() => peer.ask({ ...A, count: 126 }), { code: "WARD_MODBUS_NOT_A_READ" });
  assert.equal(peer.sent.length, 1);
});

test("replies belong to their requests in any order and cut anywhere", () => {
  const orders = [
    [0, 1, 2],
    [2, 1, 0],
    [1, 2, 0],
  ];
  for (const order of orders) {
    for (const cut of [1, 2, 5, 9, 100]) {
      const peer = new Peer();
      peer.ask(A, B, C);
      const frames = order.map((place) => replyTo(place + 1, [A, B, C][place]!));
      const bytes = Buffer.concat(frames);
      for (let from = 0; from < bytes.length; from += cut) {
        peer.reply(bytes.subarray(from, from + cut));
      }
      assert.deepEqual(peer.results, [
        { kind: "values", values: [0x3031, 0x3233] },
        { kind: "values", values: [0x3031, 0x3233, 0x3435] },
        { kind: "values", values: [0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0] },
      ]);
      assert.equal(peer.closed, false);
    }
  }
});

test("an exception answers its request alone", () => {
  const peer = new Peer();
  peer.ask(A, B);
  peer.reply(Buffer.from("000200000003038402", "hex"), replyTo(1, A));
  assert.deepEqual(peer.results, [
    { kind: "values", values: [0x3031, 0x3233] },
    { kind: "exception", code: 2 },
  ]);
});

test("a reply with any change to its header, or to its length, is refused and ends the connection", () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 8 }),
      fc.integer({ min: 1, max: 255 }),
      fc.constantFrom("change", "drop", "add"),
      (place, difference, how) => {
        const peer = new Peer();
        peer.ask(A, B);
        const good = replyTo(1, A);
        const bad = [...good];
        if (how === "change") {
          bad[place] = (bad[place] ?? 0) ^ difference;
        } else {
          bad.splice(place, how === "drop" ? 1 : 0, ...(how === "drop" ? [] : [difference]));
        }
        // A byte more that equals the byte count only moves the data, which nothing in the frame can tell.
        fc.pre(how !== "add" || place < 8);
        fc.pre(Buffer.compare(Buffer.from(bad).subarray(0, good.length), good) !== 0);
        // Enough bytes behind it that it never waits for more.
        peer.reply(Buffer.from([...bad, ...replyTo(2, B), ...replyTo(2, B), ...replyTo(2, B)]));
        assert.ok(!peer.kinds.includes("values"), String(peer.kinds));
        assert.equal(peer.kinds.filter((kind) => kind === "bad").length, 1);
        assert.ok(peer.closed && peer.master.spent);
      },
    ),
    { numRuns: 2000 },
  );
});

test("late, double and foreign replies are refused, and say so", () => {
  const cases: readonly [string, (peer: Peer) => void][] = [
    ["twice", (peer) => peer.reply(replyTo(1, A), replyTo(1, A))],
    ["nobody asked", (peer) => peer.reply(replyTo(1, A), replyTo(9, B))],
    ["number 0", (peer) => peer.reply(replyTo(1, A), replyTo(0, B))],
    ["that of the other", (peer) => peer.reply(replyTo(1, A), replyTo(2, A))],
  ];
  for (const [what, act] of cases) {
    const peer = new Peer();
    peer.ask(A, B);
    act(peer);
    assert.deepEqual(peer.kinds, ["values", "bad"], what);
    assert.ok(peer.closed);
    // Nothing that still comes counts.
    peer.reply(replyTo(2, B));
    assert.deepEqual(peer.kinds, ["values", "bad"], what);
  }
});

test("numbers go on over connections, and none comes twice on one", () => {
  const numbers = new TransactionNumbers();
  const first = new Peer(numbers);
  first.ask(A);
  const second = new Peer(numbers);
  second.ask(A);
  // A gateway that sends the reply to the old connection's request over the new one.
  second.reply(replyTo(1, A));
  assert.deepEqual(second.kinds, ["bad"]);
  const third = new Peer(numbers);
  const seen = new Set<number>();
  for (let count = 0; !third.master.spent; count += 1) {
    third.ask(A);
    const number = third.sent.at(-1)!.readUInt16BE(0);
    assert.ok(!seen.has(number) && number > 0);
    seen.add(number);
    third.reply(replyTo(number, A));
  }
  assert.ok(seen.size > 65_000);
});

test("each request has its time once those before it are answered", () => {
  using clock = new StillClock();
  const peer = new Peer();
  peer.ask(A, B, C);
  clock.pass(0.7 * REPLY_MS);
  peer.reply(replyTo(1, A));
  clock.pass(0.7 * REPLY_MS);
  assert.deepEqual(peer.kinds, ["values", undefined, undefined]);
  clock.pass(0.6 * REPLY_MS);
  assert.deepEqual(peer.kinds, ["values", "timeout", "abandoned"]);
  assert.ok(peer.closed, "nobody has answered since");
});

test("a request that is not answered while others are does not end the connection", () => {
  using clock = new StillClock();
  const peer = new Peer();
  peer.ask(C);
  for (let turn = 0; turn < 8; turn += 1) {
    peer.ask(A);
    peer.reply(replyTo(turn + 2, A));
    clock.pass(REPLY_MS / 4);
  }
  assert.deepEqual(peer.kinds, ["timeout", ...Array.from({ length: 8 }, () => "values")]);
  assert.deepEqual(peer.results[0], { kind: "timeout", bytes: 0 });
  assert.ok(!peer.closed);
  // Its late reply is nobody's.
  peer.ask(B);
  peer.reply(replyTo(1, C));
  assert.equal(peer.kinds.at(-1), "bad");
  assert.ok(peer.closed);
});

test("half a reply is a reply that ended too early, and ends the connection", () => {
  using clock = new StillClock();
  const peer = new Peer();
  peer.ask(A);
  peer.reply(replyTo(1, A).subarray(0, 10));
  clock.pass(2 * REPLY_MS);
  assert.deepEqual(peer.results, [{ kind: "timeout", bytes: 10 }]);
  assert.ok(peer.closed);
});

test("half a reply to another request ends nothing", () => {
  using clock = new StillClock();
  const peer = new Peer();
  peer.ask(C);
  clock.pass(0.5 * REPLY_MS);
  peer.ask(A, B);
  peer.reply(replyTo(2, A), replyTo(3, B).subarray(0, 10));
  clock.pass(0.8 * REPLY_MS);
  assert.deepEqual(peer.kinds, ["timeout", "values", undefined]);
  peer.reply(replyTo(3, B).subarray(10));
  assert.deepEqual(peer.kinds, ["timeout", "values", "values"]);
  assert.ok(!peer.closed);
});

test("closing abandons what is under way", async () => {
  const peer = new Peer();
  peer.ask(A, B);
  await peer.master.close();
  assert.deepEqual(peer.kinds, ["abandoned", "abandoned"]);
});

test("random bytes never become values and never throw", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }), (pieces) => {
      const peer = new Peer();
      peer.ask(A, B, C);
      for (const piece of pieces) {
        peer.reply(Buffer.from(piece));
      }
      assert.ok(!peer.kinds.includes("values"));
      void peer.master.close();
    }),
    { numRuns: 2000 },
  );
});

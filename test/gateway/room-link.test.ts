import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";

import fc from "fast-check";

import type { WardError } from "../../gateway/errors.ts";
import { frameHead, FrameReader } from "../../gateway/room-frames.ts";
import { RoomLink } from "../../gateway/room-link.ts";
import { socketPair } from "../../gateway/socket-pair.ts";

interface Said {
  readonly n: number;
  readonly text: string;
}

function parse(value: unknown): Said {
  if (typeof value === "object" && value !== null && "n" in value && "text" in value) {
    return { n: Number(value.n), text: String(value.text) };
  }
  throw new TypeError("not a message");
}

test("messages and blobs arrive whole and in order, however large", async () => {
  const [a, b] = await socketPair();
  const heard: { message: Said; blobs: string[] }[] = [];
  let done = (): void => undefined;
  const all = new Promise<void>((resolve) => {
    done = resolve;
  });
  const right = new RoomLink<Said, Said>(b, {
    parse,
    onMessage: (message, blobs) => {
      heard.push({ message, blobs: blobs.map((blob) => Buffer.from(blob).toString("hex")) });
      if (heard.length === 60) {
        done();
      }
    },
    onClose: () => undefined,
  });
  const left = new RoomLink<Said, Said>(a, {
    parse,
    onMessage: () => undefined,
    onClose: () => undefined,
  });
  const sent: typeof heard = [];
  for (let n = 0; n < 60; n += 1) {
    const message = { n, text: "ä".repeat((n * 3571) % 70_000) };
    const blobs = Array.from({ length: n % 4 }, (_, place) =>
      Buffer.alloc((n * 977 * place) % 90_000, n),
    );
    sent.push({ message, blobs: blobs.map((blob) => blob.toString("hex")) });
    left.send(message, blobs);
    if (left.full) {
      await left.drained();
    }
  }
  await all;
  assert.deepEqual(heard, sent);
  left.close();
  right.close();
});

test("whatever bytes come, the link ends with a reason or waits; it never throws", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 6, maxLength: 200 }), async (bytes) => {
      const [a, b] = await socketPair();
      let reason: WardError | null | undefined;
      const link = new RoomLink<Said, Said>(b, {
        parse,
        onMessage: () => assert.fail("made a message of noise"),
        onClose: (why) => {
          reason = why;
        },
      });
      const closed = once(b, "close");
      a.on("error", () => undefined);
      a.end(bytes);
      await closed;
      assert.ok(link.closed);
      assert.notEqual(reason, undefined);
    }),
    { numRuns: 50 },
  );
});

/** Why the reader ended a link over which `bytes` came. */
async function endOf(
  bytes: readonly Uint8Array[],
  options: { readonly jsonBytesMax?: number } = {},
): Promise<string | undefined> {
  const [a, b] = await socketPair();
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const link = new RoomLink<Said, Said>(b, {
    parse,
    onMessage: () => resolve("a message"),
    onClose: (reason) => resolve(reason?.code),
    ...options,
  });
  a.on("error", () => undefined);
  bytes.forEach((part) => a.write(part));
  const why = await promise;
  a.destroy();
  link.close();
  return why;
}

/** The head of a frame, whose JSON and blobs are still to come. */
function headOf(jsonBytes: number, blobs: readonly number[]): Buffer {
  const head = Buffer.alloc(6 + 4 * blobs.length);
  head.writeUInt32BE(jsonBytes, 0);
  head.writeUInt16BE(blobs.length, 4);
  blobs.forEach((bytes, place) => head.writeUInt32BE(bytes, 6 + 4 * place));
  return head;
}

test("a frame that announces too much ends the link before any of it is read", async () => {
  const blob = 8 * 2 ** 20;
  assert.equal(await endOf([headOf(2, [blob, blob, blob])]), "WARD_LINK_OVERSIZE");
  assert.equal(
    await endOf([
      headOf(
        2,
        Array.from({ length: 1024 }, () => blob),
      ),
    ]),
    "WARD_LINK_OVERSIZE",
  );
  assert.equal(await endOf([headOf(2, [blob + 1])]), "WARD_LINK_OVERSIZE");
  assert.equal(
    await endOf([
      headOf(
        2,
        Array.from({ length: 1025 }, () => 0),
      ),
    ]),
    "WARD_LINK_OVERSIZE",
  );
  assert.equal(await endOf([headOf(2 ** 20 + 1, [])]), "WARD_LINK_OVERSIZE");
});

test("how much JSON a frame may have is decided for each direction", async () => {
  const json = Buffer.from(JSON.stringify({ n: 1, text: "x".repeat(2 ** 20) }));
  const frame = [headOf(json.length, []), json];
  assert.equal(await endOf(frame), "WARD_LINK_OVERSIZE");
  assert.equal(await endOf(frame, { jsonBytesMax: 2 * 2 ** 20 }), "a message");
  assert.equal(await endOf(frame, { jsonBytesMax: 1000 }), "WARD_LINK_OVERSIZE");
});

test("a frame is held once, in however many pieces it comes", () => {
  const json = Buffer.from('{"n":1}');
  const blobs = [Buffer.alloc(300, 1), Buffer.alloc(0), Buffer.alloc(5000, 2)];
  const bytes = Buffer.concat([frameHead(json, blobs), json, ...blobs]);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 4000 }), { maxLength: 40 }), (cuts) => {
      const reader = new FrameReader(1000);
      const stream = Buffer.concat([bytes, bytes, bytes]);
      const frames: string[] = [];
      let from = 0;
      for (const cut of [...cuts, stream.length]) {
        reader.push(stream.subarray(from, from + cut));
        from += cut;
        for (let frame = reader.next(); frame !== null; frame = reader.next()) {
          frames.push(Buffer.concat([frame.json, ...frame.blobs]).toString("hex"));
        }
      }
      const whole = Buffer.concat([json, ...blobs]).toString("hex");
      assert.deepEqual(frames, [whole, whole, whole]);
    }),
  );
});

test("a paused link gives out nothing, not even what has come, until it is resumed", async () => {
  const [a, b] = await socketPair();
  const heard: number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const right = new RoomLink<Said, Said>(b, {
    parse,
    onMessage: ({ n }) => {
      heard.push(n);
      if (n === 3 || n === 7) {
        right.pause();
        setImmediate(() => {
          assert.equal(heard.at(-1), n, "nothing came while it was paused");
          right.resume();
        });
      }
      if (n === 5) {
        right.pause();
        right.resume();
      }
      if (n === 19) {
        resolve();
      }
    },
    onClose: () => undefined,
  });
  const left = new RoomLink<Said, Said>(a, {
    parse,
    onMessage: () => undefined,
    onClose: () => undefined,
  });
  for (let n = 0; n < 20; n += 1) {
    left.send({ n, text: "" });
  }
  await promise;
  assert.deepEqual(
    heard,
    Array.from({ length: 20 }, (_, place) => place),
  );
  left.close();
  right.close();
});

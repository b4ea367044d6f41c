import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";

import fc from "fast-check";

import type { WardError } from "../../gateway/errors.ts";
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

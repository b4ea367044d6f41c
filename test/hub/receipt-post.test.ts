import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mock, test } from "node:test";

import { ReceiptPost } from "../../hub/receipt-post.ts";

const KEY = generateKeyPairSync("ed25519").privateKey;

test("receipts of live records gather for a quarter of a second, those of a backlog go on at once", async (t) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  let now = 1_000_000;
  t.mock.method(performance, "now", () => now);
  t.after(() => mock.timers.reset());
  const sent: string[] = [];
  const post = new ReceiptPost({
    provenFrom: ({ sequence }) => sequence,
    key: KEY,
    now: () => 1_795_475_502_000,
    isUp: () => true,
    publish: async (topic) => void sent.push(topic),
  });
  let sequence = 0;
  const committed = (isBacklog: boolean): void => {
    sequence += 1;
    post.book.committed({ gateway: "ward-3", store: "00".repeat(8), class: "vital", sequence });
    post.schedule(isBacklog);
  };
  const pass = async (ms: number): Promise<number> => {
    now += ms;
    mock.timers.tick(ms);
    await new Promise<void>((resolve) => setImmediate(resolve));
    return sent.length;
  };
  committed(false);
  assert.equal(await pass(1), 1, "the first one goes at once");
  committed(false);
  committed(false);
  assert.equal(await pass(240), 1);
  assert.equal(await pass(10), 2, "what came meanwhile goes together");
  committed(false);
  committed(true);
  assert.equal(await pass(40), 2);
  assert.equal(await pass(10), 3, "a backlog is told sooner");
  committed(false);
  assert.equal(await pass(240), 3, "and afterwards it is calm again");
  assert.equal(await pass(10), 4);
});

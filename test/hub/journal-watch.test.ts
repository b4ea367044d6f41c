import assert from "node:assert/strict";
import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { after, before, test } from "node:test";

import fc from "fast-check";

import { GATEWAY_FILES } from "../../gateway/identity/site-files.ts";
import { signCheckpoint } from "../../gateway/journal/checkpoint.ts";
import { leafHash } from "../../gateway/journal/merkle.ts";
import {
  readJournalQuestion,
  writeJournalMessage,
  writeJournalQuestion,
} from "../../gateway/journal/message.ts";
import { JournalTree } from "../../gateway/journal/tree.ts";
import { JournalWatch } from "../../hub/journal-watch.ts";
import { SqliteCheckpoints } from "../../hub/sqlite-checkpoints.ts";
import { prepareSqlite } from "../../hub/sqlite-schema.ts";
import { JournalPost } from "../../gateway/keeper/journal-post.ts";
import { freshJournal, openJournal, rejected } from "../fakes/journal-kit.ts";
import { GATEWAY, makeHubSite, type HubSite } from "../fakes/hub-kit.ts";

let site: HubSite;
let key: KeyObject;
let binding: Uint8Array;
before(async () => {
  site = await makeHubSite();
  const { gatewayDirectory } = site.site;
  key = createPrivateKey(readFileSync(join(gatewayDirectory, GATEWAY_FILES.signingKey)));
  binding = readFileSync(join(gatewayDirectory, GATEWAY_FILES.binding));
});
after(() => site.remove());

/** A journal's tree whose entries are told apart by `story`, from entry `from` on. */
function treeOf(size: number, story = "a", from = 0): JournalTree {
  const leaves = Array.from({ length: size }, (_, place) =>
    leafHash(Buffer.from(`${place < from ? "a" : story} ${place}`)),
  );
  return new JournalTree({ roots: [], leaves, entries: async () => null });
}

async function messageOf(
  tree: JournalTree,
  old: number,
  more: { answer?: string; signer?: KeyObject; gateway?: string } = {},
): Promise<Uint8Array> {
  const { size, root } = tree;
  const proof = (await tree.consistency(old)) ?? [];
  const note = signCheckpoint({ gateway: more.gateway ?? GATEWAY, size, root }, more.signer ?? key);
  return writeJournalMessage({ note, old, proof, binding, answer: more.answer ?? null });
}

interface Watched {
  readonly watch: JournalWatch;
  readonly asked: { size: number; token: string }[];
  readonly notices: string[];
  readonly kept: () => Promise<string[]>;
  readonly take: (...messages: (Uint8Array | Promise<Uint8Array>)[]) => Promise<void>;
}

function watched(steady: () => number = () => performance.now()): Watched {
  const database = new DatabaseSync(":memory:");
  prepareSqlite(database, false);
  const store = new SqliteCheckpoints(database);
  const asked: { size: number; token: string }[] = [];
  const notices: string[] = [];
  const watch = new JournalWatch({
    store,
    trust: () => site.identity,
    now: Date.now,
    steady,
    ask: (gateway, payload) => {
      assert.equal(gateway, GATEWAY);
      asked.push(readJournalQuestion(payload));
    },
    onNotice: (code, text) => notices.push(`${code} ${text}`),
  });
  return {
    watch,
    asked,
    notices,
    kept: async () =>
      (await store.list(GATEWAY, 0)).map(({ line, size, verdict }) => `${line} ${size} ${verdict}`),
    take: async (...messages) => {
      for (const message of messages) {
        watch.take(GATEWAY, await message);
      }
      await watch.settled();
    },
  };
}

test("checkpoints that follow each other are kept; the same and an older one change nothing", async () => {
  const { take, kept, notices, asked } = watched();
  const first = await messageOf(treeOf(3), 0);
  await take(first, messageOf(treeOf(7), 3), first, messageOf(treeOf(7), 7));
  await take(messageOf(treeOf(8), 7));
  assert.deepEqual(await kept(), ["0 3 first", "0 7 consistent", "0 8 consistent"]);
  assert.deepEqual([notices, asked], [[], []]);
});

test("what was missed is asked for, and proven", async () => {
  const { take, kept, notices, asked } = watched();
  await take(messageOf(treeOf(3), 0), messageOf(treeOf(20), 11), messageOf(treeOf(21), 20));
  assert.deepEqual(await kept(), ["0 3 first", "0 20 unproven"]);
  assert.equal(asked.length, 1, "not again at once");
  assert.equal(asked[0]?.size, 3);
  await take(messageOf(treeOf(21), 3, { answer: asked[0]?.token ?? "" }));
  assert.deepEqual(await kept(), ["0 3 first", "0 20 unproven", "0 21 consistent"]);
  assert.deepEqual(notices, []);
});

test("a rewritten, cut, or exchanged journal is told, and watched on", async () => {
  const told = /WARD_HUB_JOURNAL_REWRITTEN The journal of gateway gw-001 was rewritten\. On 2/;
  const sameLength = watched();
  await sameLength.take(messageOf(treeOf(9), 0), messageOf(treeOf(9, "b", 4), 5));
  assert.match(sameLength.notices.join(), told);
  const longer = watched();
  await longer.take(messageOf(treeOf(9), 0), messageOf(treeOf(12, "b", 8), 9));
  assert.deepEqual(longer.notices, [], "before it is said the gateway may prove it");
  await longer.take(messageOf(treeOf(12, "b", 8), 9, { answer: longer.asked[0]?.token ?? "" }));
  assert.deepEqual(await longer.kept(), ["0 9 first", "0 12 unproven", "1 12 rewritten"]);
  assert.match(longer.notices.join(), told);
  await longer.take(messageOf(treeOf(14, "b", 8), 12));
  assert.deepEqual((await longer.kept()).at(-1), "1 14 consistent");
  assert.equal(longer.notices.length, 1);
  const cut = watched();
  await cut.take(messageOf(treeOf(9), 0), messageOf(treeOf(5), 0));
  assert.deepEqual([cut.notices, cut.asked.length], [[], 1], "a broker may have kept an old one");
  await cut.take(messageOf(treeOf(6), 0, { answer: cut.asked[0]?.token ?? "" }));
  assert.match(cut.notices.join(), /it had 9 entries; now it has 6/);
  const stolen = watched();
  await stolen.take(messageOf(treeOf(9), 0), messageOf(treeOf(30, "b"), 29));
  await stolen.take(messageOf(treeOf(30, "b"), 0, { answer: stolen.asked[0]?.token ?? "" }));
  assert.match(stolen.notices.join(), /cannot be compared/);
  assert.deepEqual(await stolen.kept(), ["0 9 first", "0 30 unproven", "1 30 unprovable"]);
});

test("a gateway that floods has its own messages left, not those of others", async () => {
  const { watch, take, kept, notices } = watched();
  const garbage = Buffer.alloc(65_000, 1);
  for (let count = 0; count < 1000; count += 1) {
    watch.take("gw-666", garbage);
  }
  await take(messageOf(treeOf(3), 0));
  assert.deepEqual(await kept(), ["0 3 first"]);
  assert.equal(notices.length, 64);
});

test("a gateway that never answers is told of, and cannot fill the store", async () => {
  let now = 0;
  const { take, kept, notices, asked } = watched(() => now);
  await take(messageOf(treeOf(9), 0));
  for (let size = 10; size < 60; size += 1) {
    await take(messageOf(treeOf(size, "b"), size - 1));
  }
  assert.deepEqual(await kept(), ["0 9 first", "0 10 unproven"], "one for a question");
  for (let size = 60; notices.length === 0; size += 1) {
    now += 20_000;
    assert.ok(now < 1_000_000, "it is told in the end");
    await take(messageOf(treeOf(size, "b"), size - 1));
  }
  assert.match(notices.join(), /REWRITTEN .*cannot be compared/);
  assert.ok(asked.length >= 10, `${asked.length} questions`);
  assert.match((await kept()).at(-1) ?? "", /^1 \d+ unprovable$/);
});

test("what the gateway has not signed is refused, told, and not kept", async () => {
  const { take, kept, notices } = watched();
  await take(messageOf(treeOf(3), 0));
  const stranger = generateKeyPairSync("ed25519").privateKey;
  await take(messageOf(treeOf(4), 3, { signer: stranger }));
  await take(messageOf(treeOf(4), 3, { gateway: "gw-002" }));
  assert.deepEqual(await kept(), ["0 3 first"]);
  assert.equal(notices.length, 2);
  assert.match(notices[0]!, /WARD_HUB_JOURNAL .*gw-001: its signature is wrong/);
  const good = await messageOf(treeOf(4), 3);
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat(255), fc.nat(), async (at, byte, length) => {
      const damaged = Uint8Array.from(good);
      damaged[at % damaged.length] = byte;
      await take(damaged, good.subarray(0, length % good.length));
      const lines = await kept();
      assert.ok(
        lines.every((line) => /^0 3 first$|^0 4 (?:consistent|unproven)$/.test(line)),
        lines.join(),
      );
    }),
    { numRuns: 25 },
  );
});

test("a real journal and a hub that was away agree again by themselves, over segments", async () => {
  const { watch, kept, asked, notices } = watched();
  const journal = openJournal(freshJournal());
  let isHubThere = true;
  const published: Uint8Array[] = [];
  const post = new JournalPost({
    gateway: GATEWAY,
    journal: () => journal,
    identity: { signingKey: key, binding },
    publish: async (_topic, payload) => {
      if (isHubThere) {
        watch.take(GATEWAY, payload);
        await watch.settled();
      }
      published.push(payload);
      return 0;
    },
    everyMs: 3_600_000,
    trouble: (error) => assert.fail(String(error)),
  });
  const grow = async (count: number): Promise<void> => {
    await Promise.all(Array.from({ length: count }, (_, place) => journal.append(rejected(place))));
    const { length } = published;
    post.up();
    while (published.length === length) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await grow(9);
  isHubThere = false;
  await grow(700);
  await grow(700);
  isHubThere = true;
  await grow(1);
  assert.deepEqual(
    asked.map(({ size }) => size),
    [10],
  );
  const { size, token } = asked[0]!;
  post.asked(writeJournalQuestion({ size, token }));
  await post.close();
  await journal.close();
  assert.deepEqual(await kept(), ["0 10 first", "0 1411 consistent"]);
  assert.deepEqual(notices, []);
});

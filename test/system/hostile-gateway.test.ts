import assert from "node:assert/strict";
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { HUB_FILES } from "../../gateway/identity/site-files.ts";
import { writeJournalQuestion } from "../../gateway/journal/message.ts";
import { openMqtt, type MqttConnection } from "../../gateway/mqtt/mqtt.ts";
import { type Receipt, signReceipt } from "../../gateway/sealing/receipt.ts";
import { issueHub } from "../../provisioning/ca.ts";
import { DEEP_CBOR, DEEP_JSON, NASTY, ONE_LINE, WIDE_CBOR } from "../fakes/hostile-kit.ts";
import { GATEWAY, TestKeeper, TestSite } from "../fakes/keeper-kit.ts";

/** A gateway's keeper, and a hub with a good certificate that is not the one whose receipts count. */

let site: TestSite;
before(async () => {
  site = await TestSite.make();
  await site.startBroker();
});
after(async () => await site.remove());

async function rogueHub(): Promise<MqttConnection> {
  const { authority } = site.site;
  const { certificate, key } = await issueHub(authority.servers, "hub-666");
  const connection = openMqtt({
    url: `mqtts://127.0.0.1:${site.hubPort}`,
    serverName: "localhost",
    clientId: "hub-666",
    ca: authority.roots.servers,
    cert: certificate,
    key,
    keepaliveS: 60,
  });
  await connection.connect();
  return connection;
}

test("another hub's receipts, questions and announcements, however many, make the gateway give up nothing", async (t) => {
  const keeper = await TestKeeper.start(t, site);
  const flowhost = await keeper.link();
  for (let count = 0; count < 5; count += 1) {
    assert.equal((await flowhost.put(3)).t, "stored");
  }
  const { store, batches } = await keeper.reports(({ connected }) => connected);
  assert.equal(batches, 10);
  const rogue = await rogueHub();
  const say = async (branch: string, payload: Uint8Array): Promise<void> =>
    void (await rogue.publish(`ward/v1/${GATEWAY}/down/${branch}`, payload));
  const all: Receipt = {
    version: 1,
    gateway: GATEWAY,
    store,
    at: Date.now(),
    ranges: { vital: [[1, 1000]], tally: [[1, 1000]] },
    rejects: [],
  };
  const stranger = generateKeyPairSync("ed25519").privateKey;
  const file = join(site.site.hubDirectory, HUB_FILES.receiptKey);
  const real = createPrivateKey(readFileSync(file));
  const rejects = [{ class: "vital", sequence: 1, reason: "open" }] as const;
  const receipts = [
    signReceipt(all, stranger),
    signReceipt({ ...all, ranges: {}, rejects }, stranger),
    // What the right hub has said to another gateway, or to another store of this one.
    signReceipt({ ...all, gateway: "gw-002" }, real),
    signReceipt({ ...all, store: "00".repeat(8) }, real),
    DEEP_CBOR,
    ...WIDE_CBOR,
    Buffer.from(DEEP_JSON),
    Buffer.from(NASTY),
    Buffer.of(),
  ];
  for (const payload of receipts) {
    for (const branch of ["receipt", "need-epoch", "journal", "bundle", "nothing", "__proto__"]) {
      await say(branch, payload);
    }
  }
  for (let count = 0; count < 200; count += 1) {
    await say("need-epoch", Buffer.alloc(64 * 16, count));
    await say("journal", writeJournalQuestion({ size: count, token: "0".repeat(16) }));
    await say("bundle", Buffer.of());
  }
  await rogue.close();
  await flowhost.put(3);
  const after1 = await keeper.reports(({ batches: waiting }) => waiting === 12);
  assert.equal(after1.connected, true);
  const notices = keeper.heard.flatMap((said) => (said.t === "notice" ? [said.notice.text] : []));
  assert.ok(notices.length < 20, `${notices.length} notices`);
  for (const text of notices) {
    assert.match(text, ONE_LINE);
  }
  await keeper.child.stop(5000);

  const hub = await site.startHub();
  const next = await TestKeeper.start(t, site);
  await next.reports((report) => report.batches === 0);
  assert.equal(hub.counters().classes.vital.opened, 18);
  assert.equal(hub.counters().refused + hub.counters().rejected, 0);
  await next.child.stop(5000);
});

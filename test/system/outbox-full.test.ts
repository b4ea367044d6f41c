import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { command as hubCommand } from "../../gateway/commands/hub.ts";
import { valueAt } from "../../gateway/json-value.ts";
import { TestKeeper, TestSite } from "../fakes/keeper-kit.ts";
import { run } from "../gateway/commands/wardgate.ts";

let site: TestSite;

before(async () => {
  site = await TestSite.make();
});

after(async () => {
  await site.remove();
});

test("what a full outbox gave up during an outage is accounted for at the hub, to the last reading", async (t) => {
  const keeper = await TestKeeper.start(t, site, { outboxBytes: 75_000 });
  const flowhost = await keeper.link();
  for (let count = 0; count < 120; count += 1) {
    assert.equal((await flowhost.put(8)).t, "stored");
  }
  const full = await keeper.status();
  assert.ok(Number(valueAt(full, "classes", "vital", "evicted")) > 20);
  await keeper.until(() => noticesOf(keeper).includes("storage-low"));
  assert.ok(noticesOf(keeper).includes("records-evicted"));
  await keeper.child.stop(5000);

  await site.startBroker();
  await site.startHub();
  const drained = await TestKeeper.start(t, site);
  await drained.reports(({ batches }) => batches === 0);
  await drained.child.stop(5000);
  await site.stopHub();
  const args = ["ledger", "--directory", site.site.hubDirectory, "--json"];
  const { code, stdout } = await run(hubCommand, args);
  assert.equal(code, 0, stdout);
  const ledger: unknown = JSON.parse(stdout);
  assert.equal(valueAt(ledger, "totals", "taken"), 960);
  assert.equal(valueAt(ledger, "totals", "unaccounted"), 0);
  const gaps = Number(valueAt(ledger, "totals", "gaps"));
  assert.ok(gaps > 150 && gaps % 8 === 0, stdout);
  assert.equal(valueAt(ledger, "reasons", "evicted"), gaps);
});

function noticesOf(keeper: TestKeeper): string[] {
  return keeper.heard.flatMap((message) => (message.t === "notice" ? [message.notice.notice] : []));
}

import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";

import { command } from "../../gateway/commands/hub.ts";
import type { LedgerReport } from "../../hub/report.ts";
import {
  commitAll,
  FakeGateway,
  makeHubSite,
  openDesk,
  readingsText,
  rowOf,
  takeOf,
  type HubSite,
} from "../fakes/hub-kit.ts";

let hub: HubSite;
before(async () => {
  hub = await makeHubSite();
});
after(() => hub.remove());

/** Runs the verb in this process and gives back what it printed. */
async function run(...args: string[]): Promise<{ code: number; out: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const io = { stdout, stderr, stdin: process.stdin, stop: AbortSignal.timeout(10_000) };
  const code = await command.run(args, io);
  stdout.end();
  return { code, out: await text(stdout) };
}

test("ledger and rebuild tell what the hub holds", async () => {
  const { hubDirectory: directory } = hub.site;
  const desk = await openDesk(hub, directory);
  const gateway = FakeGateway.ofSite(hub);
  const puts = [1, 2, 4].map((take) => {
    const items = takeOf({ device: "bed-1/monitor", take, count: 2 });
    return gateway.put({ batches: [{ class: "vital", items }], takes: [rowOf(items)] });
  });
  await commitAll(desk, [...gateway.epochs(), ...puts.slice(0, 2).flat()]);
  const complete = await run("ledger", "--directory", directory);
  assert.equal(complete.code, 0);
  assert.match(complete.out, /gw-001 bed-1\/monitor +4 +4 +0/);
  await commitAll(desk, puts[2]!);
  const report = await run("ledger", "--directory", directory, "--json");
  assert.equal(report.code, 3);
  const { totals, classes, devices } = JSON.parse(report.out) as LedgerReport;
  assert.deepEqual([totals.taken, totals.kept, totals.unaccounted], [7, 6, 1]);
  assert.equal(classes["unknown"]?.unaccounted, 1);
  assert.equal(devices[0]?.classes["vital"]?.kept, 6);
  const byHour = await run("ledger", "--directory", directory, "--by", "hour");
  assert.match(byHour.out, /\n {2}20\d\d-\d\d-\d\dT\d\d:00 +[67] +6 +0/);
  const beside = await run("readings", "--directory", directory);
  assert.equal(beside.out, readingsText(directory));
  const none = await run("readings", "--directory", directory, "--device", "bed-9");
  assert.equal(none.out, "");
  const later = await run("readings", "--directory", directory, "--from", "2099-01-01");
  assert.equal(later.out, "");
  const all = await run("readings", "--directory", directory, "--to", "2099-01-01");
  assert.equal(all.out.split("\n").length, 7);
  await assert.rejects(run("rebuild", "--directory", directory), { code: "WARD_HUB_BUSY" });
  await desk.close();
  const file = readingsText(directory);
  const rebuilt = await run("rebuild", "--directory", directory, "--json");
  assert.deepEqual(JSON.parse(rebuilt.out), { kind: "rebuilt", records: 6, unreadable: 0 });
  assert.equal(readingsText(directory), file);
});

test("wrong usage is said in one sentence", async () => {
  const usage = { code: "WARD_USAGE" };
  await assert.rejects(run(), usage);
  await assert.rejects(run("--directory", "x"), usage);
  await assert.rejects(run("--directory", "x", "--broker", "nowhere"), usage);
  await assert.rejects(run("audit", "--directory", "x"), usage);
  await assert.rejects(run("--nonsense"), usage);
  await assert.rejects(run("ledger", "--directory", "x", "--by", "week"), usage);
  await assert.rejects(run("readings", "--directory", "x", "--from", "noon"), usage);
  const withPassword = "postgres://hub:secret@localhost/ward";
  const { hubDirectory } = hub.site;
  await assert.rejects(
    run("ledger", "--directory", hubDirectory, "--database", withPassword),
    (error: Error & { code?: string }) =>
      error.code === "WARD_USAGE" && !error.message.includes("secret"),
  );
  await assert.rejects(run("ledger", "--directory", "/nowhere"), { code: "WARD_HUB_IDENTITY" });
});

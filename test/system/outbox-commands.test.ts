import assert from "node:assert/strict";
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { command as hub } from "../../gateway/commands/hub.ts";
import { command } from "../../gateway/commands/outbox.ts";
import { serveControl } from "../../gateway/house/control.ts";
import { readRecord } from "../../gateway/sealing/open.ts";
import { signReceipt } from "../../gateway/sealing/receipt.ts";
import { ParcelWriter, readParcel } from "../../gateway/sealing/parcel.ts";
import type { ParcelCounts } from "../../hub/parcel-intake.ts";
import { GATEWAY, TestKeeper, TestSite, type TestFlowhost } from "../fakes/keeper-kit.ts";
import { signingKeys } from "../fakes/sealing-kit.ts";
import { run } from "../gateway/commands/wardgate.ts";

/** 12 puts, each of a vital record and its tally. */
const PUTS = 12;
const RECORDS = 2 * PUTS;
let site: TestSite;
let data = "";

before(async () => {
  site = await TestSite.make();
  data = site.site.gatewayDirectory;
});

after(async () => {
  await site.remove();
});

test("without a gateway that runs or ran, there is nothing to say", async () => {
  assert.equal((await outbox("status")).code, "WARD_NOT_RUNNING");
  assert.equal((await outbox("verify")).code, "WARD_OUTBOX_OPEN");
  assert.equal((await outbox("salvage")).code, "WARD_OUTBOX_OPEN");
  for (const args of [[], ["empty"], ["export"], ["import"], ["status", "more"]]) {
    assert.equal((await outbox(...args)).code, "WARD_USAGE", args.join(" "));
  }
  assert.equal((await run(command, ["status"])).code, "WARD_USAGE");
  assert.equal((await outbox("status", "--nonsense")).code, "WARD_USAGE");
});

test("a running outbox is asked: status, verify, export; carried to the hub and back, its space is free", async (t) => {
  const keeper = await TestKeeper.start(t, site);
  const control = await serveControl(data, {
    ask: (_, what) => keeper.child.ask(what, 30_000),
    stats: () => ({}),
    facts: () => ({}),
    health: () => ({ state: "good", text: "", forMs: 0 }),
  });
  const flowhost = await keeper.link();
  await putAll(flowhost);

  const status = await outbox("status");
  assert.match(
    status.stdout,
    /Broker: not connected.*\nOutbox: 0\.\d+ of 1024 MiB \(0\.0 %\)\nDisk: \d+ MiB free/,
  );
  assert.match(status.stdout, /\nvital +12 +0\.\d+ .* 0 +evict-old beyond 40 %, 180 days\n/);
  assert.match(status.stdout, /\ntally +12 .* never given up\n/);
  const json = JSON.parse((await outbox("status", "--json")).stdout) as { room: object };
  assert.ok("fullInMs" in json.room && "limit" in json.room);
  const verified = await outbox("verify", "--json");
  assert.equal(verified.code, 0);
  const { good, bad, gateway } = JSON.parse(verified.stdout) as Record<string, unknown>;
  assert.deepEqual([good, bad, gateway], [RECORDS, 0, "running"]);
  assert.match((await outbox("salvage")).stderr, /Stop the gateway first/);

  const file = join(site.directory, "carried.parcel");
  const exported = await outbox("export", "--to", file);
  assert.match(exported.stdout, /^24 records and 1 epoch keys of gw-001 are in carried\.parcel/);
  await assertHoldsAll(file, 0);
  assert.equal((await outbox("export", "--to", file)).code, "WARD_USAGE");
  const imported = await hubImport(file);
  const { committed, rejected, refused, early, complete, code } = imported;
  assert.deepEqual([committed, rejected, refused, early], [RECORDS, 0, 0, 0]);
  assert.deepEqual([complete, code], [true, 0]);
  const again = await hubImport(file);
  assert.deepEqual([again.committed, again.again], [0, RECORDS], "a second time nothing is new");

  const { store } = await keeper.status();
  const forged = join(site.directory, "forged.receipts");
  await forgeReceipts(forged, store);
  assert.equal((await outbox("import", forged)).code, "WARD_RECEIPT");
  assert.equal((await keeper.status()).batches, RECORDS);
  const receipts = `${file}.receipts`;
  assert.match((await outbox("import", receipts)).stdout, /^\d+ receipts are taken/);
  await keeper.reports(({ batches }) => batches === 0);
  truncateSync(receipts, 100);
  assert.equal((await outbox("import", receipts)).code, "WARD_PARCEL");

  await putAll(flowhost);
  control.close();
  await keeper.child.stop(5000);
});

test("a stopped outbox is looked at under its lock; an export that was cut off is gone on with", async () => {
  const verified = JSON.parse((await outbox("verify", "--json")).stdout) as Record<string, unknown>;
  assert.deepEqual([verified["good"], verified["gateway"]], [RECORDS, "stopped"]);

  const file = join(site.directory, "stopped.parcel");
  await outbox("export", "--to", file);
  await assertHoldsAll(file, PUTS);
  const whole = readFileSync(file);
  const part = `${file}.part`;
  for (const length of [200, 2500, Math.floor(whole.length / 2), whole.length - 3]) {
    renameSync(file, part);
    truncateSync(part, length);
    const again = JSON.parse((await outbox("export", "--to", file, "--json")).stdout) as object;
    assert.deepEqual("records" in again && again.records, RECORDS);
    assert.deepEqual(readFileSync(file), whole);
    assert.equal(existsSync(part), false);
  }
  writeFileSync(`${join(site.directory, "other.parcel")}.part`, "something else");
  const other = await outbox("export", "--to", join(site.directory, "other.parcel"));
  assert.equal(other.code, "WARD_PARCEL");
});

test("damage is found, and what is right is saved in a fresh store beside it", async () => {
  const store = join(data, "store");
  const table = readdirSync(store).findLast((name) => name.endsWith(".ldb"))!;
  const bytes = readFileSync(join(store, table));
  bytes[Math.floor(bytes.length / 3)]! ^= 4;
  writeFileSync(join(store, table), bytes);

  const found = await outbox("verify");
  assert.deepEqual([found.code, found.stdout.includes(`${table} is damaged`)], [3, true]);
  const salvaged = await outbox("salvage", "--json");
  const { good, bad, kept } = JSON.parse(salvaged.stdout) as Record<string, unknown>;
  assert.ok(Number(good) > 0 && Number(good) + Number(bad) >= RECORDS - 1, salvaged.stdout);
  assert.equal(salvaged.code, Number(bad) > 0 ? 3 : 0);
  assert.ok(
    readFileSync(join(String(kept), table)).equals(bytes),
    "the damaged store is as it was",
  );
  assert.equal((await outbox("verify")).code, Number(bad) > 0 ? 3 : 0);
  assert.deepEqual(
    readdirSync(data).filter((name) => name.startsWith("store.salvage")),
    [],
  );

  const aside = join(site.directory, "aside.parcel");
  assert.equal((await outbox("export", "--store", String(kept), "--to", aside)).code, 0);
  assert.ok((await recordsIn(aside)).length >= Number(good));
  assert.deepEqual(
    readdirSync(data).filter((name) => name.startsWith("store.export")),
    [],
  );
});

test("a parcel that is not whole is taken as far as it goes, and said so", async () => {
  const file = join(site.directory, "carried.parcel");
  const cut = join(site.directory, "cut.parcel");
  writeFileSync(cut, readFileSync(file).subarray(0, -60));
  const { complete, code, again } = await hubImport(cut);
  assert.deepEqual([complete, code], [false, 3]);
  assert.ok(Number(again) > 0);
  assert.equal((await run(hub, ["import", "--directory", "x"])).code, "WARD_USAGE");
  writeFileSync(cut, "something else");
  assert.equal((await hubImport(cut)).code, "WARD_PARCEL");
});

interface Import extends Partial<ParcelCounts> {
  readonly code: number | string;
}

async function hubImport(file: string): Promise<Import> {
  const { hubDirectory } = site.site;
  const { code, stdout } = await run(hub, ["import", file, "--directory", hubDirectory, "--json"]);
  return { ...(stdout === "" ? {} : (JSON.parse(stdout) as ParcelCounts)), code };
}

async function putAll(flowhost: TestFlowhost): Promise<void> {
  for (let count = 0; count < PUTS; count += 1) {
    assert.equal((await flowhost.put(3)).t, "stored");
  }
}

async function outbox(...args: readonly string[]): ReturnType<typeof run> {
  return run(command, [...args, "--data", data]);
}

/** The file holds everything that was put after so many puts, in order. */
async function assertHoldsAll(file: string, earlier: number): Promise<void> {
  const places = (await recordsIn(file)).map((bytes) => readRecord(bytes).place);
  for (const name of ["vital", "tally"]) {
    const found = places.filter((place) => place.class === name);
    assert.deepEqual(
      found.map(({ sequence }) => sequence),
      Array.from({ length: PUTS }, (_, place) => earlier + place + 1),
    );
  }
}

async function recordsIn(file: string): Promise<Uint8Array[]> {
  const records: Uint8Array[] = [];
  const end = await readParcel(file, async (entry) => {
    if (entry.kind === "record") {
      records.push(entry.bytes);
    }
  });
  assert.ok(end.complete);
  return records;
}

/** A receipt for everything, by a key that is not the hub's. */
async function forgeReceipts(file: string, store: string): Promise<void> {
  const ranges = { vital: [[1, PUTS]], tally: [[1, PUTS]] } as const;
  const receipt = { version: 1, gateway: GATEWAY, store, at: 0, ranges, rejects: [] } as const;
  const writer = await ParcelWriter.create(file, GATEWAY);
  await writer.add({ kind: "receipt", bytes: signReceipt(receipt, signingKeys().privateKey) });
  await writer.finish();
}

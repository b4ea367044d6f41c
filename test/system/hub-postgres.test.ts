import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { freePort } from "../../gateway/demo/ports.ts";
import { Postgres } from "../../hub/postgres.ts";
import { PostgresStore } from "../../hub/postgres-store.ts";
import { readingLines } from "../../hub/readings.ts";
import {
  commitAll,
  FakeGateway,
  freshDirectory,
  identitiesIn,
  makeHubSite,
  openDesk,
  readingsText,
  reportOf,
  rowOf,
  takeOf,
  type GatewayRecord,
  type HubSite,
} from "../fakes/hub-kit.ts";
import { startPostgres, type RunningPostgres } from "../fakes/postgres.ts";
import { chainRecord, storeSuite } from "../hub/store-suite.ts";

const MAIN = fileURLToPath(new URL("../../gateway/main.ts", import.meta.url));

let hub: HubSite;
let postgres: RunningPostgres;
before(async () => {
  hub = await makeHubSite();
  postgres = await startPostgres(await freePort());
});
after(async () => {
  await postgres.stop();
  hub.remove();
});

test("a database of version 2 gets a place for checkpoints, and keeps what it has", async () => {
  const url = postgres.database("version2");
  const old = await PostgresStore.open({ url });
  await old.commit([chainRecord(1)], 1);
  await old.close();
  const database = new Postgres({ url });
  await database.script(
    "DROP TABLE wardgate.checkpoints; UPDATE wardgate.facts SET value = 2 WHERE name = 'version'",
  );
  await database.close();
  const opened = await Promise.all([PostgresStore.open({ url }), PostgresStore.open({ url })]);
  for (const store of opened) {
    assert.equal(await store.lastId(), 1);
    assert.deepEqual(await store.checkpoints.list(null, 0), []);
    await store.close();
  }
});

function putsOf(gateway: FakeGateway, from: number, to: number, count = 3): GatewayRecord[] {
  const records: GatewayRecord[] = [];
  for (let take = from; take <= to; take += 1) {
    const items = takeOf({ device: `bed-${take % 3}/monitor`, take, count });
    records.push(...gateway.put({ batches: [{ class: "vital", items }], takes: [rowOf(items)] }));
  }
  return records;
}

async function readingsOf(store: PostgresStore): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of readingLines({ store, identity: hub.identity, now: Date.now })) {
    pieces.push(Buffer.from(piece));
  }
  return Buffer.concat(pieces).toString("utf8");
}

test("a put is committed once, in a database as in a file, and its views are the same", async () => {
  const url = postgres.database("same");
  const gateway = FakeGateway.ofSite(hub);
  const records = putsOf(gateway, 1, 9);
  const messages = [...gateway.epochs(), ...records, ...records.slice(0, 4)];
  const directories = [freshDirectory(hub), freshDirectory(hub)];
  const outcomes: unknown[] = [];
  const desk = await openDesk(hub, directories[0]!, { store: await PostgresStore.open({ url }) });
  await desk.tick();
  const file = await openDesk(hub, directories[1]!);
  for (const each of [desk, file]) {
    const made = await commitAll(each, messages);
    outcomes.push(made.map((outcome) => ({ ...outcome, opened: null })));
    assert.equal(each.records, 18);
    await each.close();
  }
  assert.deepEqual(outcomes[0], outcomes[1]);
  assert.equal(readingsText(directories[0]!), readingsText(directories[1]!));
  const store = await PostgresStore.open({ url });
  assert.equal(await readingsOf(store), readingsText(directories[0]!));
  const [shared, own] = [await reportOf(hub, store), await reportOf(hub, directories[1]!)];
  assert.equal(shared.totals.kept, 27);
  assert.deepEqual(shared, own);
  await store.close();
});

let databases = 0;
storeSuite("PostgreSQL", async () => {
  databases += 1;
  return await PostgresStore.open({ url: postgres.database(`suite${databases}`) });
});

test("three hubs commit at the same time: each place once, numbered without a hole", async () => {
  const url = postgres.database("race");
  const stores = await Promise.all([1, 2, 3].map(async () => await PostgresStore.open({ url })));
  const records = Array.from({ length: 300 }, (_, place) => chainRecord(place + 1));
  const answers = await Promise.all(
    stores.flatMap((store, turn) =>
      Array.from({ length: 30 }, async (_, step) => {
        const from = ((step * 7 + turn * 3) % 30) * 10;
        return await store.commit(records.slice(from, from + 10), 1);
      }),
    ),
  );
  const ids = answers.flat().flatMap((answer) => ("id" in answer ? [answer.id] : []));
  assert.deepEqual(
    ids.toSorted((a, b) => a - b),
    records.map((_, place) => place + 1),
  );
  const links = await stores[0]!.links(records[0]!, 1, 300);
  assert.deepEqual(
    links.map(({ sequence }) => sequence),
    records.map(({ sequence }) => sequence),
  );
  await Promise.all(stores.map(async (store) => await store.close()));
});

test("an epoch that another hub has taken is found, and receipts reach back over its records", async () => {
  const url = postgres.database("elsewhere");
  const gateway = FakeGateway.ofSite(hub);
  const open = async () =>
    await openDesk(hub, freshDirectory(hub), { store: await PostgresStore.open({ url }) });
  const [one, two] = [await open(), await open()];
  const records = putsOf(gateway, 1, 4);
  const vital = records.filter((record) => record.class === "vital");
  const [early] = await commitAll(one, [vital[0]!]);
  assert.equal(early?.kind, "early");
  const wanted = early.kind === "early" ? [early] : [];
  assert.deepEqual(await one.arrived(wanted), []);
  await commitAll(two, [...gateway.epochs(), vital[0]!, vital[1]!, vital[2]!]);
  assert.equal((await one.arrived(wanted)).length, 1);
  const [again, last] = await commitAll(one, [vital[1]!, vital[3]!]);
  assert.equal(again?.kind, "again");
  assert.equal(last?.kind, "committed");
  const place = { gateway: gateway.id, store: gateway.store, class: "vital" } as const;
  assert.equal(one.provenFrom({ ...place, sequence: 4 }), 1);
  await one.close();
  await two.close();
});

test("only one hub keeps the books, and another takes over from where it saved", async () => {
  const url = postgres.database("books");
  const gateway = FakeGateway.ofSite(hub);
  const open = async () =>
    await openDesk(hub, freshDirectory(hub), { store: await PostgresStore.open({ url }) });
  const [one, two] = [await open(), await open()];
  await one.tick();
  await two.tick();
  const first = putsOf(gateway, 1, 5);
  await commitAll(one, [...gateway.epochs(), ...first]);
  await commitAll(two, putsOf(gateway, 6, 10));
  await one.tick();
  await two.tick();
  assert.equal(one.totals().get("vital")?.items, 30);
  await one.close();
  await commitAll(two, putsOf(gateway, 11, 12));
  await two.tick();
  assert.equal(two.totals().get("vital")?.items, 36);
  await two.close();
  const store = await PostgresStore.open({ url });
  assert.deepEqual(await store.views(), { booked: 24, generation: 0 });
  assert.equal((await reportOf(hub, store)).totals.kept, 36);
  await store.close();
});

test("a rebuild makes the same views again, beside a running hub", async () => {
  const url = postgres.database("again");
  const directory = freshDirectory(hub);
  const desk = await openDesk(hub, directory, { store: await PostgresStore.open({ url }) });
  await desk.tick();
  const gateway = FakeGateway.ofSite(hub);
  const records = putsOf(gateway, 1, 40);
  await commitAll(desk, [...gateway.epochs(), ...records.toReversed()]);
  await desk.tick();
  const store = await PostgresStore.open({ url });
  const old = await readingsOf(store);
  const report = await reportOf(hub, store);
  await store.emptyViews();
  const during = await commitAll(desk, putsOf(gateway, 41, 41));
  assert.equal(during[0]?.kind, "committed");
  await desk.close();
  const fresh = await readingsOf(store);
  assert.equal(digestOf(fresh.slice(0, old.length)), digestOf(old));
  const again = await reportOf(hub, store);
  assert.equal(again.totals.kept, report.totals.kept + 3);
  assert.deepEqual((await store.views()).generation, 1);
  await store.close();
});

test("a database that crashes loses nothing that was committed, and the hub comes back by itself", async () => {
  const url = postgres.database("crash");
  const directory = freshDirectory(hub);
  const troubles: string[] = [];
  const desk = await openDesk(hub, directory, {
    store: await PostgresStore.open({ url }),
    onTrouble: (trouble) => troubles.push(trouble),
  });
  await desk.tick();
  const gateway = FakeGateway.ofSite(hub);
  const records = putsOf(gateway, 1, 12);
  await commitAll(desk, [...gateway.epochs(), ...records.slice(0, 12)]);
  await postgres.crash();
  let outcomes: Awaited<ReturnType<typeof commitAll>> = [];
  while (outcomes.length === 0) {
    try {
      outcomes = await commitAll(desk, records);
    } catch (error) {
      assert.match(String(error), /Cannot commit: Cannot use database crash/);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  assert.equal(outcomes.filter(({ kind }) => kind === "again").length, 12);
  assert.equal(outcomes.filter(({ kind }) => kind === "committed").length, 12);
  while (desk.totals().get("vital")?.items !== 36) {
    await desk.tick();
  }
  await desk.close();
  assert.equal(new Set(identitiesIn(directory)).size, 36);
  assert.equal(identitiesIn(directory).length, 36);
});

test("the password comes from the environment or a file, and stands in no error", async () => {
  const { passwordUrl: url, password } = postgres;
  const withPassword = url.replace("postgres@", `postgres:${encodeURIComponent(password)}@`);
  assert.throws(() => new Postgres({ url: withPassword }), { code: "WARD_USAGE" });
  assert.throws(() => new Postgres({ url: `${url}?password=x` }), { code: "WARD_USAGE" });
  assert.throws(() => new Postgres({ url: "mysql://localhost/x" }), { code: "WARD_USAGE" });
  const passfile = join(hub.root, "passfile");
  writeFileSync(passfile, `127.0.0.1:*:*:postgres:${password.replaceAll(":", "\\:")}\n`);
  chmodSync(passfile, 0o600);
  const cases = [
    { PGPASSWORD: password, code: 0 },
    { PGPASSFILE: passfile, code: 0 },
    { PGPASSWORD: "wrong but secret", code: 1 },
  ];
  for (const { code, ...more } of cases) {
    const args = ["hub", "ledger", "--directory", hub.site.hubDirectory, "--database", url];
    const child = spawn(process.execPath, [MAIN, ...args], {
      env: { ...process.env, PGPASSFILE: "/nowhere", ...more },
      stdio: ["ignore", "ignore", "pipe"],
    });
    const [said, [status]] = await Promise.all([text(child.stderr), once(child, "exit")]);
    assert.equal(status, code, said);
    assert.ok(!said.includes("secret") && !said.includes(password), said);
  }
});

test("a database without fsync is refused; one with lazy commits is made to wait", async () => {
  await postgres.restart(["fsync=off"]);
  await assert.rejects(PostgresStore.open({ url: postgres.url }), /fsync is off/);
  await postgres.restart(["synchronous_commit=off", "full_page_writes=off"]);
  const notices: string[] = [];
  const database = new Postgres({
    url: postgres.url,
    onNotice: (notice) => notices.push(notice),
  });
  const [row] = await database.rows("SELECT current_setting('synchronous_commit') AS setting");
  assert.equal(row?.["setting"], "on");
  assert.match(notices.join(), /full_page_writes is off/);
  await database.close();
  await postgres.restart([]);
});

function digestOf(words: string): string {
  return createHash("sha256").update(words).digest("hex");
}

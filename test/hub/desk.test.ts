import assert from "node:assert/strict";
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import * as fc from "fast-check";

import { makeBinding } from "../../gateway/identity/identity.ts";
import { oneIndex } from "../../gateway/indices.ts";
import type { Desk } from "../../hub/desk.ts";
import type { Message } from "../../hub/parking.ts";
import { issueGateway, issueHub } from "../../provisioning/ca.ts";
import { listFor } from "../provisioning/pki.ts";
import {
  commitAll,
  FakeGateway,
  freshDirectory,
  identitiesIn,
  keptOf,
  makeHubSite,
  openDesk,
  readingsLines,
  readingsText,
  reportOf,
  rowOf,
  takeOf,
  type HubSite,
} from "../fakes/hub-kit.ts";
import { softwareTlsKey } from "../../gateway/identity/key-provider.ts";

let hub: HubSite;
before(async () => {
  hub = await makeHubSite();
});
after(() => hub.remove());

/** A put of one full take of class vital. */
function simplePut(take: number, count = 3) {
  const items = takeOf({ device: "bed-7/monitor", take, count });
  return { batches: [{ class: "vital" as const, items }], takes: [rowOf(items)] };
}

test("a put is opened once, whatever is sent again", async () => {
  const directory = freshDirectory(hub);
  const desk = await openDesk(hub, directory);
  const gateway = FakeGateway.ofSite(hub);
  const records = gateway.put(simplePut(1));
  const first = await commitAll(desk, [...gateway.epochs(), ...records]);
  assert.deepEqual(
    first.map(({ kind }) => kind),
    ["epoch", "committed", "committed"],
  );
  const again = await commitAll(desk, [...records, ...gateway.epochs()]);
  assert.deepEqual(
    again.map(({ kind }) => kind),
    ["again", "again", "epoch"],
  );
  await desk.close();
  assert.equal(identitiesIn(directory).length, 3);
  const { totals } = await reportOf(hub, directory);
  assert.equal(totals.taken, 3);
  assert.equal(totals.kept, 3);
  assert.equal(totals.unaccounted, 0);
  assert.equal(totals.duplicates, 0);
});

test("a reading line has the promised shape", async () => {
  const directory = freshDirectory(hub);
  const desk = await openDesk(hub, directory);
  const gateway = FakeGateway.ofSite(hub);
  const records = gateway.put({ ...simplePut(2, 1), backlog: true });
  await commitAll(desk, [...gateway.epochs(), ...records]);
  await desk.close();
  assert.deepEqual(readingsLines(directory)[0], {
    kind: "reading",
    device: "bed-7/monitor",
    boot: "0123456789abcdef",
    take: 2,
    index: 0,
    code: "MDC_PULS_OXIM_SAT_O2",
    mdc: 150_456,
    value: 60,
    text: "60",
    unit: "%",
    at: 1_795_475_502_598,
    clock: "synchronised",
    deviceAt: null,
    quality: ["valid"],
    path: "1.1.1",
    gateway: "gw-001",
    lane: "backlog",
  });
});

test("a record before its epoch is told apart, and taken when the epoch is here", async () => {
  const desk = await openDesk(hub, freshDirectory(hub));
  const gateway = FakeGateway.ofSite(hub);
  const records = gateway.put(simplePut(1));
  const early = await commitAll(desk, records);
  assert.deepEqual(
    early.map(({ kind }) => kind),
    ["early", "early"],
  );
  await commitAll(desk, gateway.epochs());
  assert.deepEqual(
    (await commitAll(desk, records)).map(({ kind }) => kind),
    ["committed", "committed"],
  );
  await desk.close();
});

test("the same place with other bytes is rejected as a conflict and the first is kept", async () => {
  const directory = freshDirectory(hub);
  const desk = await openDesk(hub, directory);
  const gateway = FakeGateway.ofSite(hub);
  const [one, tally] = gateway.put(simplePut(1));
  await commitAll(desk, [...gateway.epochs(), one!, tally!]);
  const [two] = gateway.put(simplePut(2));
  await commitAll(desk, [two!]);
  gateway.setBack("vital", one!);
  const [fork, forkTally] = gateway.put(simplePut(3));
  const [verdict] = await commitAll(desk, [fork!]);
  assert.equal(verdict?.kind, "rejected");
  assert.equal(verdict?.kind === "rejected" && verdict.reason, "conflict");
  const [after2] = gateway.put(simplePut(4));
  const [broken] = await commitAll(desk, [after2!, forkTally!]);
  assert.equal(broken?.kind === "committed" && broken.fits, false);
  // From a chain that does not hold together nothing is concluded about other records.
  const place = { gateway: gateway.id, store: gateway.store, class: "vital", sequence: 3 } as const;
  assert.equal(desk.provenFrom(place), 3);
  await desk.close();
  assert.deepEqual(new Set(readingsLines(directory).map(({ take }) => take)), new Set([1, 2, 4]));
});

test("records may come in any order and gap records fill their holes", async () => {
  const directory = freshDirectory(hub);
  const desk = await openDesk(hub, directory);
  const gateway = FakeGateway.ofSite(hub);
  const puts = [1, 2, 3, 4, 5].map((take) => gateway.put(simplePut(take)));
  const vital = puts.map(([record]) => record!);
  const gap = gateway.giveUp([vital[1]!, vital[2]!], "evicted");
  const place = (sequence: number) =>
    ({ gateway: gateway.id, store: gateway.store, class: "vital", sequence }) as const;
  await commitAll(desk, [...gateway.epochs(), vital[4]!, vital[0]!, vital[3]!]);
  assert.equal(desk.provenFrom(place(5)), 4);
  assert.equal(desk.provenFrom(place(1)), 1);
  await commitAll(
    desk,
    puts.map(([, tally]) => tally!),
  );
  const without = await reportOf(hub, directory);
  assert.equal(without.totals.unaccounted, 6);
  assert.deepEqual(
    without.chains.map(({ class: name, missing }) => [name, missing]),
    [
      ["tally", 0],
      ["vital", 2],
    ],
  );
  await commitAll(desk, [gap]);
  await desk.close();
  const report = await reportOf(hub, directory);
  assert.equal(report.totals.unaccounted, 0);
  assert.equal(report.totals.gaps, 6);
  assert.deepEqual(report.reasons, { evicted: 6 });
  assert.deepEqual(
    report.chains.map(({ records, gone, missing }) => [records, gone, missing]),
    [
      [1, 0, 0],
      [5, 0, 0],
      [3, 2, 0],
    ],
  );
});

test("what is not authentic is refused, kept as evidence and never answered", async () => {
  const directory = freshDirectory(hub);
  const desk = await openDesk(hub, directory);
  const gateway = FakeGateway.ofSite(hub);
  const [record] = gateway.put(simplePut(1));
  await commitAll(desk, gateway.epochs());
  const kindOf = async (topic: string, payload: Uint8Array): Promise<string> => {
    const [outcome] = await commitAll(desk, [{ topic, payload }]);
    return outcome?.kind === "refused" ? outcome.reason : String(outcome?.kind);
  };
  const { topic, payload } = record!;
  assert.equal(await kindOf("ward/v1/gw-002/up/live/vital", payload), "foreign-gateway");
  assert.equal(await kindOf("ward/v1/gw-001/up/live/wave", payload), "malformed");
  assert.equal(await kindOf("ward/v1/gw-001/up/live/vital/x", payload), "topic");
  assert.equal(await kindOf("ward/v1/../up/live/vital", payload), "topic");
  const bent = Uint8Array.from(payload);
  bent[bent.length - 1]! ^= 1;
  assert.equal(await kindOf(topic, bent), "signature");
  assert.equal(await kindOf(topic, payload.subarray(0, 100)), "malformed");
  assert.equal(await kindOf("ward/v1/gw-001/up/epoch", payload), "malformed");
  assert.equal(await kindOf(topic, payload), "committed");
  await desk.close();
});

test("records that follow each other vouch for each other, and for nothing that was changed", async () => {
  const desk = await openDesk(hub, freshDirectory(hub));
  const gateway = FakeGateway.ofSite(hub);
  const records = [1, 2, 3, 4].map((take) => gateway.put(simplePut(take))[0]!);
  const bent = records.map(({ topic, payload }) => ({ topic, payload: Uint8Array.from(payload) }));
  for (const place of [1, 3]) {
    const { payload } = bent[place]!;
    payload[payload.length - 1]! ^= 1;
  }
  const outcomes = await commitAll(desk, [...gateway.epochs(), ...bent]);
  assert.deepEqual(
    outcomes.map((outcome) => (outcome.kind === "refused" ? outcome.reason : outcome.kind)),
    ["epoch", "committed", "signature", "committed", "signature"],
  );
  const later = await commitAll(desk, records);
  assert.deepEqual(
    later.map(({ kind }) => kind),
    ["again", "committed", "again", "committed"],
  );
  const place = { gateway: gateway.id, store: gateway.store, class: "vital" } as const;
  assert.equal(desk.provenFrom({ ...place, sequence: 4 }), 1);
  await desk.close();
});

test("a foreign root, another gateway's name and a server certificate vouch for nobody", async () => {
  const desk = await openDesk(hub, freshDirectory(hub));
  const { authority } = hub.site;
  const server = await issueHub(authority.servers, "hub-evil");
  const other = await issueGateway(authority.gateways, "gw-002");
  const cases = [
    FakeGateway.withIdentity(hub, "hub-evil", server),
    FakeGateway.withIdentity(hub, "gw-001", other),
  ];
  for (const gateway of cases) {
    const records = gateway.put(simplePut(1));
    const outcomes = await commitAll(desk, [...gateway.epochs(), ...records]);
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.kind === "refused" ? outcome.reason : outcome.kind)),
      ["untrusted", "early", "early"],
    );
  }
  const honest = FakeGateway.withIdentity(hub, "gw-002", other);
  const records = honest.put(simplePut(1));
  assert.deepEqual(
    (await commitAll(desk, [...honest.epochs(), ...records])).map(({ kind }) => kind),
    ["epoch", "committed", "committed"],
  );
  await desk.close();
});

test("a revocation stops a gateway and leaves what it sent before", async () => {
  const directory = freshDirectory(hub);
  const desk = await openDesk(hub, directory);
  const { gateways } = hub.site.authority;
  const identity = await issueGateway(gateways, "gw-003");
  const gateway = FakeGateway.withIdentity(hub, "gw-003", identity);
  await commitAll(desk, gateway.put(simplePut(1)));
  await commitAll(desk, gateway.epochs());
  const early = gateway.put(simplePut(2));
  await commitAll(desk, early);
  const honest = FakeGateway.withIdentity(hub, "gw-005", await issueGateway(gateways, "gw-005"));
  const rootList = hub.site.authority.rootList("gateways");
  desk.renew((await listFor(gateways, [identity])) + rootList);
  honest.put(simplePut(1));
  assert.deepEqual((await commitAll(desk, honest.epochs()))[0]?.kind, "epoch");
  const late = [...gateway.put(simplePut(3)), ...gateway.epochs()];
  assert.deepEqual(
    (await commitAll(desk, late)).map((outcome) =>
      outcome.kind === "refused" ? outcome.reason : outcome.kind,
    ),
    late.map(() => "untrusted"),
  );
  await desk.close();
  await (await openDesk(hub, directory, { rebuild: true })).close();
  assert.deepEqual(new Set(readingsLines(directory).map(({ take }) => take)), new Set([2]));
});

test("what a gateway sealed between two certificates of its own counts once the second is there, and for good", async () => {
  const directory = freshDirectory(hub);
  const [minute, day] = [60_000, 86_400_000];
  const at = Date.now() - 30 * minute;
  const identities = await Promise.all(
    [
      [at - 20 * minute, at - 10 * minute],
      [Date.now() + 20 * day, Date.now() + 50 * day],
    ].map(async ([from = 0, to = 0]) => {
      const validity = { notBefore: new Date(from), notAfter: new Date(to) };
      return await issueGateway(hub.site.authority.gateways, "gw-004", validity);
    }),
  );
  const { publicKey, privateKey: signingKey } = generateKeyPairSync("ed25519");
  const [ended, renewed] = identities.map(({ certificate, key }) => {
    const binding = makeBinding({
      certificateChainPem: certificate,
      certificateKey: softwareTlsKey(createPrivateKey(key)),
      signingPublicKey: publicKey,
      now: Date.now(),
    });
    return new FakeGateway({ id: "gw-004", signingKey, binding, hub, at });
  });
  assert.ok(ended !== undefined && renewed !== undefined);
  const kinds = async (desk: Desk, messages: readonly Message[]): Promise<string[]> =>
    (await commitAll(desk, messages)).map(({ kind }) => kind);
  const records = ended.put(simplePut(1));
  const now = (): number => Date.now() + 30 * day;
  const desk = await openDesk(hub, directory, { now });
  assert.deepEqual(await kinds(desk, [...ended.epochs(), ...records]), [
    "refused",
    "early",
    "early",
  ]);
  renewed.put(simplePut(2));
  assert.deepEqual(await kinds(desk, renewed.epochs()), ["epoch"]);
  const good = ["epoch", "committed", "committed"];
  assert.deepEqual(await kinds(desk, [...ended.epochs(), ...records]), good);
  await desk.close();
  const later = (): number => Date.now() + 500 * day;
  await (await openDesk(hub, directory, { rebuild: true, now: later })).close();
  assert.deepEqual(new Set(readingsLines(directory).map(({ take }) => take)), new Set([1]));
});

test("authentic records that do not open are rejected so that the gateway accounts for them", async () => {
  const desk = await openDesk(hub, freshDirectory(hub));
  const gateway = FakeGateway.ofSite(hub);
  const sealed = gateway.sealer.sealItems("vital", takeOf({ device: "bed-1", take: 1, count: 2 }));
  const bent = Uint8Array.from(sealed.bytes);
  bent[bent.length - 1]! ^= 1;
  const record = gateway.record({ ...sealed, bytes: bent }, false);
  const outcomes = await commitAll(desk, [...gateway.epochs(), record]);
  const last = outcomes.at(-1);
  assert.equal(last?.kind === "rejected" && last.reason, "open");
  await desk.close();
});

test("nothing that comes from the broker breaks the hub", async () => {
  const desk = await openDesk(hub, freshDirectory(hub));
  const gateway = FakeGateway.ofSite(hub);
  const [record, tally] = gateway.put(simplePut(1));
  const epochs = gateway.epochs();
  const payloads = [record!, tally!, ...epochs].map(({ payload }) => payload);
  const topics = [record!, tally!, ...epochs].map(({ topic }) => topic);
  const anyPayload = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.constantFrom(...payloads),
    fc.tuple(fc.constantFrom(...payloads), fc.nat(), fc.nat(255)).map(([bytes, at, value]) => {
      const copy = Uint8Array.from(bytes);
      copy[at % copy.length] = value;
      return copy;
    }),
    fc
      .tuple(fc.constantFrom(...payloads), fc.nat())
      .map(([bytes, at]) => bytes.subarray(0, at % bytes.length)),
  );
  const anyTopic = fc.oneof(fc.string(), fc.constantFrom(...topics, "ward/v1/gw-001/up/live/gap"));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ topic: anyTopic, payload: anyPayload }), { maxLength: 8 }),
      async (messages) => {
        const outcomes = await commitAll(desk, messages);
        assert.equal(outcomes.length, messages.length);
        assert.ok(
          outcomes.every((outcome) => outcome.kind !== "refused" || outcome.reason !== "internal"),
        );
      },
    ),
    { numRuns: 300 },
  );
  await desk.close();
});

test("the database says nothing about devices or values", async () => {
  const directory = freshDirectory(hub);
  const desk = await openDesk(hub, directory);
  const gateway = FakeGateway.ofSite(hub);
  const items = takeOf({ device: "bed-secret-42/monitor", take: 1, count: 4 });
  const row = rowOf(items, { withheld: oneIndex(1) });
  const gap = {
    id: "g1",
    device: "bed-secret-42/monitor",
    boot: items[0]!.boot,
    from: 2,
    to: 3,
    reason: "Mrs Miller in bed-secret-42",
    atMost: false,
    start: 1,
    end: 2,
  };
  const records = gateway.put({
    batches: [{ class: "vital", items: keptOf(items, row) }],
    takes: [row],
    gaps: [gap],
  });
  await commitAll(desk, [
    ...gateway.epochs(),
    ...records,
    { topic: "x", payload: new Uint8Array(9) },
  ]);
  const search = (): void => {
    for (const file of readdirSync(directory).filter((name) => name.startsWith("hub.sqlite"))) {
      const bytes = readFileSync(join(directory, file)).toString("latin1");
      for (const secret of ["secret-42", "Miller", "SAT_O2", "monitor"]) {
        assert.ok(!bytes.includes(secret), `${secret} in ${file}`);
      }
    }
  };
  search();
  await desk.close();
  search();
  const report = await reportOf(hub, directory);
  assert.equal(report.devices[0]?.device, "bed-secret-42/monitor");
  assert.deepEqual(report.reasons, { other: 2 });
  assert.equal(report.totals.unaccounted, 0);
});

test("a flow that changes a value is found out, whichever comes first", async () => {
  for (const tallyFirst of [false, true]) {
    const directory = freshDirectory(hub);
    const desk = await openDesk(hub, directory);
    const gateway = FakeGateway.ofSite(hub);
    const honest = takeOf({ device: "bed-1", take: 1, count: 2 });
    const original = takeOf({ device: "bed-1", take: 2, count: 2 });
    const changed = original.map((item) => Object.assign({}, item, { value: 99, text: "99" }));
    const [batch, tally] = gateway.put({
      batches: [{ class: "vital", items: [...honest, ...changed] }],
      takes: [rowOf(honest), rowOf(original)],
    });
    await commitAll(desk, gateway.epochs());
    await commitAll(desk, tallyFirst ? [tally!, batch!] : [batch!, tally!]);
    await desk.close();
    const lines = readingsLines(directory);
    assert.deepEqual(
      lines.filter(({ derived }) => derived === true).map(({ take }) => take),
      tallyFirst ? [2, 2] : [],
    );
    assert.deepEqual(
      lines.filter(({ kind }) => kind === "derived").map(({ take }) => take),
      tallyFirst ? [] : [2],
    );
    assert.equal((await reportOf(hub, directory)).totals.derived, 1);
  }
});

test("a rebuild gives the same file and ledger", async () => {
  const directory = freshDirectory(hub);
  const desk = await openDesk(hub, directory);
  const gateway = FakeGateway.ofSite(hub, { rotateBatches: 3 });
  const puts = [1, 2, 3, 4, 5, 6].flatMap((take) => gateway.put(simplePut(take)));
  const repeated = gateway.put(simplePut(3));
  await commitAll(desk, [...gateway.epochs(), ...puts.toReversed(), ...repeated]);
  await desk.close();
  const text = readingsText(directory);
  const report = await reportOf(hub, directory);
  assert.equal(report.totals.duplicates, 3);
  const rebuilt = await openDesk(hub, directory, { rebuild: true });
  assert.equal(rebuilt.unreadable, 0);
  await rebuilt.close();
  assert.equal(readingsText(directory), text);
  assert.deepEqual(await reportOf(hub, directory), report);
});

test("only one hub works on a directory", async () => {
  const directory = freshDirectory(hub);
  const desk = await openDesk(hub, directory);
  await assert.rejects(openDesk(hub, directory), { code: "WARD_HUB_BUSY" });
  await desk.close();
  await (await openDesk(hub, directory)).close();
});

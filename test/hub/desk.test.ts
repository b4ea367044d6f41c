import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import * as fc from "fast-check";

import { oneIndex } from "../../gateway/indices.ts";
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
  const first = commitAll(desk, [...gateway.epochs(), ...records]);
  assert.deepEqual(
    first.map(({ kind }) => kind),
    ["epoch", "committed", "committed"],
  );
  const again = commitAll(desk, [...records, ...gateway.epochs()]);
  assert.deepEqual(
    again.map(({ kind }) => kind),
    ["again", "again", "epoch"],
  );
  desk.close();
  assert.equal(identitiesIn(directory).length, 3);
  const { totals } = reportOf(hub, directory);
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
  commitAll(desk, [...gateway.epochs(), ...records]);
  desk.close();
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
  const early = commitAll(desk, records);
  assert.deepEqual(
    early.map(({ kind }) => kind),
    ["early", "early"],
  );
  commitAll(desk, gateway.epochs());
  assert.deepEqual(
    commitAll(desk, records).map(({ kind }) => kind),
    ["committed", "committed"],
  );
  desk.close();
});

test("the same place with other bytes is rejected as a conflict and the first is kept", async () => {
  const directory = freshDirectory(hub);
  const desk = await openDesk(hub, directory);
  const gateway = FakeGateway.ofSite(hub);
  const [one, tally] = gateway.put(simplePut(1));
  commitAll(desk, [...gateway.epochs(), one!, tally!]);
  const [two] = gateway.put(simplePut(2));
  commitAll(desk, [two!]);
  gateway.setBack("vital", one!);
  const [fork, forkTally] = gateway.put(simplePut(3));
  const [verdict] = commitAll(desk, [fork!]);
  assert.equal(verdict?.kind, "rejected");
  assert.equal(verdict?.kind === "rejected" && verdict.reason, "conflict");
  const [after2] = gateway.put(simplePut(4));
  const [broken] = commitAll(desk, [after2!, forkTally!]);
  assert.equal(broken?.kind === "committed" && broken.fits, false);
  // From a chain that does not hold together nothing is concluded about other records.
  const place = { gateway: gateway.id, store: gateway.store, class: "vital", sequence: 3 } as const;
  assert.equal(desk.provenFrom(place), 3);
  desk.close();
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
  commitAll(desk, [...gateway.epochs(), vital[4]!, vital[0]!, vital[3]!]);
  assert.equal(desk.provenFrom(place(5)), 4);
  assert.equal(desk.provenFrom(place(1)), 1);
  commitAll(
    desk,
    puts.map(([, tally]) => tally!),
  );
  const without = reportOf(hub, directory);
  assert.equal(without.totals.unaccounted, 6);
  assert.deepEqual(
    without.chains.map(({ class: name, missing }) => [name, missing]),
    [
      ["vital", 2],
      ["tally", 0],
    ],
  );
  commitAll(desk, [gap]);
  desk.close();
  const report = reportOf(hub, directory);
  assert.equal(report.totals.unaccounted, 0);
  assert.equal(report.totals.gaps, 6);
  assert.deepEqual(report.reasons, { evicted: 6 });
  assert.deepEqual(
    report.chains.map(({ records, gone, missing }) => [records, gone, missing]),
    [
      [3, 2, 0],
      [5, 0, 0],
      [1, 0, 0],
    ],
  );
});

test("what is not authentic is refused, kept as evidence and never answered", async () => {
  const directory = freshDirectory(hub);
  const desk = await openDesk(hub, directory);
  const gateway = FakeGateway.ofSite(hub);
  const [record] = gateway.put(simplePut(1));
  commitAll(desk, gateway.epochs());
  const kindOf = (topic: string, payload: Uint8Array): string => {
    const [outcome] = commitAll(desk, [{ topic, payload }]);
    return outcome?.kind === "refused" ? outcome.reason : String(outcome?.kind);
  };
  const { topic, payload } = record!;
  assert.equal(kindOf("ward/v1/gw-002/up/live/vital", payload), "foreign-gateway");
  assert.equal(kindOf("ward/v1/gw-001/up/live/wave", payload), "malformed");
  assert.equal(kindOf("ward/v1/gw-001/up/live/vital/x", payload), "topic");
  assert.equal(kindOf("ward/v1/../up/live/vital", payload), "topic");
  const bent = Uint8Array.from(payload);
  bent[bent.length - 1]! ^= 1;
  assert.equal(kindOf(topic, bent), "signature");
  assert.equal(kindOf(topic, payload.subarray(0, 100)), "malformed");
  assert.equal(kindOf("ward/v1/gw-001/up/epoch", payload), "malformed");
  assert.equal(kindOf(topic, payload), "committed");
  desk.close();
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
    const outcomes = commitAll(desk, [...gateway.epochs(), ...records]);
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.kind === "refused" ? outcome.reason : outcome.kind)),
      ["untrusted", "early", "early"],
    );
  }
  const honest = FakeGateway.withIdentity(hub, "gw-002", other);
  const records = honest.put(simplePut(1));
  assert.deepEqual(
    commitAll(desk, [...honest.epochs(), ...records]).map(({ kind }) => kind),
    ["epoch", "committed", "committed"],
  );
  desk.close();
});

test("a revocation stops a gateway and leaves what it sent before", async () => {
  const directory = freshDirectory(hub);
  const desk = await openDesk(hub, directory);
  const { gateways } = hub.site.authority;
  const identity = await issueGateway(gateways, "gw-003");
  const gateway = FakeGateway.withIdentity(hub, "gw-003", identity);
  commitAll(desk, [...gateway.put(simplePut(1)).toReversed(), ...gateway.epochs()]);
  const early = gateway.put(simplePut(2));
  commitAll(desk, early);
  desk.renew(await listFor(gateways, [identity]));
  const late = [...gateway.put(simplePut(3)), ...gateway.epochs()];
  assert.deepEqual(
    commitAll(desk, late).map((outcome) =>
      outcome.kind === "refused" ? outcome.reason : outcome.kind,
    ),
    late.map(() => "untrusted"),
  );
  desk.close();
  (await openDesk(hub, directory, { rebuild: true })).close();
  assert.deepEqual(new Set(readingsLines(directory).map(({ take }) => take)), new Set([2]));
});

test("authentic records that do not open are rejected so that the gateway accounts for them", async () => {
  const desk = await openDesk(hub, freshDirectory(hub));
  const gateway = FakeGateway.ofSite(hub);
  const sealed = gateway.sealer.sealItems("vital", takeOf({ device: "bed-1", take: 1, count: 2 }));
  const bent = Uint8Array.from(sealed.bytes);
  bent[bent.length - 1]! ^= 1;
  const record = gateway.record({ ...sealed, bytes: bent }, false);
  const outcomes = commitAll(desk, [...gateway.epochs(), record]);
  const last = outcomes.at(-1);
  assert.equal(last?.kind === "rejected" && last.reason, "open");
  desk.close();
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
  fc.assert(
    fc.property(
      fc.array(fc.record({ topic: anyTopic, payload: anyPayload }), { maxLength: 8 }),
      (messages) => {
        const outcomes = commitAll(desk, messages);
        assert.equal(outcomes.length, messages.length);
        assert.ok(
          outcomes.every((outcome) => outcome.kind !== "refused" || outcome.reason !== "internal"),
        );
      },
    ),
    { numRuns: 300 },
  );
  desk.close();
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
  commitAll(desk, [...gateway.epochs(), ...records, { topic: "x", payload: new Uint8Array(9) }]);
  const search = (): void => {
    for (const file of readdirSync(directory).filter((name) => name.startsWith("hub.sqlite"))) {
      const bytes = readFileSync(join(directory, file)).toString("latin1");
      for (const secret of ["secret-42", "Miller", "SAT_O2", "monitor"]) {
        assert.ok(!bytes.includes(secret), `${secret} in ${file}`);
      }
    }
  };
  search();
  desk.close();
  search();
  const report = reportOf(hub, directory);
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
    commitAll(desk, gateway.epochs());
    commitAll(desk, tallyFirst ? [tally!, batch!] : [batch!, tally!]);
    desk.close();
    const lines = readingsLines(directory);
    assert.deepEqual(
      lines.filter(({ derived }) => derived === true).map(({ take }) => take),
      tallyFirst ? [2, 2] : [],
    );
    assert.deepEqual(
      lines.filter(({ kind }) => kind === "derived").map(({ take }) => take),
      tallyFirst ? [] : [2],
    );
    assert.equal(reportOf(hub, directory).totals.derived, 1);
  }
});

test("a rebuild gives the same file and ledger", async () => {
  const directory = freshDirectory(hub);
  const desk = await openDesk(hub, directory);
  const gateway = FakeGateway.ofSite(hub, { rotateBatches: 3 });
  const puts = [1, 2, 3, 4, 5, 6].flatMap((take) => gateway.put(simplePut(take)));
  const repeated = gateway.put(simplePut(3));
  commitAll(desk, [...gateway.epochs(), ...puts.toReversed(), ...repeated]);
  desk.close();
  const text = readingsText(directory);
  const report = reportOf(hub, directory);
  assert.equal(report.totals.duplicates, 3);
  const rebuilt = await openDesk(hub, directory, { rebuild: true });
  assert.equal(rebuilt.unreadable, 0);
  rebuilt.close();
  assert.equal(readingsText(directory), text);
  assert.deepEqual(reportOf(hub, directory), report);
});

test("only one hub works on a directory", async () => {
  const directory = freshDirectory(hub);
  const desk = await openDesk(hub, directory);
  await assert.rejects(openDesk(hub, directory), { code: "WARD_HUB_BUSY" });
  desk.close();
  (await openDesk(hub, directory)).close();
});

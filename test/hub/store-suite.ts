import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { toHex } from "../../gateway/sealing/envelope.ts";
import type { CheckpointVerdict } from "../../hub/checkpoint-store.ts";
import { type HubStore, type NewRecord, QUARANTINE_MAX } from "../../hub/store.ts";

/** Record `sequence` of a chain whose records follow each other. */
export function chainRecord(sequence: number, more: Partial<NewRecord> = {}): NewRecord {
  return {
    gateway: "gw-001",
    store: "0011223344556677",
    class: "vital",
    sequence,
    hash: hashOf(sequence),
    previous: sequence === 1 ? null : hashOf(sequence - 1),
    backlog: sequence % 2 === 0,
    bytes: Buffer.from(`record ${sequence}`),
    ...more,
  };
}

function hashOf(sequence: number): Uint8Array {
  return new Uint8Array(createHash("sha256").update(String(sequence)).digest());
}

/** What every store has to do, whatever it lies in. `open` gives an empty one. */
export function storeSuite(name: string, open: () => Promise<HubStore>): void {
  test(`${name}: records are numbered in order of commit, each place once`, async () => {
    const store = await open();
    assert.deepEqual(await store.commit([], 1), []);
    const first = [2, 1, 3].map((sequence) => chainRecord(sequence));
    assert.deepEqual(await store.commit(first, 1002), [{ id: 1 }, { id: 2 }, { id: 3 }]);
    const answers = await store.commit(
      [chainRecord(2, { hash: hashOf(99) }), chainRecord(4), chainRecord(1, { class: "wave" })],
      1003,
    );
    assert.deepEqual(
      answers.map((answer) => ("held" in answer ? toHex(answer.held) : answer.id)),
      [toHex(hashOf(2)), 4, 5],
    );
    assert.equal(await store.lastId(), 5);
    const stored = await store.records(1, 4);
    assert.deepEqual(
      stored.map(({ id, committedAt, backlog, bytes }) => [
        id,
        committedAt,
        backlog,
        Buffer.from(bytes).toString(),
      ]),
      [
        [2, 1002, false, "record 1"],
        [3, 1002, false, "record 3"],
        [4, 1003, true, "record 4"],
      ],
    );
    assert.ok(stored.every(({ gateway, marks }) => gateway === "gw-001" && marks === null));
    await store.close();
  });

  test(`${name}: places and links are found, others are not`, async () => {
    const store = await open();
    await store.commit(
      [1, 2, 3, 5].map((sequence) => chainRecord(sequence)),
      1,
    );
    const places = [chainRecord(3), chainRecord(4), chainRecord(1, { gateway: "gw-002" })];
    const hashes = await store.hashesAt(places);
    assert.deepEqual(
      hashes.map((hash) => (hash === null ? null : toHex(hash))),
      [toHex(hashOf(3)), null, null],
    );
    assert.deepEqual(await store.hashesAt([]), []);
    const links = await store.links(chainRecord(1), 1, 9);
    assert.deepEqual(
      links.map(({ sequence, previous }) => [sequence, previous]),
      [1, 2, 3, 5].map((sequence) => [
        sequence,
        sequence === 1 ? null : toHex(hashOf(sequence - 1)),
      ]),
    );
    assert.deepEqual(await store.links(chainRecord(1, { class: "trend" }), 1, 9), []);
    await store.close();
  });

  test(`${name}: a step of records is bounded, and holds at least one`, async () => {
    const store = await open();
    const large = [1, 2, 3].map((sequence) =>
      chainRecord(sequence, { bytes: new Uint8Array(9 * 2 ** 20) }),
    );
    await store.commit(large, 1);
    await store.commit(
      Array.from({ length: 200 }, (_, place) => chainRecord(place + 4)),
      1,
    );
    const sizes: number[] = [];
    for (let last = 0; last < 203;) {
      const step = await store.records(last, 203);
      sizes.push(step.length);
      last = step.at(-1)?.id ?? 203;
    }
    assert.deepEqual(sizes, [2, 128, 73]);
    assert.deepEqual(await store.records(203, 999), []);
    await store.close();
  });

  test(`${name}: epochs and bindings are there once they are added, and stay as they are`, async () => {
    const store = await open();
    const epoch = {
      gateway: "gw-001",
      epoch: new Uint8Array(16).fill(1),
      hash: hashOf(1),
      committedAt: 1,
      bytes: Buffer.from("epoch"),
      signer: new Uint8Array(8).fill(2),
      bindingHash: hashOf(2),
      bindingAt: 5,
      binding: Buffer.from("binding"),
    };
    await store.addEpoch(epoch);
    await store.addEpoch({ ...epoch, bytes: Buffer.from("another") });
    await store.addEpoch({ ...epoch, bindingHash: hashOf(3), bindingAt: 9 });
    const bytes = await store.epoch("gw-001", epoch.epoch);
    assert.equal(Buffer.from(bytes ?? []).toString(), "epoch");
    assert.equal(await store.epoch("gw-002", epoch.epoch), null);
    const bindings = await store.bindings("gw-001", epoch.signer);
    assert.deepEqual(
      bindings.map(({ at }) => at),
      [9, 5],
    );
    assert.deepEqual(await store.bindings("gw-002", epoch.signer), []);
    await store.close();
  });

  test(`${name}: evidence is kept whatever it says, the newest few`, async () => {
    const store = await open();
    const refused = (place: number) => ({
      topic: place === 0 ? "zero \0 and \ud800" : `topic ${place}`,
      reason: "signature",
      hash: hashOf(place),
      at: place,
      bytes: new Uint8Array(3),
    });
    for (let from = 0; from < QUARANTINE_MAX + 200; from += 200) {
      await store.quarantine(Array.from({ length: 200 }, (_, place) => refused(from + place)));
    }
    await store.quarantine([refused(1100), refused(1100)]);
    await store.close();
  });

  test(`${name}: views are saved all or nothing, by one at a time`, async () => {
    const store = await open();
    const bytes = (text: string): Uint8Array => Buffer.from(text);
    await store.commit(
      [1, 2, 3].map((sequence) => chainRecord(sequence)),
      1,
    );
    const start = await store.views();
    assert.deepEqual(start, { booked: 0, generation: 0 });
    const many = Array.from({ length: 1200 }, (_, place): [string, Uint8Array] => [
      `b${String(place).padStart(5, "0")}`,
      bytes(String(place)),
    ]);
    const pages = new Map([...many, ["t", bytes("totals")], ["c/x", bytes("chain")]]);
    assert.equal(
      await store.saveViews({ from: start, booked: 2, pages, marks: new Map([[2, "[1]"]]) }),
      true,
    );
    const late = {
      from: start,
      booked: 3,
      pages: new Map([["t", bytes("late")]]),
      marks: new Map(),
    };
    assert.equal(await store.saveViews(late), false);
    assert.deepEqual(await store.views(), { booked: 2, generation: 0 });
    assert.deepEqual(
      (await store.records(0, 9)).map(({ marks }) => marks),
      [null, "[1]", null],
    );
    const found: string[] = [];
    for await (const [key, page] of store.pagesUnder("b")) {
      found.push(`${key}=${Buffer.from(page).toString()}`);
    }
    assert.deepEqual(
      found,
      many.map(([key, page]) => `${key}=${Buffer.from(page).toString()}`),
    );
    const next = {
      from: { booked: 2, generation: 0 },
      booked: 3,
      pages: new Map([
        ["t", bytes("more")],
        ["c/x", null],
      ]),
      marks: new Map([[2, "[2]"]]),
    };
    assert.equal(await store.saveViews(next), true);
    const some = await store.pages(["t", "c/x", "nothing"]);
    assert.deepEqual([...some.keys()], ["t"]);
    assert.equal(Buffer.from(some.get("t") ?? []).toString(), "more");
    await store.emptyViews();
    assert.deepEqual(await store.views(), { booked: 0, generation: 1 });
    assert.equal((await store.pages(["t"])).size, 0);
    assert.equal((await store.records(1, 2))[0]?.marks, null);
    assert.equal(await store.saveViews({ ...next, from: { booked: 3, generation: 0 } }), false);
    await store.close();
  });

  test(`${name}: checkpoints are kept in order, the largest proven one of the newest line leads`, async () => {
    const store = await open();
    const { checkpoints } = store;
    assert.equal(await checkpoints.head("gw-001"), null);
    const kept = (line: number, size: number, verdict: CheckpointVerdict, gateway = "gw-001") => ({
      gateway,
      line,
      size,
      root: hashOf(size),
      verdict,
      seenAt: size,
      note: `note ${size}\n— x\n`,
    });
    await checkpoints.add(kept(0, 9, "first"));
    await checkpoints.add(kept(0, 20, "unproven"));
    await checkpoints.add(kept(0, 4, "first", "gw-002"));
    assert.equal((await checkpoints.head("gw-001"))?.size, 9);
    assert.equal(await checkpoints.has(kept(0, 20, "unproven")), false);
    await checkpoints.add(kept(0, 20, "consistent"));
    await checkpoints.add({ ...kept(0, 20, "rewritten"), note: "another" });
    assert.equal(await checkpoints.has(kept(0, 20, "first")), true);
    assert.equal((await checkpoints.head("gw-001"))?.size, 20);
    await checkpoints.add(kept(1, 5, "rewritten"));
    const head = await checkpoints.head("gw-001");
    assert.deepEqual(
      { ...head, root: toHex(head!.root) },
      {
        ...kept(1, 5, "rewritten"),
        no: head!.no,
        root: toHex(hashOf(5)),
      },
    );
    const all = await checkpoints.list(null, 0);
    assert.deepEqual(
      all.map(({ gateway, line, size, verdict }) => [gateway, line, size, verdict]),
      [
        ["gw-001", 0, 9, "first"],
        ["gw-001", 0, 20, "consistent"],
        ["gw-002", 0, 4, "first"],
        ["gw-001", 1, 5, "rewritten"],
      ],
    );
    assert.equal((await checkpoints.list("gw-001", all[1]!.no)).length, 1);
    await store.close();
  });
}

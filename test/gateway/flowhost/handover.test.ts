import assert from "node:assert/strict";
import { test } from "node:test";

import { Handover, type SealedBatch } from "../../../gateway/flowhost/handover.ts";
import { type Settled, Settlement } from "../../../gateway/flowhost/settlement.ts";
import { factsOf } from "../../../gateway/flowhost/sources.ts";
import { keyOf } from "../../../gateway/flowhost/take-state.ts";
import type { Take } from "../../../gateway/reading.ts";
import type { FlowhostToKeeper } from "../../../gateway/rooms.ts";
import { vitalTake } from "../../fakes/flowhost-kit.ts";
import { party, sealerFor } from "../../fakes/sealing-kit.ts";

type PutMessage = Extract<FlowhostToKeeper, { t: "put" }>;

function kit() {
  const settlement = new Settlement({ countMax: 1000, droppedAfterMs: 1000 });
  const sealer = sealerFor([party("hub-1")]);
  const settled: Settled[] = [];
  const puts: { put: PutMessage; blobs: readonly Uint8Array[] }[] = [];
  const lost: string[] = [];
  let id = 0;
  let onPut = (): void => undefined;
  const handover = new Handover({
    settlement,
    sealer,
    onSettled: (some) => settled.push(some),
    onEpochLost: (error) => lost.push(error.code),
    nextId: () => (id += 1),
    tallyMs: 5,
    retryMs: 1,
    queueBytesMax: 100_000,
  });
  const send = (message: FlowhostToKeeper, blobs: readonly Uint8Array[]): void => {
    if (message.t === "put") {
      puts.push({ put: message, blobs });
      onPut();
    }
  };
  /** Takes a take into the flow and makes a sealed batch of all its items. */
  const sealed = (take: Take): SealedBatch => {
    settlement.admit(factsOf(take), "Ward 3", 0);
    const { bytes, salt } = sealer.sealItems("vital", take.items);
    const kept = [{ key: keyOf(take), indices: 2 ** take.items.length - 1 }];
    return { class: "vital", bytes, salt, kept };
  };
  const nextPut = async (count: number): Promise<PutMessage> => {
    while (puts.length < count) {
      await new Promise<void>((resolve) => {
        onPut = resolve;
      });
    }
    return puts[count - 1]!.put;
  };
  return { handover, settlement, settled, puts, lost, send, sealed, nextPut };
}

function counts({ epochs, batches }: PutMessage): [number, number] {
  return [epochs.length, batches.length];
}

test("what comes while a put is under way is gathered for the next; an epoch goes until it is confirmed", async () => {
  const { handover, puts, send, sealed, settled } = kit();
  handover.attach(send);
  const stored = [1, 2, 3].map((take) => handover.store(sealed(vitalTake("a", take))));
  assert.deepEqual(
    puts.map(({ put }) => counts(put)),
    [[1, 1]],
  );
  handover.stored(puts[0]!.put.id);
  await stored[0];
  assert.deepEqual(
    puts.map(({ put }) => counts(put)),
    [
      [1, 1],
      [0, 2],
    ],
  );
  handover.stored(puts[1]!.put.id);
  await Promise.all(stored);
  assert.deepEqual(
    settled.map(({ outcomes }) => outcomes.length),
    [1, 2],
  );
});

test("nothing is sent without a keeper; an unanswered put goes to the next keeper with its epochs", async () => {
  const { handover, puts, send, sealed, settled } = kit();
  const stored = handover.store(sealed(vitalTake("a", 1)));
  assert.equal(puts.length, 0);
  handover.attach(send);
  handover.detach();
  handover.attach(send);
  assert.deepEqual(puts[1]?.put, puts[0]?.put);
  assert.deepEqual(counts(puts[1]!.put), [1, 1]);
  handover.stored(puts[1]!.put.id);
  await stored;
  handover.stored(puts[0]!.put.id);
  assert.equal(settled.length, 1, "an answer that comes twice settles once");
});

test("takes that end without a batch are accounted for a little later, together", async () => {
  const { handover, settlement, settled, send, nextPut } = kit();
  handover.attach(send);
  for (const take of [vitalTake("a", 1), vitalTake("a", 2)]) {
    settlement.admit(factsOf(take), "Ward 3", 0);
    settlement.drop(take, "(no source node)");
    handover.account();
  }
  const put = await nextPut(1);
  assert.deepEqual(counts(put), [1, 0]);
  handover.stored(put.id);
  assert.equal(settled[0]?.outcomes.length, 2);
});

test("a full disk is waited for; a batch that the keeper will never take does not hold up the others", async () => {
  const { handover, send, sealed, nextPut, settlement } = kit();
  handover.attach(send);
  const first = handover.store(sealed(vitalTake("a", 1)));
  const [good, bad] = [2, 3].map((take) => handover.store(sealed(vitalTake("a", take))));
  handover.failed((await nextPut(1)).id, "WARD_OUTBOX_FULL", "Cannot store.");
  handover.failed((await nextPut(2)).id, "WARD_OUTBOX_FULL", "Cannot store.");
  handover.stored((await nextPut(3)).id);
  await first;
  assert.deepEqual(counts(await nextPut(4)), [0, 2]);
  handover.failed((await nextPut(4)).id, "WARD_OUTBOX_TOO_LARGE", "Cannot store.");
  assert.deepEqual(counts(await nextPut(5)), [0, 1]);
  handover.stored((await nextPut(5)).id);
  await good;
  handover.failed((await nextPut(6)).id, "WARD_OUTBOX_TOO_LARGE", "Cannot store.");
  await assert.rejects(bad!, { code: "WARD_OUTBOX_TOO_LARGE" });
  assert.equal(settlement.unsettled, 1, "its take has no end yet");
  assert.equal(settlement.expire(1000), 1);
});

test("a keeper that lost an epoch is fatal, too many bytes are refused", async () => {
  const { handover, send, sealed, nextPut, lost } = kit();
  handover.attach(send);
  void handover.store(sealed(vitalTake("a", 1)));
  assert.equal(handover.failed(999, "WARD_OUTBOX_EPOCH", ""), false);
  assert.equal(handover.failed((await nextPut(1)).id, "WARD_OUTBOX_EPOCH", ""), true);
  assert.deepEqual(lost, ["WARD_OUTBOX_EPOCH"]);
  const big = { ...sealed(vitalTake("a", 2)), bytes: new Uint8Array(100_000) };
  await assert.rejects(handover.store(big), { code: "WARD_HANDOVER_FULL" });
});

test("draining accounts at once and ends in time without a keeper", async () => {
  const { handover, send, settlement, puts, sealed } = kit();
  await handover.drain(1000);
  const take = vitalTake("a", 1);
  settlement.admit(factsOf(take), "Ward 3", 0);
  settlement.drop(take, "Ward 3");
  handover.attach(send);
  const drained = handover.drain(10_000);
  handover.stored(puts[0]!.put.id);
  await drained;
  handover.detach();
  void handover.store(sealed(vitalTake("a", 2)));
  await handover.drain(5);
});

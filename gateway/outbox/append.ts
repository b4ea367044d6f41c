import { WardError } from "../errors.ts";
import { epochWrites } from "./epochs.ts";
import { recordKey, type RecordSlot } from "./keys.ts";
import type { EpochRecord, PutRequest, RecordCodec, SealedFacts, StoredRecord } from "./records.ts";
import type { RecordClass } from "../sealing/envelope.ts";
import type { OutboxState } from "./state.ts";
import type { StoreWrite } from "./store.ts";
import { RECORD_FACTS_BYTES, writeRecord } from "./values.ts";

/** A put that has its sequence numbers and signatures, and is not on disk yet. */
export interface Prepared {
  readonly writes: readonly StoreWrite[];
  readonly records: readonly StoredRecord[];
  readonly epochs: readonly EpochRecord[];
}

/**
 * Gives every batch of a request its place and signature. Changes `state`: the writes must go to the store before anything
 * is awaited, or numbers would reach the disk out of order. Throws, with nothing changed, `WARD_OUTBOX_EPOCH` or what the
 * codec says of bytes that are no sealed batch.
 */
export function prepare(
  state: OutboxState,
  codec: RecordCodec,
  request: PutRequest,
  storedAt: number,
): Prepared {
  const facts = request.batches.map((sealed) => ({ sealed, ...codec.header(sealed) }));
  checkClasses(request.classes ?? [], facts);
  const offered = new Map(request.epochs.map((bytes) => [codec.epochOf(bytes), bytes]));
  for (const { epoch } of facts) {
    if (!state.epochs.has(epoch) && !offered.has(epoch)) {
      throw new WardError(
        "WARD_OUTBOX_EPOCH",
        `Cannot store a batch: its epoch ${epoch} is not known here. Send the wrapped epoch key with it.`,
      );
    }
  }
  const epochs = [...offered]
    .filter(([epoch]) => !state.epochs.has(epoch))
    .map(([epoch, bytes]) => ({
      epoch,
      bytes: codec.signEpoch(bytes, state.idOf(state.current)),
    }));
  for (const { epoch } of epochs) {
    state.epochs.add(epoch);
  }
  const records = facts.map((fact) => append(state, codec, fact, storedAt));
  const used = new Set([...epochs, ...facts].map((each) => each.epoch));
  const writes = [
    ...writesOf(state, records, epochs),
    ...[...used].map((epoch) => state.epochs.useWrite(epoch)),
  ];
  return { writes, records, epochs };
}

function checkClasses(classes: readonly RecordClass[], facts: readonly SealedFacts[]): void {
  for (const [place, name] of classes.entries()) {
    const sealed = facts[place]?.class;
    if (sealed !== name) {
      throw new WardError(
        "WARD_ROOM_MESSAGE",
        `Cannot store a batch: it is called ${name} and sealed as ${sealed}.`,
      );
    }
  }
}

/** Bytes of a request. Throws WardError `WARD_OUTBOX_TOO_LARGE` when a part of it can never be stored. */
export function sizeOf(request: PutRequest): number {
  const sizes = [...request.epochs, ...request.batches].map((bytes) => bytes.length);
  if (sizes.some((size) => size > BATCH_BYTES_MAX)) {
    throw new WardError(
      "WARD_OUTBOX_TOO_LARGE",
      `Cannot store a batch of ${Math.max(...sizes)} bytes: at most ${BATCH_BYTES_MAX}. Seal smaller batches.`,
    );
  }
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Bytes of one sealed batch or wrapped epoch, at most; the signature and its header come on top. */
const BATCH_BYTES_MAX: number = 2 ** 20 - 1024;

/** Takes note that a prepared put is on disk. */
export function markCommitted(state: OutboxState, records: readonly StoredRecord[]): void {
  for (const record of records) {
    state.chainAt(record).commit(record.sequence + 1);
  }
}

function append(
  state: OutboxState,
  codec: RecordCodec,
  fact: SealedFacts & { readonly sealed: Uint8Array },
  storedAt: number,
): StoredRecord {
  const chain = state.chainAt({ class: fact.class, store: state.current });
  const slot: RecordSlot = { ...chain.place, sequence: chain.next };
  const { bytes, hash } = codec.sign(fact.sealed, {
    store: state.idOf(state.current),
    class: fact.class,
    sequence: slot.sequence,
    previous: chain.hash,
    storedAt,
  });
  chain.append(hash, RECORD_FACTS_BYTES + bytes.length);
  state.epochs.use(fact.epoch, slot);
  return { ...slot, bytes, hash, items: fact.items, salt: fact.salt, storedAt };
}

function writesOf(
  state: OutboxState,
  records: readonly StoredRecord[],
  epochs: readonly EpochRecord[],
): StoreWrite[] {
  const chains = new Set(records.map((record) => state.chainAt(record)));
  return [
    ...epochs.flatMap((epoch) => epochWrites(epoch)),
    ...records.map((record): StoreWrite => {
      const key = recordKey(record);
      return [key, writeRecord(key, record, record.bytes)];
    }),
    ...[...chains].map((chain) => chain.headWrite()),
    ...records
      .filter(({ sequence }) => sequence === 1)
      .map((record) => state.chainAt(record).fenceWrite()),
  ];
}

import type { RecordClass } from "../sealing/envelope.ts";

/**
 * The keys of the store, byte by byte as README.md lists them. The first byte tells the kind. Numbers are big-endian, so
 * that the order of keys is the order of sequence numbers.
 */

/** Where one record lies: its class, the number of its store (see README.md) and its sequence. */
export interface RecordSlot {
  readonly class: RecordClass;
  readonly store: number;
  readonly sequence: number;
}

/** Every record class with its byte in a key. The bytes are on disks: they never change. */
export const CLASS_BYTES: Readonly<Record<RecordClass, number>> = {
  notice: 1,
  vital: 2,
  trend: 3,
  wave: 4,
  tally: 5,
  gap: 6,
};

/** The order in which records leave: what people wait for first, then what explains it, then the bulk. */
export const SEND_ORDER = ["notice", "vital", "tally", "gap", "trend", "wave"] as const;

/** One sequence of records: the sequence numbers of one class in one store. */
export type ChainSlot = Omit<RecordSlot, "sequence">;

const KIND = {
  store: 0x73, // s
  head: 0x68, // h
  gone: 0x67, // g
  record: 0x72, // r
  epoch: 0x65, // e
  spare: 0x78, // x
  use: 0x75, // u
  quarantine: 0x71, // q
  document: 0x64, // d
  age: 0x61, // a
  format: 0x66, // f
  lived: 0x6c, // l
} as const;

export function storeKey(store: number): Uint8Array {
  const key = Buffer.alloc(5);
  key[0] = KIND.store;
  key.writeUInt32BE(store, 1);
  return key;
}

export function headKey(place: ChainSlot): Uint8Array {
  return chainKey(KIND.head, place);
}

export function goneKey(place: ChainSlot): Uint8Array {
  return chainKey(KIND.gone, place);
}

/** Where it is written how old the records of a chain are. */
export function ageKey(place: ChainSlot): Uint8Array {
  return chainKey(KIND.age, place);
}

/** Always there, before the first record of a chain: where a walk over deleted records comes to its end. */
export function fenceKey(place: ChainSlot): Uint8Array {
  return recordKey({ ...place, sequence: 0 });
}

export function recordKey(place: RecordSlot): Uint8Array {
  return placeKey(KIND.record, place);
}

export function quarantineKey(place: RecordSlot): Uint8Array {
  return placeKey(KIND.quarantine, place);
}

/** `epoch` is the epoch id as lower-case hex, 1-64 bytes. */
export function epochKey(epoch: string): Uint8Array {
  return Buffer.concat([Buffer.from([KIND.epoch]), Buffer.from(epoch, "hex")]);
}

/** Where an epoch key lies a second time: with it alone, every record sealed under it would be lost. */
export function spareKey(epoch: string): Uint8Array {
  return Buffer.concat([Buffer.from([KIND.spare]), Buffer.from(epoch, "hex")]);
}

export function useKey(epoch: string): Uint8Array {
  return Buffer.concat([Buffer.from([KIND.use]), Buffer.from(epoch, "hex")]);
}

/** `name` is 1-64 of [a-z-]. */
export function documentKey(name: string): Uint8Array {
  return Buffer.concat([Buffer.from([KIND.document]), Buffer.from(name, "latin1")]);
}

export function formatKey(): Uint8Array {
  return Buffer.from([KIND.format]);
}

export function livedKey(): Uint8Array {
  return Buffer.from([KIND.lived]);
}

export function storeNumberOf(key: Uint8Array): number {
  return viewOf(key).readUInt32BE(1);
}

export function epochOf(key: Uint8Array): string {
  return viewOf(key).toString("hex", 1);
}

/** The place that a head, gone, record or quarantine key names, or null when it is none of ours. */
export function chainOf(key: Uint8Array): ChainSlot | null {
  const name = SEND_ORDER.find((candidate) => CLASS_BYTES[candidate] === key[1]);
  return name === undefined || key.length < CHAIN_BYTES
    ? null
    : { class: name, store: viewOf(key).readUInt32BE(2) };
}

export function slotOf(key: Uint8Array): RecordSlot | null {
  const chain = chainOf(key);
  if (chain === null || key.length !== PLACE_BYTES) {
    return null;
  }
  return { ...chain, sequence: readSequence(viewOf(key), CHAIN_BYTES) };
}

/** The half-open range of all keys of one kind. */
export function allOf(kind: keyof typeof KIND): { gte: Uint8Array; lt: Uint8Array } {
  return { gte: Buffer.from([KIND[kind]]), lt: Buffer.from([KIND[kind] + 1]) };
}

/** A sequence number as u64 BE; numbers stay below 2^53. */
export function writeSequence(target: Buffer, sequence: number, offset: number): void {
  target.writeUInt32BE(Math.floor(sequence / 2 ** 32), offset);
  target.writeUInt32BE(sequence % 2 ** 32, offset + 4);
}

export function readSequence(source: Buffer, offset: number): number {
  return source.readUInt32BE(offset) * 2 ** 32 + source.readUInt32BE(offset + 4);
}

const CHAIN_BYTES = 6;
const PLACE_BYTES = 14;

function viewOf(key: Uint8Array): Buffer {
  return Buffer.from(key.buffer, key.byteOffset, key.length);
}

function chainKey(kind: number, place: ChainSlot): Buffer {
  const key = Buffer.alloc(CHAIN_BYTES);
  writeChain(key, kind, place);
  return key;
}

function placeKey(kind: number, place: RecordSlot): Buffer {
  const key = Buffer.alloc(PLACE_BYTES);
  writeChain(key, kind, place);
  writeSequence(key, place.sequence, CHAIN_BYTES);
  return key;
}

function writeChain(key: Buffer, kind: number, place: ChainSlot): void {
  key[0] = kind;
  key[1] = CLASS_BYTES[place.class];
  key.writeUInt32BE(place.store, 2);
}

import type { RecordSlot } from "./keys.ts";
import type { RecordClass } from "../sealing/envelope.ts";

/** A record as it is sent, with its place in the outbox. */
export interface StoredRecord extends RecordSlot, RecordFacts {
  readonly bytes: Uint8Array;
}

/** A wrapped epoch key, signed and fit to be published. */
export interface EpochRecord {
  /** Epoch id as hex. */
  readonly epoch: string;
  readonly bytes: Uint8Array;
}

/** What the sealing process handed over to be stored in one write. */
export interface PutRequest {
  /** Wrapped epoch keys, not signed yet. Those that are known already are ignored. */
  readonly epochs: readonly Uint8Array[];
  /** Sealed batches, tallies and gaps (COSE_Encrypt0). */
  readonly batches: readonly Uint8Array[];
  /** What each batch is called; one that is sealed as another class is refused. */
  readonly classes?: readonly RecordClass[];
}

/**
 * Why records left the outbox without a receipt: damaged, not there, refused by the hub, the oldest when there was no room,
 * the newest when there was no room, or too old. The words are in gap records: they never change.
 */
export const LOSS_REASONS = [
  "corrupted",
  "missing",
  "rejected",
  "evicted",
  "turned-away",
  "expired",
] as const;
export type LossReason = (typeof LOSS_REASONS)[number];

/** What is known of a record without reading its bytes. */
export interface RecordFacts {
  /** Readings, waveform blocks or notices in it. */
  readonly items: number;
  /** Names the batch in the tally of its put, 16 bytes as hex. */
  readonly salt: string;
  /** SHA-256 of the record as hex. */
  readonly hash: string;
  /** Epoch milliseconds. */
  readonly storedAt: number;
}

/** A run of records of one chain that will never be sent again: a gap record tells the hub. */
export interface Loss {
  readonly class: RecordClass;
  /** Store id as hex. */
  readonly store: string;
  readonly from: number;
  readonly to: number;
  readonly reason: LossReason;
  /** The hub's reason word for a rejected record, else "". */
  readonly text: string;
  /** What is still known of the records; fewer than `from` to `to` when their rows are gone too. */
  readonly records: readonly (RecordFacts & { readonly sequence: number })[];
}

/**
 * What the outbox needs to have done with sealed bytes. The outbox never sees inside them: it has them signed when it
 * stores them, and has gap records sealed.
 */
export interface RecordCodec {
  /** Reads the header of a sealed batch. Throws a WardError on bytes that are none. */
  header(sealed: Uint8Array): SealedFacts;
  /** `hash` is the SHA-256 of `bytes` as hex. */
  sign(
    sealed: Uint8Array,
    place: SignedPlace,
  ): { readonly bytes: Uint8Array; readonly hash: string };
  /** The id of the store that a signed record names, as hex. Throws a WardError on bytes that are none. */
  storeOf(record: Uint8Array): string;
  /** The id of a wrapped epoch key as hex. Throws a WardError on bytes that are none. */
  epochOf(wrapped: Uint8Array): string;
  signEpoch(wrapped: Uint8Array, store: string): Uint8Array;
  /** Seals a gap record for each loss under the keeper's own epoch. */
  sealGaps(losses: readonly Loss[]): PutRequest;
  /** Epochs that are in use by the keeper itself: they are kept while it runs. */
  ownEpochs(): readonly string[];
}

export interface SealedFacts {
  readonly class: RecordClass;
  readonly epoch: string;
  readonly salt: string;
  readonly items: number;
}

/** What the keeper's signature says about a record. */
export interface SignedPlace {
  /** Store id as hex. */
  readonly store: string;
  readonly class: RecordClass;
  readonly sequence: number;
  /** Hash of the record before it in its chain, as hex. */
  readonly previous: string | null;
  /** Epoch milliseconds. */
  readonly storedAt: number;
}

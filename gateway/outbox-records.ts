import type { RecordSlot } from "./outbox-keys.ts";
import type { RecordClass } from "./sealing/envelope.ts";

/** A record as it lies in the outbox and as it is sent. */
export interface StoredRecord extends RecordSlot {
  readonly bytes: Uint8Array;
  /** Readings, waveform blocks or notices in it. */
  readonly items: number;
  /** Id of the epoch whose key opens it, as hex. */
  readonly epoch: string;
  /** Epoch milliseconds. */
  readonly storedAt: number;
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
}

/** Why records left the outbox without a receipt. */
export const LOSS_REASONS = ["damaged", "missing", "rejected"] as const;
export type LossReason = (typeof LOSS_REASONS)[number];

/** A run of records of one chain that will never be sent again: a gap record tells the hub. */
export interface Loss {
  readonly class: RecordClass;
  /** Store id as hex. */
  readonly store: string;
  readonly from: number;
  readonly to: number;
  readonly reason: LossReason;
  /** One plain sentence, or the hub's reason word. */
  readonly text: string;
}

/**
 * What the outbox needs to know about sealed bytes. The outbox never sees inside them: it signs what it stores, checks
 * what it reads back, and has gap records sealed.
 */
export interface RecordCodec {
  /** Reads the authenticated header of a sealed batch. Throws a WardError on bytes that are none. */
  header(sealed: Uint8Array): SealedFacts;
  sign(
    sealed: Uint8Array,
    place: SignedPlace,
  ): { readonly bytes: Uint8Array; readonly hash: string };
  /** The id of a wrapped epoch key. Throws a WardError on bytes that are none. */
  epochOf(wrapped: Uint8Array): string;
  signEpoch(wrapped: Uint8Array, store: string): Uint8Array;
  /** Checks the signature and that the record is the one of this place. Throws a WardError when it is not. */
  check(bytes: Uint8Array, place: CheckedPlace): SealedFacts & { readonly storedAt: number };
  /** When a record was stored, unchecked; null when the bytes are no record. */
  storedAt(bytes: Uint8Array): number | null;
  /** Seals a gap record for each loss under the keeper's own epoch. */
  sealGaps(losses: readonly Loss[]): PutRequest;
  /** Epochs that are in use by the keeper itself: they are kept while it runs. */
  ownEpochs(): readonly string[];
}

export interface SealedFacts {
  readonly class: RecordClass;
  readonly epoch: string;
  readonly items: number;
}

/** What the keeper's signature says about a record. */
export interface SignedPlace extends CheckedPlace {
  /** Hash of the record before it in its chain, as hex. */
  readonly previous: string | null;
  readonly storedAt: number;
}

export interface CheckedPlace {
  /** Store id as hex. */
  readonly store: string;
  readonly class: RecordClass;
  readonly sequence: number;
}

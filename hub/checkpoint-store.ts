/** What comparing a checkpoint with the one before it has shown. */
export const CHECKPOINT_VERDICTS = [
  /** There was none before. */
  "first",
  /** What was seen before is its beginning. */
  "consistent",
  /** Nothing is proven yet: the gateway was asked. */
  "unproven",
  /** What was seen before is not its beginning: the journal was rewritten, cut off or set back. */
  "rewritten",
  /** The gateway has not got any more what a proof takes: it cannot be compared. */
  "unprovable",
  /** No checkpoint: an operator has looked into what stands before it. Line and size are 0, the note says who, why and how far. */
  "acknowledged",
] as const;
export type CheckpointVerdict = (typeof CHECKPOINT_VERDICTS)[number];

/** A gateway's signed checkpoint as it is kept. */
export interface NewCheckpoint {
  readonly gateway: string;
  /** Counts how often this gateway's journal has begun another story: 0, and one more with each that does not fit. */
  readonly line: number;
  readonly size: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
  readonly verdict: CheckpointVerdict;
  /** Hub time, epoch milliseconds. */
  readonly seenAt: number;
  /** The signed note. */
  readonly note: string;
}

export interface KeptCheckpoint extends NewCheckpoint {
  /** Its place in the order of arrival, from 1. */
  readonly no: number;
}

/** The part of the hub's store that holds checkpoints. They are never deleted. Throws as HubStore does. */
export interface CheckpointStore {
  /** Keeps a checkpoint; nothing changes when the line has it. */
  add(checkpoint: NewCheckpoint): Promise<void>;
  /** The largest of the newest line that is not `unproven`, or null. */
  head(gateway: string): Promise<KeptCheckpoint | null>;
  /** True when a line has this checkpoint, and it is not `unproven`. */
  has(checkpoint: Pick<NewCheckpoint, "gateway" | "line" | "size" | "root">): Promise<boolean>;
  /** Checkpoints after a place, of one gateway or of all, in order of arrival: up to CHECKPOINTS_STEP. */
  list(gateway: string | null, after: number): Promise<readonly KeptCheckpoint[]>;
}

/** Checkpoints read at a time by `list`. */
export const CHECKPOINTS_STEP = 500;

import type { Chain } from "./chain.ts";
import { markCommitted, prepare, type Prepared } from "./append.ts";
import { quarantineKey, recordKey, type ChainSlot } from "./keys.ts";
import type { RecordReader } from "./read.ts";
import type { Loss, LossReason, RecordCodec } from "./records.ts";
import type { OutboxState } from "./state.ts";
import type { Store } from "./commits.ts";
import type { StoreWrite } from "./store.ts";
import { readRecord, writeQuarantine } from "./values.ts";
import { addRange, type SequenceRange } from "../sealing/sequence-ranges.ts";

/** What leaving needs. */
export interface LeavingParts {
  readonly store: Store;
  readonly state: OutboxState;
  readonly reader: RecordReader;
  readonly codec: RecordCodec;
  readonly now: () => number;
}

/** How single records leave: named by a receipt, or given up with a gap record. Never two at a time. */
export class Leaving {
  readonly #parts: LeavingParts;

  constructor(parts: LeavingParts) {
    this.#parts = parts;
  }

  /**
   * Takes a range that the hub has. The deletions ride with a later commit: what a crash undoes is sent and receipted
   * again. Calls `forgotten` for every step with the records and bytes that were there.
   */
  async receipted(
    chain: Chain,
    range: SequenceRange,
    forgotten: (batches: number, bytes: number) => void,
  ): Promise<void> {
    for (const part of chain.waitingIn(range)) {
      for (let rest: SequenceRange | null = part; rest !== null;) {
        const from = rest[0];
        const step: SequenceRange = [from, Math.min(rest[1], from + STEP_RECORDS - 1)];
        if (!chain.canForget(step)) {
          return;
        }
        const looked = await this.#parts.reader.some(chain.place, step, STEP_BYTES);
        const to = looked.rest === null ? step[1] : looked.rest[0] - 1;
        const bytes = sumBytes(looked.found);
        chain.forget([from, to], bytes);
        this.writeLazily([
          ...deletions(chain.place, looked.found),
          chain.headWrite(),
          chain.goneWrite(),
        ]);
        forgotten(looked.found.size, bytes);
        rest = to < rest[1] ? [to + 1, rest[1]] : null;
      }
    }
  }

  /** Looks again at records that could not be read well; what is still bad is given up, run by run. */
  async damaged(
    chain: Chain,
    suspects: readonly number[],
    lost: (left: Left) => void,
  ): Promise<void> {
    const runs = joined(suspects).flatMap((range) => chain.waitingIn(range));
    for (const run of runs) {
      const { bad, found } = await this.#parts.reader.read(chain, [run]);
      for (const range of joined(bad)) {
        const reason = found.has(range[0]) ? "corrupted" : "missing";
        await this.givenUp({ chain, range, reason, text: "" }, lost);
      }
    }
  }

  /** Takes a range out of its chain into quarantine, with a gap record in the same write. */
  async givenUp(
    { chain, range, reason, text }: GivenUp,
    lost: (left: Left) => void,
  ): Promise<void> {
    const { store, state, reader, codec, now } = this.#parts;
    const found = await reader.scan(chain.place, range);
    const oldest = await this.#oldestQuarantined(chain.place, found.size);
    const loss: Loss = {
      class: chain.place.class,
      store: state.idOf(chain.place.store),
      from: range[0],
      to: range[1],
      reason,
      text,
      records: factsOf(chain.place, found),
    };
    // A gap record that is itself given up is told by a notice only: else one bad hub could make gap records without end.
    const gap = loss.class === "gap" ? null : prepare(state, codec, codec.sealGaps([loss]), now());
    const bytes = sumBytes(found);
    chain.forget(range, bytes);
    const word = text === "" ? reason : text;
    await store.write([
      ...deletions(chain.place, found),
      ...oldest,
      ...[...found].map(([sequence, value]): StoreWrite => [
        quarantineKey({ ...chain.place, sequence }),
        writeQuarantine(word, value),
      ]),
      chain.headWrite(),
      chain.goneWrite(),
      ...(gap?.writes ?? []),
    ]);
    if (gap !== null) {
      markCommitted(state, gap.records);
    }
    lost({ loss, gap, batches: range[1] - range[0] + 1, bytes });
  }

  /** Deletions that make room for so many more in the chain's quarantine. */
  async #oldestQuarantined(place: ChainSlot, more: number): Promise<StoreWrite[]> {
    const entries = await this.#parts.store.range({
      gte: quarantineKey({ ...place, sequence: 0 }),
      lt: quarantineKey({ ...place, sequence: Number.MAX_SAFE_INTEGER }),
    });
    const tooMany = Math.max(0, entries.length + more - QUARANTINE_RECORDS_MAX);
    return entries.slice(0, tooMany).map(([key]) => [key, null]);
  }

  writeLazily(writes: readonly StoreWrite[]): void {
    // Only closing can reject it, and then the receipt comes again after the next start.
    this.#parts.store.write(writes, "lazy").catch(() => undefined);
  }
}

/** A loss that is on disk, with the gap record that tells of it. */
export interface Left {
  readonly loss: Loss;
  readonly gap: Prepared | null;
  /** Records that it takes away, and the bytes that were really there. */
  readonly batches: number;
  readonly bytes: number;
}

/** Records to give up, and why; `text` is the hub's reason word or "". */
export interface GivenUp {
  readonly chain: Chain;
  readonly range: SequenceRange;
  readonly reason: LossReason;
  readonly text: string;
}

/** Records in quarantine per chain, at most: the newest are kept. */
export const QUARANTINE_RECORDS_MAX = 256;
/** Records that a receipt takes out in one step, and their bytes, about. */
const STEP_RECORDS = 256;
const STEP_BYTES = 4 * 2 ** 20;

export function deletions(place: ChainSlot, found: ReadonlyMap<number, Uint8Array>): StoreWrite[] {
  return [...found.keys()].map((sequence) => [recordKey({ ...place, sequence }), null]);
}

/** What is known of records, as far as they can be read. */
export function factsOf(place: ChainSlot, found: ReadonlyMap<number, Uint8Array>): Loss["records"] {
  return [...found].flatMap(([sequence, value]) => {
    const facts = readRecord(recordKey({ ...place, sequence }), value)?.facts;
    return facts === undefined ? [] : [{ sequence, ...facts }];
  });
}

export function sumBytes(found: ReadonlyMap<number, Uint8Array>): number {
  return [...found.values()].reduce((sum, bytes) => sum + bytes.length, 0);
}

function joined(sequences: readonly number[]): SequenceRange[] {
  return sequences.reduce<SequenceRange[]>(
    (set, sequence) => addRange(set, [sequence, sequence]),
    [],
  );
}

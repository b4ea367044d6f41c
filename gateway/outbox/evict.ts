import { markCommitted, prepare } from "./append.ts";
import type { Chain } from "./chain.ts";
import { deletions, factsOf, sumBytes, type LeavingParts, type Left } from "./leave.ts";
import { nextSacrifice, type ClassPolicies } from "./policy.ts";
import type { Loss, LossReason } from "./records.ts";
import type { SequenceRange } from "../sealing/sequence-ranges.ts";

/**
 * Gives up many records at once: because there is no room, or because they are too old. A whole run of them is deleted in
 * one write together with the one gap record that accounts for it.
 */
export class Evicting {
  readonly #parts: LeavingParts;
  readonly #policies: ClassPolicies;
  readonly #lost: (left: Left) => void;

  constructor(parts: LeavingParts, policies: ClassPolicies, lost: (left: Left) => void) {
    this.#parts = parts;
    this.#policies = policies;
    this.#lost = lost;
  }

  /**
   * Gives up records, class by class, so that what is held now comes down to `heldMax` of `bytesMax` bytes, or nothing may go
   * any more. What is put meanwhile is not followed: that would be many small steps.
   */
  async makeRoom(heldMax: number, bytesMax: number): Promise<void> {
    const { state } = this.#parts;
    for (let excess = state.bytes - heldMax; excess > 0;) {
      const next = nextSacrifice((name) => state.bytesOf(name), this.#policies, bytesMax);
      if (next === null) {
        return;
      }
      const { side, keepBytes } = next;
      const chains = state.chainsOf(next.class).filter((chain) => chain.waiting().length > 0);
      const chain = side === "oldest" ? chains[0] : chains.at(-1);
      if (chain === undefined) {
        // What is held waits for the disk: it can be given up once it is there.
        return;
      }
      const bytes = Math.min(excess, state.bytesOf(next.class) - keepBytes);
      const reason = side === "oldest" ? "evicted" : "turned-away";
      const freed = await this.#giveUp(chain, {
        side,
        bytes,
        below: Number.MAX_SAFE_INTEGER,
        reason,
      });
      excess -= Math.max(1, freed);
    }
  }

  /** Gives up everything in a chain below a number, because it is too old. */
  async expire(chain: Chain, below: number): Promise<void> {
    for (;;) {
      const first = chain.waiting()[0];
      if (first === undefined || first[0] >= below) {
        return;
      }
      const bytes = Number.POSITIVE_INFINITY;
      await this.#giveUp(chain, { side: "oldest", bytes, below, reason: "expired" });
    }
  }

  /** Returns the bytes that it freed, less those of the gap record. */
  async #giveUp(chain: Chain, wanted: Wanted): Promise<number> {
    const run = await this.#collect(chain, wanted);
    const { state, codec, store, now } = this.#parts;
    const loss: Loss = {
      class: chain.place.class,
      store: state.idOf(chain.place.store),
      from: run.range[0],
      to: run.range[1],
      reason: wanted.reason,
      text: "",
      records: run.records,
    };
    const batches = chain.waitingIn(run.range).reduce((sum, [from, to]) => sum + to - from + 1, 0);
    const gap = prepare(state, codec, codec.sealGaps([loss]), now());
    chain.forget(run.range, run.bytes);
    await store.write([...run.deletions, chain.headWrite(), chain.goneWrite(), ...gap.writes]);
    markCommitted(state, gap.records);
    this.#lost({ loss, gap, batches, bytes: run.bytes });
    return run.bytes - gap.records.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  /** Reads, from one side of a chain, what is to be given up next: not more than one gap record tells of. */
  async #collect(chain: Chain, { side, bytes: wantedBytes, below }: Wanted): Promise<Run> {
    const waiting = chain.waitingIn([1, below - 1]);
    const ranges = side === "oldest" ? waiting : waiting.toReversed();
    const records: Loss["records"][number][] = [];
    const deleted: Run["deletions"][number][] = [];
    let bytes = 0;
    let reached = side === "oldest" ? (waiting.at(-1)?.[1] ?? 0) : (waiting[0]?.[0] ?? 0);
    const isDone = (): boolean => bytes >= wantedBytes || deleted.length >= GAP_RECORDS_MAX;
    for (let place = 0, rest = ranges[0] ?? null; rest !== null && !isDone();) {
      const step = stepOf(rest, side, Math.min(STEP_RECORDS, GAP_RECORDS_MAX - deleted.length));
      const stepBytes = Math.min(STEP_BYTES, wantedBytes - bytes);
      const looked = await this.#parts.reader.some(chain.place, step, stepBytes, side);
      records.push(...factsOf(chain.place, looked.found));
      deleted.push(...deletions(chain.place, looked.found));
      bytes += sumBytes(looked.found);
      const seen = looked.rest === null ? step : without(step, looked.rest, side);
      reached = side === "oldest" ? seen[1] : seen[0];
      rest = left(rest, seen, side);
      if (rest === null) {
        place += 1;
        rest = ranges[place] ?? null;
      }
    }
    const range: SequenceRange =
      side === "oldest" ? [waiting[0]?.[0] ?? 0, reached] : [reached, waiting.at(-1)?.[1] ?? 0];
    records.sort((a, b) => a.sequence - b.sequence);
    return { range, records, deletions: deleted, bytes };
  }
}

interface Wanted {
  readonly side: "oldest" | "newest";
  readonly bytes: number;
  /** Only records below this number. */
  readonly below: number;
  readonly reason: LossReason;
}

interface Run {
  readonly range: SequenceRange;
  readonly records: Loss["records"];
  readonly deletions: ReturnType<typeof deletions>;
  readonly bytes: number;
}

/** Records that one gap record names, at most: it stays far below what one sealed record may hold. */
export const GAP_RECORDS_MAX = 4096;
const STEP_RECORDS = 512;
const STEP_BYTES = 2 ** 20;

/** The first numbers of a range, or the last ones. */
function stepOf([from, to]: SequenceRange, side: Wanted["side"], count: number): SequenceRange {
  return side === "oldest"
    ? [from, Math.min(to, from + count - 1)]
    : [Math.max(from, to - count + 1), to];
}

function without(step: SequenceRange, rest: SequenceRange, side: Wanted["side"]): SequenceRange {
  return side === "oldest" ? [step[0], rest[0] - 1] : [rest[1] + 1, step[1]];
}

/** What is left of a range when `seen` is taken from its one side; null when nothing is. */
function left(
  [from, to]: SequenceRange,
  seen: SequenceRange,
  side: Wanted["side"],
): SequenceRange | null {
  const rest: SequenceRange = side === "oldest" ? [seen[1] + 1, to] : [from, seen[0] - 1];
  return rest[0] <= rest[1] ? rest : null;
}

import type { Change } from "./change.ts";

/**
 * Keeps what is told few: changes of one kind that come together are told as one (when a switch of the ward was exchanged, every bed
 * changes), and the same of the same device is told once in a while.
 */
export class GroupedChanges {
  #waiting: Change[] = [];
  #oldestAt = 0;
  readonly #saidAt = new Map<string, number>();

  /** Takes changes; `now` is monotonic milliseconds. Returns those that are new, for the journal. */
  add(changes: readonly Change[], now: number): readonly Change[] {
    const fresh = changes.filter(({ device, notice }) => {
      const key = `${device} ${notice}`;
      const last = this.#saidAt.get(key);
      if (last !== undefined && now - last < AGAIN_MS) {
        return false;
      }
      this.#saidAt.delete(key);
      this.#saidAt.set(key, now);
      return true;
    });
    for (const key of this.#saidAt.keys()) {
      if (this.#saidAt.size <= REMEMBERED_MAX) {
        break;
      }
      this.#saidAt.delete(key);
    }
    if (this.#waiting.length === 0) {
      this.#oldestAt = now;
    }
    this.#waiting.push(...fresh.slice(0, Math.max(0, WAITING_MAX - this.#waiting.length)));
    return fresh;
  }

  /** What is to be told by now, each with the name of its device in the text. What has no beginning happened at once, and does not wait. */
  take(now: number): Change[] {
    const isDue = now - this.#oldestAt >= GATHER_MS;
    const due = this.#waiting.filter(({ since }) => isDue || since === null);
    this.#waiting = isDue ? [] : this.#waiting.filter(({ since }) => since !== null);
    const kinds = Map.groupBy(due, ({ notice }) => notice);
    return [...kinds.values()].flatMap((changes) =>
      changes.length <= APART_MAX ? changes.map(named) : [together(changes)],
    );
  }
}

function named(change: Change): Change {
  return { ...change, text: `${change.device}: ${change.text}` };
}

function together(changes: readonly Change[]): Change {
  const devices = [...new Set(changes.map(({ device }) => device))];
  const some = devices.slice(0, SHOWN).join(", ");
  const others = devices.length > SHOWN ? ` and ${devices.length - SHOWN} more` : "";
  const [first] = changes;
  const text = `${devices.length} devices at once (${some}${others}), the first of them: ${first?.text ?? ""} A common cause is likely.`;
  return { device: "", notice: first?.notice ?? "", text, since: first?.since ?? null };
}

/** Looks of different devices end at different times: so long changes wait for each other. */
const GATHER_MS = 70_000;
const AGAIN_MS = 3_600_000;
const APART_MAX = 3;
const SHOWN = 3;
const WAITING_MAX = 1000;
const REMEMBERED_MAX = 4000;

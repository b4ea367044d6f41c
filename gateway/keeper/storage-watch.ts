import type { OutboxRoom } from "../outbox/caretaker.ts";
import type { NoticeText } from "../rooms.ts";

type StorageNotice = Omit<NoticeText, "device">;

/**
 * Says once that room is running short, and once that it is there again. In between lies a good distance, and ten minutes, so
 * that a link that comes and goes does not make it say both again and again.
 */
export class StorageWatch {
  readonly #low = new Switch();
  readonly #short = new Switch();

  /** Looks at the room there is at `now` (epoch milliseconds); returns what is to be said. */
  look(room: OutboxRoom, now: number): StorageNotice[] {
    const said: StorageNotice[] = [];
    const low = this.#low.set(isLow(room), isPlenty(room), now);
    if (low !== null) {
      const [notice, text] = low.on
        ? ["storage-low", lowText(room)]
        : ["storage-back", "The outbox has room again."];
      said.push({ notice, text, since: low.since });
    }
    const short = this.#short.set(room.diskShort, !room.diskShort, now);
    if (short !== null) {
      const [notice, text] = short.on
        ? ["disk-short", shortText(room)]
        : ["disk-back", "The disk has free space again."];
      said.push({ notice, text, since: short.since });
    }
    return said;
  }
}

/** On, and off again only after a while. */
class Switch {
  #since: number | null = null;

  /** What changed, if anything: whether it is on now, and since when it is or was (epoch milliseconds). */
  set(
    on: boolean,
    off: boolean,
    now: number,
  ): { readonly on: boolean; readonly since: number } | null {
    if (this.#since === null && on) {
      this.#since = now;
      return { on: true, since: now };
    }
    if (this.#since !== null && off && Math.abs(now - this.#since) >= HOLD_MS) {
      const since = this.#since;
      this.#since = null;
      return { on: false, since };
    }
    return null;
  }
}

function isLow({ bytes, limit, fullInMs }: OutboxRoom): boolean {
  const used = bytes / Math.max(1, limit);
  return used >= LOW_PART || (used >= SOME_PART && fullInMs !== null && fullInMs <= LOW_MS);
}

function isPlenty({ bytes, limit, fullInMs }: OutboxRoom): boolean {
  return bytes < PLENTY_PART * limit && (fullInMs === null || fullInMs > PLENTY_MS);
}

function lowText({ bytes, limit, fullInMs }: OutboxRoom): string {
  const percent = Math.min(100, Math.round((100 * bytes) / Math.max(1, limit)));
  const when = fullInMs === null ? "" : `, at this rate in ${spanText(fullInMs)}`;
  return `The outbox is ${percent} % full. When it is full${when}, it gives up records by the settings of their class. Bring the hub back, or carry the outbox to it: wardgate outbox export.`;
}

function shortText({ freeBytes, limit }: OutboxRoom): string {
  const free = Math.round((freeBytes ?? 0) / MIB);
  return `The disk has only ${free} MiB of free space: the outbox grows no more beyond ${Math.ceil(limit / MIB)} MiB. Free some space.`;
}

/** A span of time in words. */
export function spanText(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  const hours = Math.round(minutes / 60);
  if (minutes < 120) {
    return minutes < 2 ? "a minute" : `${minutes} minutes`;
  }
  return hours < 72 ? `${hours} hours` : `${Math.round(hours / 24)} days`;
}

const MIB = 2 ** 20;
const HOLD_MS = 600_000;
/** Low: this full, or at least some of it full and the rest in a day. */
const LOW_PART = 0.8;
const SOME_PART = 0.1;
const LOW_MS = 86_400_000;
/** Room again: no fuller than this, and not to be full for so long. */
const PLENTY_PART = 0.6;
const PLENTY_MS = 1.5 * LOW_MS;

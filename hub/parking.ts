/** One message as it came from the broker. */
export interface Message {
  readonly topic: string;
  readonly payload: Uint8Array;
}

/**
 * Records that came before the epoch they are sealed under. Bounded and in memory only: none of them has a receipt, so
 * whatever is dropped here comes again.
 */
export class Parking {
  readonly #messages = new Map<string, Message[]>();
  /** When to look for an epoch next, and how long to wait after that; by the same key. */
  readonly #looks = new Map<string, { at: number; waitMs: number }>();
  readonly #messagesMax: number;
  readonly #bytesMax: number;
  #count = 0;
  #bytes = 0;

  constructor(limits: { readonly messagesMax: number; readonly bytesMax: number }) {
    this.#messagesMax = limits.messagesMax;
    this.#bytesMax = limits.bytesMax;
  }

  /** Keeps the message until the gateway's epoch is here; false when there is no room for it. */
  add(gateway: string, epoch: string, message: Message): boolean {
    if (this.#count >= this.#messagesMax || this.#bytes + message.payload.length > this.#bytesMax) {
      return false;
    }
    const key = keyOf(gateway, epoch);
    const waiting = this.#messages.get(key) ?? [];
    waiting.push(message);
    this.#messages.set(key, waiting);
    this.#count += 1;
    this.#bytes += message.payload.length;
    return true;
  }

  /** Gives back what waited for the epoch, in order of arrival. */
  take(gateway: string, epoch: string): readonly Message[] {
    const key = keyOf(gateway, epoch);
    const waiting = this.#messages.get(key) ?? [];
    this.#messages.delete(key);
    this.#forget(waiting);
    return waiting;
  }

  /**
   * The epochs that something waits for and that should be looked for now (milliseconds of a monotonic clock), each more and
   * more seldom.
   */
  due(now: number): { readonly gateway: string; readonly epoch: string }[] {
    for (const key of this.#looks.keys()) {
      if (!this.#messages.has(key) && this.#looks.size > LOOKS_MAX) {
        this.#looks.delete(key);
      }
    }
    const due: { readonly gateway: string; readonly epoch: string }[] = [];
    for (const key of this.#messages.keys()) {
      const look = this.#looks.get(key) ?? { at: now, waitMs: LOOK_MIN_MS };
      if (look.at <= now) {
        const [gateway = "", epoch = ""] = key.split("/");
        due.push({ gateway, epoch });
        look.at = now + look.waitMs;
        look.waitMs = Math.min(2 * look.waitMs, LOOK_MAX_MS);
      }
      this.#looks.set(key, look);
    }
    return due;
  }

  /** Forgets everything: it will come again. */
  clear(): void {
    for (const waiting of this.#messages.values()) {
      this.#forget(waiting);
    }
    this.#messages.clear();
  }

  get count(): number {
    return this.#count;
  }

  #forget(messages: readonly Message[]): void {
    this.#count -= messages.length;
    this.#bytes -= messages.reduce((sum, { payload }) => sum + payload.length, 0);
  }
}

const LOOK_MIN_MS = 250;
const LOOK_MAX_MS = 8000;
/** Epochs of which is remembered how often they were looked for. */
const LOOKS_MAX = 4000;

function keyOf(gateway: string, epoch: string): string {
  return `${gateway}/${epoch}`;
}

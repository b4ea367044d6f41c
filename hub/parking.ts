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

function keyOf(gateway: string, epoch: string): string {
  return `${gateway}/${epoch}`;
}

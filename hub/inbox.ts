import type { Message } from "./parking.ts";
import { parseUpTopic } from "./topics.ts";

/** Messages on their way from the broker to the store: epochs and live records first, then the backlog. Bounded. */
export class Inbox {
  readonly #urgent: Message[] = [];
  readonly #backlog: Message[] = [];
  #bytes = 0;

  /** Adds a message; false when there is no room and it was not taken. */
  add(message: Message): boolean {
    if (this.count >= MESSAGES_MAX || this.#bytes + message.payload.length > BYTES_MAX) {
      return false;
    }
    const topic = parseUpTopic(message.topic);
    const isBacklog = topic?.kind === "record" && topic.backlog;
    (isBacklog ? this.#backlog : this.#urgent).push(message);
    this.#bytes += message.payload.length;
    return true;
  }

  /** The next messages, `countMax` at most; they stay until `remove`. */
  next(countMax: number): readonly Message[] {
    const queue = this.#urgent.length > 0 ? this.#urgent : this.#backlog;
    return queue.slice(0, countMax);
  }

  /** Removes the first `count` of what `next` gave. */
  remove(messages: readonly Message[], count: number): void {
    const queue = messages[0] === this.#urgent[0] ? this.#urgent : this.#backlog;
    for (const { payload } of queue.splice(0, count)) {
      this.#bytes -= payload.length;
    }
  }

  clear(): void {
    this.#urgent.length = 0;
    this.#backlog.length = 0;
    this.#bytes = 0;
  }

  get count(): number {
    return this.#urgent.length + this.#backlog.length;
  }

  /** True when the broker should be held back. */
  get isFilling(): boolean {
    return this.count >= MESSAGES_MAX / 2 || this.#bytes >= BYTES_MAX / 2;
  }
}

/** Messages that may wait, and their bytes together. */
const MESSAGES_MAX = 2048;
const BYTES_MAX = 64 * 2 ** 20;

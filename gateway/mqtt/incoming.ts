export type MessageListener = (topic: string, payload: Uint8Array) => void;

/** Hands messages to the listeners, and holds the next one back while paused. */
export class Incoming {
  readonly #listeners: MessageListener[] = [];
  #isPaused = false;
  #held: (() => void) | null = null;

  add(listener: MessageListener): void {
    this.#listeners.push(listener);
  }

  /** Throws what a listener throws. */
  deliver(topic: string, payload: Uint8Array): void {
    for (const listener of this.#listeners) {
      listener(topic, payload);
    }
  }

  /** Calls `next` now, or when no longer paused. */
  whenWanted(next: () => void): void {
    if (this.#isPaused) {
      this.#held = next;
    } else {
      next();
    }
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    const held = this.#held;
    this.#held = null;
    held?.();
  }
}

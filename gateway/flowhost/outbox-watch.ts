import type { OutboxStatus } from "../rooms.ts";

type Listener = (status: OutboxStatus) => void;

/** Passes on how the outbox is doing: at once to who asks, then at most once a second. */
export class OutboxWatch {
  readonly #listeners = new Set<Listener>();
  readonly #intervalMs: number;
  #status: OutboxStatus = { connected: false, classes: {} };
  #told: OutboxStatus | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(intervalMs: number = INTERVAL_MS) {
    this.#intervalMs = intervalMs;
  }

  /** Adds a listener; returns the act that removes it. */
  watch(listener: Listener): () => void {
    this.#listeners.add(listener);
    listener(this.#status);
    return () => void this.#listeners.delete(listener);
  }

  /** News of the keeper. */
  update(status: OutboxStatus): void {
    this.#status = status;
    if (this.#timer === null) {
      this.#tell();
    }
  }

  /** The keeper is gone: nothing leaves the house. */
  lost(): void {
    this.update({ ...this.#status, connected: false });
  }

  close(): void {
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
    }
    this.#listeners.clear();
  }

  #tell(): void {
    this.#timer = null;
    if (this.#told === this.#status) {
      return;
    }
    this.#told = this.#status;
    for (const listener of this.#listeners) {
      listener(this.#status);
    }
    this.#timer = setTimeout(() => this.#tell(), this.#intervalMs);
  }
}

const INTERVAL_MS = 1000;

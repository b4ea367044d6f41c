/** Does something soon, at once when it is quiet, and not again for a while: what comes meanwhile is done together. */
export class Gathered {
  readonly #act: () => void;
  readonly #ms: number;
  #isComing = false;
  #later: NodeJS.Timeout | null = null;
  #doneAt = -Infinity;

  /** @param ms shortest time between two acts (milliseconds) */
  constructor(act: () => void, ms: number) {
    this.#act = act;
    this.#ms = ms;
  }

  soon(): void {
    if (this.#isComing) {
      return;
    }
    this.#isComing = true;
    const wait = this.#doneAt + this.#ms - performance.now();
    if (wait > 0) {
      setTimeout(() => this.#now(), wait);
    } else {
      setImmediate(() => this.#now());
    }
  }

  /** For what is not urgent: after `ms` milliseconds at the latest, and before that together with what is. 0 is soon. */
  within(ms: number): void {
    if (ms === 0) {
      this.soon();
    } else if (!this.#isComing) {
      this.#later ??= setTimeout(() => this.#now(), ms);
    }
  }

  #now(): void {
    this.#isComing = false;
    clearTimeout(this.#later ?? undefined);
    this.#later = null;
    this.#doneAt = performance.now();
    this.#act();
  }
}

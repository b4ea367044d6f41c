/** Does something soon, at once when it is quiet, and not again for a while: what comes meanwhile is done together. */
export class Gathered {
  readonly #act: () => void;
  readonly #ms: number;
  #isComing = false;
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
    const act = (): void => {
      this.#isComing = false;
      this.#doneAt = performance.now();
      this.#act();
    };
    const wait = this.#doneAt + this.#ms - performance.now();
    if (wait > 0) {
      setTimeout(act, wait);
    } else {
      setImmediate(act);
    }
  }
}

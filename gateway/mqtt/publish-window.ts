/** Places for publishes without an answer: as many as the broker takes at a time, the rest waits in order. */
export class PublishWindow {
  /** Places in all, 1 or more. May be changed while nothing is taken. */
  max: number;
  #taken = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(max: number) {
    this.max = max;
  }

  /** Resolves when there is a place; give it back with `leave()`. */
  async enter(): Promise<void> {
    if (this.#taken >= this.max) {
      // The one that leaves hands its place over, so nobody can slip in between.
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
      return;
    }
    this.#taken += 1;
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) {
      this.#taken -= 1;
    } else {
      next();
    }
  }
}

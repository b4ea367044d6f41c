/** A map that forgets what was put into it longest ago. */
export class Recent<Value> {
  readonly #most: number;
  #young = new Map<string, Value>();
  #old = new Map<string, Value>();

  /** It remembers the last `most / 2` values at least, `most` at most. */
  constructor(most: number) {
    this.#most = most;
  }

  /** What was put under this key lately. */
  get(key: string): Value | undefined {
    return this.#young.get(key) ?? this.#old.get(key);
  }

  /** Puts a value; undefined puts none. */
  set(key: string, value: Value | undefined): void {
    if (value === undefined) {
      return;
    }
    if (this.#young.size >= this.#most / 2) {
      // All that is older goes at once: deleting one by one from a large map costs far more.
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }
}

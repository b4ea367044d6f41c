/** A map that forgets what was put into it longest ago. */
export class Recent<Value> {
  readonly #entries = new Map<string, Value>();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  /** What was put under this key lately. */
  get(key: string): Value | undefined {
    return this.#entries.get(key);
  }

  /** Puts a value; undefined puts none. */
  set(key: string, value: Value | undefined): void {
    if (value === undefined) {
      return;
    }
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size > this.#most) {
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest);
        break;
      }
    }
  }
}

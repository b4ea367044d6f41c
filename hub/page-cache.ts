/** How pages of one kind become bytes and come back. */
export interface PageForm<T> {
  /** Begins the keys of this kind and of no other. */
  readonly prefix: string;
  encode(page: T): Uint8Array;
  decode(bytes: Uint8Array): T;
}

/** Pages of one kind in memory: what was read, what was changed, and what is known not to be there. */
export class PageCache<T> {
  readonly #form: PageForm<T>;
  readonly #pages = new Map<string, T | null>();
  readonly #changed = new Set<string>();
  /** Pages that the store has. */
  readonly #stored = new Set<string>();

  constructor(form: PageForm<T>) {
    this.#form = form;
  }

  /** The full key of a page. */
  key(name: string): string {
    return this.#form.prefix + name;
  }

  get prefix(): string {
    return this.#form.prefix;
  }

  /** True when it is known whether there is such a page. */
  knows(name: string): boolean {
    return this.#pages.has(name);
  }

  /** Takes in what the store has under a key; null for nothing. */
  learn(name: string, bytes: Uint8Array | null): void {
    if (!this.#pages.has(name)) {
      this.#pages.set(name, bytes === null ? null : this.#form.decode(bytes));
      if (bytes !== null) {
        this.#stored.add(name);
      }
    }
  }

  /** The page, or null when there is none. Throws TypeError when it was never looked for: the caller forgot to. */
  find(name: string): T | null {
    const page = this.#pages.get(name);
    if (page === undefined) {
      throw new TypeError(`page ${this.key(name)} was not loaded`);
    }
    return page;
  }

  /** Sets a page, or says that it changed; null takes it away. */
  put(name: string, page: T | null): void {
    this.#pages.set(name, page);
    this.#changed.add(name);
  }

  decode(bytes: Uint8Array): T {
    return this.#form.decode(bytes);
  }

  /** Everything in memory that is there. */
  *entries(): Generator<[string, T]> {
    for (const [name, page] of this.#pages) {
      if (page !== null) {
        yield [name, page];
      }
    }
  }

  get changedCount(): number {
    return this.#changed.size;
  }

  /** What has to be saved, by full key; null for what is to be deleted. What came and went between two saves is not in it. */
  changes(): [string, Uint8Array | null][] {
    const changes: [string, Uint8Array | null][] = [];
    for (const name of this.#changed) {
      const page = this.find(name);
      if (page !== null) {
        changes.push([this.key(name), this.#form.encode(page)]);
      } else if (this.#stored.has(name)) {
        changes.push([this.key(name), null]);
      }
    }
    return changes;
  }

  /** All changes are saved; keeps the `countMax` pages that came last. */
  settle(countMax: number): void {
    for (const name of this.#changed) {
      if (this.#pages.get(name) === null) {
        this.#stored.delete(name);
      } else {
        this.#stored.add(name);
      }
    }
    this.#changed.clear();
    for (const name of this.#pages.keys()) {
      if (this.#pages.size <= countMax) {
        return;
      }
      this.#pages.delete(name);
      this.#stored.delete(name);
    }
  }
}

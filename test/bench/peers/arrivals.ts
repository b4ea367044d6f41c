/** Counts numbered messages, each once however often it comes. Numbers count from 0 or 1, so a bit each is enough. */
export class Arrivals {
  #seen = new Uint8Array(64 * 1024);
  #readings = 0;
  #duplicates = 0;

  /** Readings of distinct messages. */
  get readings(): number {
    return this.#readings;
  }

  /** Messages that came once more. */
  get duplicates(): number {
    return this.#duplicates;
  }

  /** Takes a message; one without a number counts as new. Returns false for one that was here before. */
  add(number: number | null, readings: number): boolean {
    if (number !== null && !this.#mark(number)) {
      this.#duplicates += 1;
      return false;
    }
    this.#readings += readings;
    return true;
  }

  #mark(number: number): boolean {
    const place = Math.floor(number / 8);
    if (place >= this.#seen.length) {
      const wider = new Uint8Array(2 * place);
      wider.set(this.#seen);
      this.#seen = wider;
    }
    const before = this.#seen[place] ?? 0;
    const bit = 1 << (number % 8);
    this.#seen[place] = before | bit;
    return (before & bit) === 0;
  }
}

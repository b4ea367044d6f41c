/** What of the flow host's requests is under way, and whether the keeper takes more at the moment. */
export class Requests {
  #documents = 0;
  #puts = 0;
  #putBytes = 0;

  /** True while no further request may be read. */
  get full(): boolean {
    return (
      this.#documents >= DOCUMENTS_MAX || this.#puts >= PUTS_MAX || this.#putBytes >= PUT_BYTES_MAX
    );
  }

  /** A request with `bytes` of blobs begins; returns the act that ends it. */
  begin(kind: "put" | "load" | "save", bytes: number): () => void {
    const [puts, putBytes, documents] = kind === "put" ? [1, bytes, 0] : [0, 0, 1];
    this.#count(puts, putBytes, documents);
    return () => this.#count(-puts, -putBytes, -documents);
  }

  #count(puts: number, putBytes: number, documents: number): void {
    this.#puts += puts;
    this.#putBytes += putBytes;
    this.#documents += documents;
  }
}

/** Loads and saves at once, at most. */
const DOCUMENTS_MAX = 4;
/** Puts at once, and their bytes, at most; the last one may go over. A flow host makes one at a time. */
const PUTS_MAX = 16;
const PUT_BYTES_MAX = 16 * 2 ** 20;

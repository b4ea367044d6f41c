import type { Reading } from "../reading.ts";

/** What names a series. */
export type SeriesName = Pick<Reading, "device" | "code" | "path">;

/**
 * Finds what is kept of a series by its name. It is looked at for every reading, and so a name is not put together first: that would
 * cost five times as much.
 */
export class BoardIndex<Kept> {
  readonly #devices = new Map<string, Map<string, Map<string, Kept>>>();
  #size = 0;

  /** Series in the index. */
  get size(): number {
    return this.#size;
  }

  get({ device, code, path }: SeriesName): Kept | undefined {
    return this.#devices.get(device)?.get(code)?.get(path);
  }

  /** Adds what is kept of a series that is not there yet. */
  add({ device, code, path }: SeriesName, kept: Kept): void {
    const codes = this.#devices.get(device) ?? new Map<string, Map<string, Kept>>();
    const paths = codes.get(code) ?? new Map<string, Kept>();
    this.#devices.set(device, codes.set(code, paths.set(path, kept)));
    this.#size += 1;
  }

  /** Removes a series that is there. */
  delete({ device, code, path }: SeriesName): void {
    const codes = this.#devices.get(device);
    const paths = codes?.get(code);
    paths?.delete(path);
    if (paths?.size === 0) {
      codes?.delete(code);
    }
    if (codes?.size === 0) {
      this.#devices.delete(device);
    }
    this.#size -= 1;
  }
}

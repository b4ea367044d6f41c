import type { Authority } from "./authority.ts";
import type { RootKind } from "./ca.ts";
import { issueLists } from "./lists.ts";

type Lists = Readonly<Record<RootKind, string>>;

/** Revocation lists to give out: made anew when the last ones are a few minutes old, so that a revocation counts soon. */
export class ListShelf {
  readonly #authority: Authority;
  readonly #days: number;
  #lists: Promise<Lists> | null = null;
  #madeAt = 0;

  /** Lists count for `days` days. */
  constructor(authority: Authority, days: number) {
    this.#authority = authority;
    this.#days = days;
  }

  /** Lists that are young enough. @throws WardError as `issueLists` */
  async fresh(): Promise<Lists> {
    if (this.#lists === null || performance.now() - this.#madeAt > AGE_MS) {
      this.#madeAt = performance.now();
      this.#lists = issueLists(this.#authority, this.#days);
    }
    try {
      return await this.#lists;
    } catch (error) {
      this.#lists = null;
      throw error;
    }
  }
}

const AGE_MS = 300_000;

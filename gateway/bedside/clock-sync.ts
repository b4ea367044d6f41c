import { existsSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Whether the system says that its clock is synchronised: systemd-timesyncd, and others that are told to, make a file when it
 * is. No file in a directory that is there means "not yet"; no directory, that nobody tells.
 */
export class ClockSync {
  readonly #path: string;
  readonly #timer: NodeJS.Timeout | null;
  #state: boolean | null = null;

  /** Looks now, and from now on. @param path the file; "" when there is none */
  constructor(path: string) {
    this.#path = path;
    this.look();
    this.#timer = path === "" ? null : setInterval(() => this.look(), LOOK_MS).unref();
  }

  /** True, false, or null when it is not known. */
  get state(): boolean | null {
    return this.#state;
  }

  look(): void {
    if (this.#path !== "") {
      const isTold = isThere(dirname(this.#path));
      this.#state = isTold ? isThere(this.#path) : null;
    }
  }

  stop(): void {
    clearInterval(this.#timer ?? undefined);
  }
}

const LOOK_MS = 5000;

/** Where this process may not look, there is nothing. */
function isThere(path: string): boolean {
  try {
    return existsSync(path);
  } catch {
    return false;
  }
}

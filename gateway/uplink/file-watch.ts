import { stat } from "node:fs/promises";

export interface FileWatchOptions {
  readonly paths: readonly string[];
  /** How often to look (milliseconds). */
  readonly everyMs: number;
  /** Called when the files are other ones than before and have stayed so from one look to the next. */
  readonly changed: () => void;
}

/**
 * Tells when files were replaced. It looks at them now and then: notifications of the system do not cross the mounts that
 * containers put between.
 */
export class FileWatch {
  readonly #options: FileWatchOptions;
  #timer: NodeJS.Timeout | null = null;
  #told: string | null = null;
  #seen: string | null = null;
  #isLooking = false;
  #isStopped = false;

  constructor(options: FileWatchOptions) {
    this.#options = options;
  }

  /** What lies there now is what changes are measured against. */
  async start(): Promise<void> {
    await this.accept();
    if (this.#isStopped) {
      return;
    }
    this.#timer = setInterval(() => void this.look(), this.#options.everyMs);
  }

  /** What lies there now is known: it was put there by us. */
  async accept(): Promise<void> {
    this.#told = await printOf(this.#options.paths);
    this.#seen = this.#told;
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#timer ?? undefined);
  }

  /** Looks once. Never rejects: a file that cannot be looked at is one that is not there. */
  async look(): Promise<void> {
    if (this.#isLooking) {
      return;
    }
    this.#isLooking = true;
    const print = await printOf(this.#options.paths);
    this.#isLooking = false;
    const isSettled = print === this.#seen;
    this.#seen = print;
    if (isSettled && print !== this.#told && !this.#isStopped) {
      this.#told = print;
      this.#options.changed();
    }
  }
}

/** Changes with every replacement of any of the files. */
async function printOf(paths: readonly string[]): Promise<string> {
  const prints = await Promise.all(
    paths.map(async (path) => {
      const facts = await stat(path, { bigint: true }).catch(() => null);
      return facts === null ? "" : `${facts.ino} ${facts.size} ${facts.mtimeNs} ${facts.ctimeNs}`;
    }),
  );
  return prints.join("\n");
}

import { errorText } from "../errors.ts";
import { lineKey } from "../lines/line-url.ts";
import type { Line } from "../lines/line.ts";

/** What the pool needs to open a line. */
export interface LinePoolOptions {
  /** Line URLs that the signed settings allow; compared without their query. */
  readonly allowedLines: readonly string[];
  readonly openLine: (url: string) => Promise<Line>;
}

/** Why a line is not opened: a stable word, and one sentence. */
export interface LineRefusal {
  readonly notice: "line-not-usable" | "line-not-allowed";
  readonly text: string;
}

/** A line that somebody uses; to be released once. */
export interface HeldLine {
  readonly key: string;
  readonly line: Promise<Line>;
  readonly release: () => void;
}

/**
 * The open lines of this gateway, each opened when first held and closed when nobody holds it any more. Only lines of the
 * signed settings are opened, and a port that is still closing is waited for: it has one owner.
 */
export class LinePool {
  readonly #openLine: LinePoolOptions["openLine"];
  readonly #allowed: ReadonlySet<string>;
  readonly #open = new Map<
    string,
    { readonly url: string; line: Promise<Line>; holders: number }
  >();
  #closing: Promise<void> = Promise.resolve();

  constructor({ allowedLines, openLine }: LinePoolOptions) {
    this.#openLine = openLine;
    this.#allowed = new Set(allowedLines.map(keyOrNothing).filter((key) => key !== ""));
  }

  /** Why this line may not be opened now, or null when it may. */
  refusal(url: string): LineRefusal | null {
    let key: string;
    try {
      key = lineKey(url);
    } catch (error) {
      return { notice: "line-not-usable", text: errorText(error) };
    }
    if (!this.#allowed.has(key)) {
      return {
        notice: "line-not-allowed",
        text: `the line ${key} is not in the signed settings of this gateway. Ask IT to add it.`,
      };
    }
    const open = this.#open.get(key);
    return open === undefined || open.url === url
      ? null
      : {
          notice: "line-not-usable",
          text: `the line ${key} is already open with other settings. Use one line node for both.`,
        };
  }

  /** Opens a line, or shares it. Only for a line without a refusal. */
  hold(url: string): HeldLine {
    const key = lineKey(url);
    const open = this.#open.get(key) ?? this.#start(key, url);
    open.holders += 1;
    let held = true;
    const release = (): void => {
      if (held) {
        held = false;
        open.holders -= 1;
        this.#closeUnused(key, open);
      }
    };
    return { key, line: open.line, release };
  }

  /** Closes what is open, whoever holds it; resolves when all is closed. */
  async close(): Promise<void> {
    const lines = [...this.#open.values()];
    this.#open.clear();
    await Promise.allSettled(lines.map(async ({ line }) => (await line).close()));
    await this.#closing;
  }

  #start(key: string, url: string): { url: string; line: Promise<Line>; holders: number } {
    const line = this.#closing.then(() => this.#openLine(url));
    const open = { url, line, holders: 0 };
    this.#open.set(key, open);
    line.catch(() => {
      if (this.#open.get(key) === open) {
        this.#open.delete(key);
      }
    });
    return open;
  }

  #closeUnused(
    key: string,
    open: { readonly line: Promise<Line>; readonly holders: number },
  ): void {
    if (open.holders === 0 && this.#open.get(key) === open) {
      this.#open.delete(key);
      const closed = open.line.then((line) => line.close()).catch(() => undefined);
      this.#closing = this.#closing.then(() => closed);
    }
  }
}

/** The resource of a line, or "" for a URL that is none: what cannot be opened is not allowed either. */
function keyOrNothing(url: string): string {
  try {
    return lineKey(url);
  } catch {
    return "";
  }
}

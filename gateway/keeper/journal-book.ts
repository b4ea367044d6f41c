import { randomBytes } from "node:crypto";
import { join } from "node:path";

import { errorCode, errorText, WardError } from "../errors.ts";
import { BOOT_BYTES } from "../journal/entry.ts";
import { type JournalEvent, type JournalKind, parseJournalEvent } from "../journal/event.ts";
import { Journal } from "../journal/journal.ts";
import type { SegmentOwner } from "../journal/segment.ts";
import type { ClockQuality } from "../reading.ts";
import { Allowance } from "./allowance.ts";

export interface JournalBookOptions {
  readonly dataDirectory: string;
  readonly owner: SegmentOwner;
  readonly bytesMax: number;
  /** Gateway time, epoch milliseconds. */
  readonly now: () => number;
  readonly clock: () => ClockQuality;
  /** Called when an entry is on disk. */
  readonly written: () => void;
  /** Hears why something that had already happened could not be written down. */
  readonly trouble: (error: unknown) => void;
}

/**
 * The keeper's journal: kept open, or tried again with every entry while its disk does not let it be opened. Collecting and
 * forwarding never wait for it; what has to be written down first does.
 */
export class JournalBook {
  readonly #options: JournalBookOptions;
  readonly #boot: string = randomBytes(BOOT_BYTES).toString("hex");
  readonly #allowances = new Map<JournalKind, Allowance>();
  #journal: Journal | null = null;

  constructor(options: JournalBookOptions) {
    this.#options = options;
    try {
      this.#opened();
    } catch (error) {
      options.trouble(error);
    }
  }

  /** The open journal, or null. */
  get journal(): Journal | null {
    return this.#journal;
  }

  /** See `Journal.append`. Throws `WARD_JOURNAL_OPEN` too, and `WARD_JOURNAL_BUSY` for more of one kind than people do. */
  async append(event: JournalEvent): Promise<void> {
    const allowance = this.#allowanceOf(event.kind);
    const isAllowed = allowance?.take() ?? true;
    if (!isAllowed) {
      throw new WardError(
        "WARD_JOURNAL_BUSY",
        "Cannot do this now: it was done too often in a short time, and each time is written down. Try again in a minute.",
      );
    }
    const count = allowance?.takeLeftOut() ?? 0;
    if (count > 0) {
      const what = { of: event.kind, count };
      await this.#write({ kind: "journal-left-out", who: "gateway", outcome: "done", what });
    }
    await this.#write(event);
  }

  /** Writes down what has happened already, such as the end of a room; trouble is told and nothing else. */
  note(event: JournalEvent): void {
    this.#write(event).catch((error: unknown) => this.#options.trouble(error));
  }

  /**
   * Answers main: `journal-append` with an event in JSON, `journal-last`, or `journal-page COUNT [FROM]`. With `error` and `code`
   * when it cannot.
   */
  async ask(question: string): Promise<object> {
    try {
      if (question === "journal-last") {
        return { kind: this.#opened().lastHouse };
      }
      if (question.startsWith(PAGE)) {
        const [count = 0, from = null] = question.slice(PAGE.length).split(" ").map(Number);
        const { size, entries } = this.#opened().page(from, count);
        return { size, entries: entries.map(({ index, entry }) => ({ index, ...entry })) };
      }
      const json: unknown = JSON.parse(question.slice(APPEND.length));
      await this.append(parseJournalEvent(json));
      return { written: true };
    } catch (error) {
      return { error: errorText(error), code: errorCode(error) };
    }
  }

  async close(): Promise<void> {
    await this.#journal?.close();
  }

  async #write(event: JournalEvent): Promise<void> {
    await this.#opened().append(event);
    this.#options.written();
  }

  #opened(): Journal {
    const { dataDirectory, owner, bytesMax, now, clock } = this.#options;
    const directory = join(dataDirectory, "journal");
    const boot = this.#boot;
    this.#journal ??= Journal.open({ directory, owner, boot, bytesMax, now, clock });
    return this.#journal;
  }

  #allowanceOf(kind: JournalKind): Allowance | undefined {
    const limit = LIMITS[kind];
    if (limit !== undefined && !this.#allowances.has(kind)) {
      this.#allowances.set(kind, new Allowance(limit[0], limit[1], () => performance.now()));
    }
    return this.#allowances.get(kind);
  }
}

const APPEND = "journal-append ";
const PAGE = "journal-page ";
/** What strangers and flows can bring about would push everything else out of a journal of bounded size. */
const LIMITS: Partial<Readonly<Record<JournalKind, readonly [burst: number, everyMs: number]>>> = {
  "login-refused": [20, 60_000],
  "login-issued": [60, 10_000],
  "break-glass": [30, 60_000],
  view: [120, 10_000],
  "deploy-requested": [600, 5000],
  "flows-deployed": [600, 5000],
  // As many as two receipts can name.
  "record-rejected": [2048, 1000],
  "epoch-begun": [100, 10_000],
  "unknown-destination": [200, 60_000],
  "device-conduct": [200, 60_000],
  "guard-tampered": [20, 60_000],
  "guard-rules": [20, 60_000],
};

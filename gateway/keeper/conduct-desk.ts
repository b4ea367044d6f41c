import type { Change } from "../guard/change.ts";
import { ConductJudge, type JudgeOptions } from "../guard/conduct-judge.ts";
import { readMemories, writeMemories } from "../guard/device-memory.ts";
import { GroupedChanges } from "../guard/grouped.ts";
import type { Neighbour } from "../guard/sightings.ts";
import type { Conduct } from "../conduct.ts";
import type { JournalBook } from "./journal-book.ts";
import type { KeeperNotices } from "./notices.ts";
import type { Vault } from "./vault.ts";

export interface ConductDeskOptions {
  readonly judge: JudgeOptions;
  readonly vault: Pick<Vault, "read" | "write">;
  readonly notices: Pick<KeeperNotices, "of">;
  readonly book: Pick<JournalBook, "append">;
  /** Gateway time, epoch milliseconds. */
  readonly now: () => number;
}

/** The keeper's eye on how devices behave: what bedside counts is judged here, remembered encrypted, told and written down. */
export class ConductDesk {
  readonly #options: ConductDeskOptions;
  readonly #judge: ConductJudge;
  readonly #grouped = new GroupedChanges();
  #written: string;
  readonly #timers: readonly NodeJS.Timeout[];

  private constructor(options: ConductDeskOptions, text: string) {
    this.#options = options;
    this.#written = text;
    this.#judge = new ConductJudge(options.judge, readMemories(text));
    this.#timers = [
      setInterval(() => this.#tell(), TELL_MS).unref(),
      setInterval(() => void this.#save(), SAVE_MS).unref(),
    ];
  }

  /** Recalls what was learned before. */
  static async open(options: ConductDeskOptions): Promise<ConductDesk> {
    return new ConductDesk(options, (await options.vault.read(DOCUMENT)) ?? "");
  }

  /** Takes a report of bedside. */
  take(conduct: Conduct): void {
    this.#changed(this.#judge.take(conduct, this.#options.now()));
  }

  /** Takes what the guard knows of hardware addresses. */
  neighbours(neighbours: readonly Neighbour[]): void {
    this.#changed(this.#judge.neighbours(neighbours));
  }

  /** The devices at an address, or at a name by which lines know it. */
  readonly devicesAt = (host: string): string[] => this.#judge.devicesAt(host);

  /** Keeps what was learned. */
  async close(): Promise<void> {
    this.#timers.forEach((timer) => clearInterval(timer));
    await this.#save();
  }

  #changed(changes: readonly Change[]): void {
    const fresh = this.#grouped.add(changes, performance.now());
    for (const { device, notice } of fresh) {
      const what = { device, change: notice };
      // Too many of them are counted in the journal.
      this.#options.book
        .append({ kind: "device-conduct", who: "gateway", outcome: "done", what })
        .catch(() => undefined);
    }
    if (fresh.length > 0) {
      // What was told must not be told again after a crash.
      void this.#save();
      this.#tell();
    }
  }

  #tell(): void {
    for (const { device, notice, text, since } of this.#grouped.take(performance.now())) {
      this.#options.notices.of({ device, notice, text, since });
    }
  }

  async #save(): Promise<void> {
    const text = writeMemories(this.#judge.memories);
    if (text !== this.#written) {
      this.#written = text;
      // A disk that takes nothing is told elsewhere; the next time is soon.
      await this.#options.vault.write(DOCUMENT, text).catch(() => {
        this.#written = "";
      });
    }
  }
}

const DOCUMENT = "conduct";
const TELL_MS = 5000;
const SAVE_MS = 600_000;

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { EGRESS_NOTICE } from "../egress.ts";
import { errorText, WardError } from "../errors.ts";
import type { JournalEvent } from "../journal/event.ts";
import { textAt, valueAt } from "../json-value.ts";
import type { NoticeText, RoomName, RoomToMain } from "../rooms.ts";
import type { RoomChild } from "./room-child.ts";
import type { Settings } from "../settings.ts";
import type { SignedSettings } from "../identity/signed-settings.ts";

/**
 * Main's way to the journal, which the keeper has. What happens while there is no keeper, such as its own end, waits for the
 * next one.
 */
export class HouseJournal {
  readonly #ask: (question: string) => Promise<unknown>;
  readonly #settings: Settings;
  readonly #waiting: JournalEvent[] = [];
  #leftOut = 0;
  #flushing: Promise<void> | null = null;

  /** `ask` asks the keeper, and rejects when there is none. */
  constructor(settings: Settings, ask: (question: string) => Promise<unknown>) {
    this.#settings = settings;
    this.#ask = ask;
  }

  /**
   * Resolves when the event is in the journal, on disk: await it before it happens. Rejects with the keeper's WardError, or
   * `WARD_ROOM_SILENT`.
   */
  async append(event: JournalEvent): Promise<void> {
    await appendBy(this.#ask, event);
  }

  /** For what has happened already: it is written down as soon as that can be. */
  note(event: JournalEvent): void {
    if (this.#waiting.length >= WAITING_MAX) {
      this.#leftOut += 1;
    } else {
      this.#waiting.push(event);
    }
    void this.flush();
  }

  /** What no keeper has taken yet. */
  get unwritten(): readonly JournalEvent[] {
    return this.#waiting;
  }

  /** The keeper is there: writes down that the gateway started, and with what. */
  async began(site: SignedSettings): Promise<void> {
    const answer = await this.#ask("journal-last").catch(() => null);
    const last = textAt(answer, "kind");
    const before = last === "" ? "none" : last === "house-stopped" ? "stopped" : "cut-off";
    this.note({ ...DONE, kind: "house-started", what: { version: versionOf(), before } });
    this.loaded(site);
  }

  /** Signed settings are in force from now on. */
  loaded(site: SignedSettings): void {
    const what = { site: sha256(site), settings: sha256(this.#settings) };
    this.note({ ...DONE, kind: "settings-loaded", what });
  }

  /** A room has ended for the reason that `why` gives in words. */
  roomEnded(room: RoomName, why: string): void {
    const [reason, code] = [reasonOf(why), codeOf(why)];
    this.note({ ...DONE, kind: "room-ended", what: { room, reason, code } });
  }

  /** A room says something: that it was about to call somebody whom it may not is worth an entry. */
  heard(room: RoomName, { notice, text }: NoticeText): void {
    if (notice === EGRESS_NOTICE) {
      const to = /\b(?:tcp|udp|unix):[^\s,]+/.exec(text)?.[0] ?? "none:none";
      this.note({ kind: "egress-refused", who: "gateway", outcome: "refused", what: { room, to } });
    }
  }

  /** The gateway is about to stop. A keeper that is slow to answer does not hold it up for long. */
  async stopping(): Promise<void> {
    this.note({ ...DONE, kind: "house-stopped", what: {} });
    await Promise.race([this.flush(), sleep(STOPPING_MS, undefined, { ref: false })]);
  }

  /** Writes down what the listener asks for, and lets it know. */
  async answer(
    listener: Pick<RoomChild, "send">,
    { id, event }: Extract<RoomToMain, { t: "journal" }>,
  ): Promise<void> {
    const problem = await this.append(event).then(() => null, errorText);
    listener.send({ t: "journaled", id, problem });
  }

  /** Writes down what waits; what still cannot be goes on waiting. Never rejects. */
  async flush(): Promise<void> {
    this.#flushing ??= this.#flush().finally(() => {
      this.#flushing = null;
    });
    await this.#flushing;
  }

  async #flush(): Promise<void> {
    try {
      for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
        await this.append(next);
        this.#waiting.shift();
      }
      if (this.#leftOut > 0) {
        const count = this.#leftOut;
        await this.append({ ...DONE, kind: "journal-left-out", what: { of: "room-ended", count } });
        this.#leftOut -= count;
      }
    } catch {
      // The keeper is away or its disk is full: there will be another occasion.
    }
  }
}

/** Has the keeper write an event; see `HouseJournal.append`. No answer, or half a one, is not enough. */
export async function appendBy(
  ask: (question: string) => Promise<unknown>,
  event: JournalEvent,
): Promise<void> {
  const answer = await ask(`journal-append ${JSON.stringify(event)}`);
  if (valueAt(answer, "written") !== true) {
    throw new WardError(
      textAt(answer, "code") || "WARD_JOURNAL_WRITE",
      textAt(answer, "error") || "Cannot write the journal: the keeper is starting. Try again.",
    );
  }
}

const WAITING_MAX = 200;
const STOPPING_MS = 500;
const DONE = { who: "gateway", outcome: "done" } as const;

function sha256(value: object): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex");
}

/** The version of this program. */
function versionOf(): string {
  const about: unknown = JSON.parse(
    readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
  );
  return textAt(about, "version");
}

/** One word of what RoomChild says: never the words of an error, which may quote anything. */
function reasonOf(why: string): string {
  if (why.startsWith("did not answer")) {
    return "hung";
  }
  const [, signal, code] = /(SIG[A-Z0-9]{2,12})$|exit code (\d{1,3}|null)$/.exec(why) ?? [];
  return signal?.toLowerCase() ?? (code === undefined ? "unknown" : `exit-${code}`);
}

function codeOf(why: string): string {
  const code = /\(([A-Z][A-Z0-9_]{2,48})\), [^,]*$/.exec(why)?.[1] ?? "none";
  return code.toLowerCase().replaceAll("_", "-");
}

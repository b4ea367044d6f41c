import type { JournalEvent } from "../journal/event.ts";
import type { Session } from "./sessions.ts";

/** What people do at the editor that has to be written down before it is done. */
export class EditorActs {
  readonly #journal: (event: JournalEvent) => Promise<void>;
  readonly #now: () => number;
  /** When each session last opened each page, and was written down for it. */
  readonly #views = new Map<string, number>();

  /** `now` gives milliseconds of a clock that never goes back. */
  constructor(journal: (event: JournalEvent) => Promise<void>, now: () => number) {
    this.#journal = journal;
    this.#now = now;
  }

  /** A one-time login that was good. */
  async login({ mark, person }: Session): Promise<void> {
    const what = { session: mark };
    await this.#journal({ kind: "login", who: person.who, outcome: "accepted", what });
  }

  /** A login that was not; nothing waits for that. */
  refused(reason: string): void {
    this.#journal({
      kind: "login-refused",
      who: "editor",
      outcome: "refused",
      what: { reason },
    }).catch(() => undefined);
  }

  /** Resolves when a request may be passed on; null when there is nothing to write down of it. */
  written(session: Session, method: string, path: string): Promise<void> | null {
    const { mark, person } = session;
    if (method !== "GET" && DEPLOYS.test(path)) {
      const what = { session: mark };
      const kind = "deploy-requested";
      return this.#journal({ kind, who: person.who, outcome: "accepted", what });
    }
    const page = VIEWS[path];
    return page === undefined ? null : this.#view(session, page);
  }

  #view({ mark, person }: Session, page: string): Promise<void> | null {
    const key = `${mark} ${page}`;
    const now = this.#now();
    const seenAt = this.#views.get(key);
    if (seenAt !== undefined && now - seenAt < VIEW_MS) {
      return null;
    }
    const what = { session: mark, page };
    const written = this.#journal({ kind: "view", who: person.who, outcome: "accepted", what });
    return written.then(() => {
      if (this.#views.size >= VIEWS_MAX) {
        this.#views.clear();
      }
      this.#views.set(key, now);
    });
  }
}

/** Pages of the flow host that show values of devices. */
const VIEWS: Readonly<Record<string, string>> = { "/ward/board": "board", "/ward/test": "test" };
/** Where Node-RED takes flows: all of them, or one. */
const DEPLOYS = /^\/flows?(?:\/|$)/;
/** A page that somebody keeps looking at is written down this often. */
const VIEW_MS = 600_000;
const VIEWS_MAX = 256;

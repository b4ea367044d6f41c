import { createHash, randomBytes } from "node:crypto";

import { type Permission, permissionsOf, type Role } from "../access/permissions.ts";

/** Who a session belongs to. */
export interface Person {
  /** As accounts have it; "local" behind a one-time login. */
  readonly name: string;
  /** How the journal calls them: `person/NAME`, or `editor` behind a one-time login. */
  readonly who: string;
  readonly roles: readonly Role[];
  readonly wards: readonly string[];
}

/** Somebody with a shell on the gateway may do what wires and runs it. */
export const LOCAL: Person = {
  name: "local",
  who: "editor",
  roles: ["biomedical", "it"],
  wards: [],
};

/** A ward that was opened in an emergency. */
export interface BreakGlass {
  readonly ward: string;
  /** Epoch milliseconds, for people; the session counts steadily. */
  readonly until: number;
  readonly endsAt: number;
}

export interface Session {
  readonly id: string;
  /** What the journal calls the session: a part of its hash. */
  readonly mark: string;
  person: Person;
  readonly openedAt: number;
  usedAt: number;
  breakGlass: BreakGlass | null;
  /** When it was last written down that values were looked at. */
  viewedAt: number | null;
  /** Ends what stays open between requests. */
  readonly channels: Set<() => void>;
}

/** Open sessions, in memory only: they end with the process. */
export class Sessions {
  readonly #now: () => number;
  readonly #sessions = new Map<string, Session>();
  /** Hears of each session that has ended. */
  readonly #ended: (session: Session, why: "asked" | "idle" | "changed") => void;

  /** `now` gives milliseconds of a clock that never goes back. */
  constructor(
    now: () => number,
    ended: (session: Session, why: "asked" | "idle" | "changed") => void,
  ) {
    this.#now = now;
    this.#ended = ended;
  }

  /** Opens a session; of too many the one that was not used for longest ends. */
  open(person: Person): Session {
    const now = this.#now();
    const id = randomBytes(ID_BYTES).toString("base64url");
    const mark = createHash("sha256").update(id).digest("hex").slice(0, 16);
    const session: Session = {
      id,
      mark,
      person,
      openedAt: now,
      usedAt: now,
      breakGlass: null,
      viewedAt: null,
      channels: new Set(),
    };
    for (const oldest of this.#sessions.values()) {
      if (this.#sessions.size < SESSIONS_MAX) {
        break;
      }
      this.end(oldest, "idle");
    }
    this.#sessions.set(id, session);
    return session;
  }

  /** The live session of this id, or null; using it keeps it alive. */
  use(id: string): Session | null {
    const session = this.look(id);
    if (session !== null) {
      session.usedAt = this.#now();
      this.#sessions.delete(id);
      this.#sessions.set(id, session);
    }
    return session;
  }

  /** The live session of this id, or null; it does not stay alive by that. */
  look(id: string): Session | null {
    const session = this.#sessions.get(id);
    if (session === undefined) {
      return null;
    }
    const now = this.#now();
    if (now - session.usedAt > idleMsOf(session) || now - session.openedAt > LIFE_MS) {
      this.end(session, "idle");
      return null;
    }
    if (session.breakGlass !== null && now >= session.breakGlass.endsAt) {
      session.breakGlass = null;
    }
    return session;
  }

  end(session: Session, why: "asked" | "idle" | "changed"): void {
    if (this.#sessions.delete(session.id)) {
      closeChannels(session);
      this.#ended(session, why);
    }
  }

  /** An account is another one now, or gone (null): its sessions follow at once. */
  changed(name: string, person: Person | null): void {
    for (const session of this.#sessions.values()) {
      if (session.person.name === name && session.person.who !== LOCAL.who) {
        if (person === null) {
          this.end(session, "changed");
        } else {
          session.person = person;
          // They are opened again, as whoever this is now.
          closeChannels(session);
        }
      }
    }
  }

  /** Ends those whose time is over, which nobody has used since. */
  sweep(): void {
    [...this.#sessions.keys()].forEach((id) => this.look(id));
  }

  /** Opens a ward for a while, for this session alone. */
  breakGlass(session: Session, ward: string, wallClock: number): void {
    const endsAt = this.#now() + BREAK_GLASS_MS;
    session.breakGlass = { ward, until: wallClock + BREAK_GLASS_MS, endsAt };
  }
}

function closeChannels({ channels }: Session): void {
  channels.forEach((end) => end());
  channels.clear();
}

/** What the person of a session may do. */
export function mayOf({ person }: Session): ReadonlySet<Permission> {
  return new Set(permissionsOf(person.roles));
}

/** Without use a session ends after so long. */
export function idleMsOf({ person }: Session): number {
  return person.who === LOCAL.who ? LOCAL_IDLE_MS : IDLE_MS;
}

const ID_BYTES = 32;
const SESSIONS_MAX = 256;
const IDLE_MS = 15 * 60_000;
/** Whoever wires a flow at the bench is not thrown out over lunch. */
const LOCAL_IDLE_MS = 8 * 3_600_000;
const LIFE_MS = 12 * 3_600_000;
const BREAK_GLASS_MS = 15 * 60_000;

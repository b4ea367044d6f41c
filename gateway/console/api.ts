import { isRole, type Permission } from "../access/permissions.ts";
import type { WardBeds } from "../access/wards.ts";
import { WardError } from "../errors.ts";
import type { JournalEvent } from "../journal/event.ts";
import type { AccountChange, FactsEvent, JournalPage, Me, Ward } from "./contract.ts";
import { textIn, textsIn } from "./json-body.ts";
import type { People } from "./people.ts";
import { idleMsOf, mayOf, type Session, type Sessions } from "./sessions.ts";
import { factsFor, type Sight } from "./view.ts";

export interface ApiParts {
  readonly gateway: string;
  readonly authoring: boolean;
  readonly wards: () => readonly WardBeds[];
  readonly people: People;
  readonly sessions: Sessions;
  readonly sight: (session: Session) => Sight;
  readonly facts: () => Promise<FactsEvent>;
  /** A page of the journal; COUNT, or COUNT FROM. */
  readonly journalPage: (argument: string) => Promise<JournalPage>;
  /** Resolves when it is written down; what rejects does not happen. */
  readonly journal: (event: JournalEvent) => Promise<void>;
  /** Epoch milliseconds. */
  readonly wallClock: () => number;
}

/** What a route is asked. */
export interface Asked {
  readonly session: Session;
  readonly query: URLSearchParams;
  /** {} for what has none. */
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Route {
  /** Who may call it; null: whoever is logged in. */
  readonly permission: Permission | null;
  /** Its answer in JSON. */
  readonly answer: (asked: Asked) => unknown;
}

/**
 * Everything under /api that needs a login, by method and path. What is not here does not exist, and each says who may call it. The way in
 * (`POST /api/login`) and the stream (`GET /api/events`) are console.ts'.
 */
export function makeApi(parts: ApiParts): Readonly<Record<string, Route>> {
  const { people, sessions } = parts;
  return {
    "GET /api/me": { permission: null, answer: ({ session }) => meOf(parts, session) },
    "POST /api/logout": {
      permission: null,
      answer: ({ session }) => {
        sessions.end(session, "asked");
        return {};
      },
    },
    "GET /api/wards": {
      permission: null,
      answer: (): Ward[] => parts.wards().map(({ ward, beds }) => ({ ward, beds })),
    },
    "GET /api/facts": {
      permission: null,
      answer: async ({ session }) => factsFor(parts.sight(session), await parts.facts()),
    },
    "POST /api/break-glass": {
      permission: "break-glass",
      answer: async ({ session, body }) => openWard(parts, session, body),
    },
    "GET /api/journal": {
      permission: "security",
      answer: async ({ query }) => {
        const [count, from] = [query.get("count") ?? "50", query.get("from")];
        return parts.journalPage(from === null ? count : `${count} ${from}`);
      },
    },
    "GET /api/accounts": { permission: "accounts", answer: () => people.views() },
    "POST /api/accounts": {
      permission: "accounts",
      answer: async ({ session, body }) => {
        const change = changeIn(body);
        await writeAccountDown(parts, session, change.name, "changed");
        const person = await people.change(change);
        sessions.changed(change.name, person);
        return people.views();
      },
    },
    "DELETE /api/accounts": {
      permission: "accounts",
      answer: async ({ session, query }) => {
        const name = query.get("name") ?? "";
        await writeAccountDown(parts, session, name, "removed");
        await people.remove(name);
        sessions.changed(name, null);
        return people.views();
      },
    },
  };
}

async function meOf(parts: ApiParts, session: Session): Promise<Me> {
  const { person, breakGlass } = session;
  const may = mayOf(session);
  const own = may.has("all-wards") ? parts.wards().map(({ ward }) => ward) : person.wards;
  const opened = breakGlass === null ? [] : [breakGlass.ward];
  const firstAccount = may.has("accounts") && (await parts.people.list()).length === 0;
  return {
    name: person.name,
    roles: person.roles,
    permissions: [...may],
    wards: may.has("values") ? [...new Set([...own, ...opened])] : [],
    breakGlass: breakGlass === null ? null : { ward: breakGlass.ward, until: breakGlass.until },
    idleMs: idleMsOf(session),
    gateway: parts.gateway,
    authoring: parts.authoring,
    firstAccount,
  };
}

async function openWard(parts: ApiParts, session: Session, body: Asked["body"]): Promise<Me> {
  const ward = textIn(body, "ward", 64);
  const reason = textIn(body, "reason")
    .replaceAll(/[\p{C}\s]+/gu, " ")
    .trim();
  if (!parts.wards().some((known) => known.ward === ward)) {
    throw new WardError("WARD_PAGE_BODY", "Cannot open this ward: there is none of that name.");
  }
  if (reason.length < REASON_MIN) {
    throw new WardError(
      "WARD_REASON",
      `Cannot open this ward without a reason: say in ${REASON_MIN} characters or more why.`,
    );
  }
  const { mark, person } = session;
  await parts.journal({
    kind: "break-glass",
    who: person.who,
    outcome: "accepted",
    what: { session: mark, ward, reason },
  });
  parts.sessions.breakGlass(session, ward, parts.wallClock());
  return meOf(parts, session);
}

/** Written down before it is tried: a refused change may be there too, an unwritten one never. */
async function writeAccountDown(
  { journal }: ApiParts,
  { mark, person }: Session,
  account: string,
  change: "changed" | "removed",
): Promise<void> {
  if (!/^[a-z0-9._-]{2,32}$/.test(account)) {
    throw new WardError(
      "WARD_ACCOUNT",
      "Cannot change this account: a name has 2 to 32 of a-z, 0-9, dot, dash and underscore.",
    );
  }
  const what = { session: mark, account, change };
  await journal({ kind: "account-changed", who: person.who, outcome: "accepted", what });
}

function changeIn(body: Asked["body"]): AccountChange {
  const roles = textsIn(body, "roles").filter(isRole);
  const view = { name: textIn(body, "name", 64), roles, wards: textsIn(body, "wards") };
  return body["password"] === undefined ? view : { ...view, password: textIn(body, "password") };
}

const REASON_MIN = 10;

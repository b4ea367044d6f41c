import { WardError } from "../errors.ts";

/**
 * What the journal can say. The list of kinds is closed, and so are the fields of each: words, hashes, ids and counts. There is
 * no field for free text and none for a value, so that neither a reading nor a secret can get in by mistake. A new kind is a
 * line in this table.
 */
export const JOURNAL_KINDS = {
  /** `before`: how the run before ended, `stopped`, `cut-off`, or `none` when there was none, or thousands of entries ago. */
  "house-started": { version: "version", before: "word" },
  "house-stopped": {},
  /** Data stood still inside the gateway for too long: it ends, to be started anew. */
  "house-given-up": {},
  /** A room ended and is started again. `code` is that of a WardError or of Node.js in lower case, or `none`. */
  "room-ended": { room: "word", reason: "word", code: "word" },
  /** SHA-256 of the signed settings in force, and of all other settings, as JSON. */
  "settings-loaded": { site: "hash", settings: "hash" },
  /** A document that the editor deploys: SHA-256 of what ran and of what runs from now on. */
  "flows-deployed": { document: "word", before: "hash", after: "hash" },
  /** A one-time address of the editor was given out on the gateway itself. */
  "login-issued": {},
  login: { session: "id" },
  /** A session ends; `why` is `asked`, `idle` or `changed` (its account was). */
  logout: { session: "id", why: "word" },
  "login-refused": { reason: "word" },
  /** A page with values of devices was opened. Of one session and page, once in ten minutes. */
  view: { session: "id", page: "word" },
  /** Somebody opens another ward for a while, in an emergency, and says why. */
  "break-glass": { session: "id", ward: "word", reason: "text" },
  /** `change` is `made`, `changed` or `removed`. */
  "account-changed": { session: "id", account: "name", change: "word" },
  /** A session of the editor asks for a deploy. */
  "deploy-requested": { session: "id" },
  /** SHA-256 of the gateway's certificate, with which the keeper starts. */
  "identity-loaded": { certificate: "hash" },
  /** SHA-256 of the gateway's certificate. */
  "certificate-changed": { before: "hash", after: "hash" },
  /** Somebody redeems a claim, with a command on the gateway itself. */
  "enrolment-asked": {},
  /**
   * `step` of a renewal over EST: `asked`, `fetched` (it waits for its first connection) or `given-up` (no broker takes it).
   * SHA-256 of the certificate that was fetched, else of the one in force.
   */
  renewal: { step: "word", certificate: "hash" },
  /** Every key of the gateway is destroyed: so many. */
  wiped: { keys: "count" },
  "epoch-begun": { epoch: "id" },
  /** The hub refuses records for good. */
  "record-rejected": { class: "word", store: "id", from: "count", to: "count", reason: "word" },
  "outbox-repaired": { store: "id" },
  "outbox-damaged": {},
  "outbox-salvaged": {},
  /** The login for an OPC-UA server: `change` is `password`, `certificate` or `removed`. */
  "device-login": { line: "line", change: "word" },
  /** `step` of a bundle, as gateway/bundles/record.ts names them; SHA-256 of the bundle. */
  bundle: { step: "word", version: "count", bundle: "hash" },
  /** A bundle that was offered, or lay in a slot, does not run; `reason` is the error's code in lower case. */
  "bundle-refused": { reason: "word" },
  /** The guard has put the rules of these signed settings in force; `place` is `in-path`, `beside` or `idle`. */
  "guard-rules": { site: "hash", place: "word" },
  /** Somebody else had changed the guard's rules; they were put in force again. */
  "guard-tampered": {},
  /**
   * The guard saw somebody begin what nobody has allowed: `ip:10.20.0.7`, `tcp:10.1.0.5:443`. `side` is `ward` (a device; dropped) or
   * `own` (the box itself).
   */
  "unknown-destination": { side: "word", from: "line", to: "line" },
  /** A room was about to call somebody whom the signed settings do not name: `tcp://host:port`. */
  "egress-refused": { room: "word", to: "line" },
  /** A device is not as it always was; `change` is the word of the notice. */
  "device-conduct": { device: "device", change: "word" },
  /** The first entry of a journal; `after` is `none`, or `damage` when the one before could not be gone on with. */
  "journal-begun": { after: "word" },
  /** Half an entry at the end, from an unclean end, was cut off. */
  "journal-repaired": { bytes: "count" },
  /** Entries that had been signed for could not be read any more: the tree goes on without them. */
  "journal-damaged": { from: "count", to: "count" },
  /** The oldest entries were given up to make room, `to` not included. */
  "journal-dropped": { from: "count", to: "count" },
  /** So many entries of a kind were left out because there were too many at once. */
  "journal-left-out": { of: "word", count: "count" },
} as const satisfies Readonly<Record<string, Readonly<Record<string, FieldForm>>>>;

/** `hash`: 32 bytes as hex; `id`: 4-16 bytes as hex. */
type FieldForm = "word" | "name" | "text" | "hash" | "id" | "count" | "version" | "line" | "device";
export type JournalKind = keyof typeof JOURNAL_KINDS;

/** How it went, or what was decided: an entry is written before the thing itself happens. */
export const OUTCOMES = ["done", "accepted", "refused", "failed"] as const;
type Outcome = (typeof OUTCOMES)[number];

type Details<Kind extends JournalKind> = {
  readonly [
    Field in keyof (typeof JOURNAL_KINDS)[Kind]
  ]: (typeof JOURNAL_KINDS)[Kind][Field] extends "count" ? number : string;
};

/** Something to be written into the journal. */
export type JournalEvent = {
  readonly [Kind in JournalKind]: {
    readonly kind: Kind;
    /** `gateway`, `hub`, `editor`, `person`, `local` (somebody on the gateway itself) or `fleet`, with `/name` where one is known. */
    readonly who: string;
    readonly outcome: Outcome;
    readonly what: Details<Kind>;
  };
}[JournalKind];

/** The event, checked in every part. Throws WardError `WARD_JOURNAL_ENTRY`. */
export function parseJournalEvent(value: unknown): JournalEvent {
  if (!isJournalEvent(value)) {
    throw new WardError(
      "WARD_JOURNAL_ENTRY",
      "Cannot write the journal: this is no entry of a known kind.",
    );
  }
  return value;
}

/** The forms of a kind's fields by their names; null for a kind that does not exist. */
export function fieldsOf(kind: string): ReadonlyMap<string, FieldForm> | null {
  const found = Object.entries(JOURNAL_KINDS).find(([name]) => name === kind);
  return found === undefined ? null : new Map(Object.entries(found[1]));
}

const FORMS: Readonly<Record<Exclude<FieldForm, "count">, RegExp>> = {
  word: /^[a-z0-9-]{1,64}$/,
  name: /^[a-z0-9._-]{1,64}$/,
  // Written by a person: one line without control characters.
  text: /^[^\p{C}\p{Zl}\p{Zp}]{1,200}$/u,
  hash: /^[0-9a-f]{64}$/,
  id: /^(?:[0-9a-f]{2}){4,16}$/,
  version: /^[0-9A-Za-z.+-]{1,32}$/,
  // As reading.ts has it.
  device: /^[a-z0-9][a-z0-9./:-]{0,63}$/,
  // No @ and no ?: a login in a URL has no place here.
  line: /^[a-z0-9.+-]{2,16}:[A-Za-z0-9./:[\]_-]{1,200}$/,
};
const WHO = /^(?:gateway|hub|editor|person|local|fleet)(?:\/[a-z0-9._-]{1,64})?$/;

/** True for an event that is right in every part, and has nothing beside. */
export function isJournalEvent(value: unknown): value is JournalEvent {
  if (!isRecord(value) || Object.keys(value).length !== 4) {
    return false;
  }
  const { kind, who, outcome, what } = value;
  const fields = typeof kind === "string" ? fieldsOf(kind) : null;
  return (
    fields !== null &&
    typeof who === "string" &&
    WHO.test(who) &&
    OUTCOMES.some((known) => known === outcome) &&
    isRecord(what) &&
    Object.keys(what).length === fields.size &&
    [...fields].every(([name, form]) => Object.hasOwn(what, name) && fits(what[name], form))
  );
}

function fits(value: unknown, form: FieldForm): boolean {
  if (form === "count") {
    return Number.isSafeInteger(value) && Number(value) >= 0;
  }
  return typeof value === "string" && FORMS[form].test(value);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

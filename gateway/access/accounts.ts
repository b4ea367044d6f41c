import { WardError } from "../errors.ts";
import { isRole, type Role } from "./permissions.ts";

/** Somebody who may log in. */
export interface Account {
  /** `[a-z0-9._-]{2,32}`. */
  readonly name: string;
  readonly roles: readonly Role[];
  /** Whose values this person may see; without `all-wards` none beside. */
  readonly wards: readonly string[];
  /** As password.ts writes it. */
  readonly hash: string;
}

/** Reads the document in which accounts are kept; null is none yet. Throws WardError `WARD_ACCOUNTS`. */
export function parseAccounts(text: string | null): Account[] {
  if (text === null) {
    return [];
  }
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw unusable("the list of accounts is no JSON", error);
  }
  const { version, accounts }: { version?: unknown; accounts?: unknown } = Object(document);
  if (version !== 1 || !Array.isArray(accounts) || accounts.length > ACCOUNTS_MAX) {
    throw unusable("the list of accounts is not one of this version");
  }
  const found: readonly unknown[] = accounts;
  const read = found.map(accountOf);
  if (new Set(read.map(({ name }) => name)).size !== read.length) {
    throw unusable("the list names an account twice");
  }
  return read;
}

export function writeAccounts(accounts: readonly Account[]): string {
  return JSON.stringify({ version: 1, accounts });
}

/** The accounts with this one made, or changed. Throws WardError `WARD_ACCOUNT`. */
export function withAccount(accounts: readonly Account[], changed: Account): Account[] {
  if (!isAccount(changed)) {
    throw refused(
      "a name has 2 to 32 of a-z, 0-9, dot, dash and underscore, and there is at least one role",
    );
  }
  if (changed.hash === "") {
    throw refused("a new one needs a password");
  }
  const others = accounts.filter(({ name }) => name !== changed.name);
  if (others.length >= ACCOUNTS_MAX) {
    throw refused(`there are ${ACCOUNTS_MAX} already`);
  }
  return guarded(accounts, [...others, changed]);
}

/** The accounts without this one. Throws WardError `WARD_ACCOUNT`. */
export function withoutAccount(accounts: readonly Account[], gone: string): Account[] {
  if (!accounts.some(({ name }) => name === gone)) {
    throw refused("there is none of that name");
  }
  return guarded(
    accounts,
    accounts.filter(({ name }) => name !== gone),
  );
}

/** Whoever manages accounts must not manage them away: one with role `it` stays. */
function guarded(before: readonly Account[], after: readonly Account[]): Account[] {
  const hasAdmin = (accounts: readonly Account[]): boolean =>
    accounts.some(({ roles }) => roles.includes("it"));
  if (!hasAdmin(after) && (hasAdmin(before) || before.length === 0)) {
    throw refused("somebody with the role IT has to remain, or nobody could manage accounts");
  }
  return [...after];
}

function accountOf(value: unknown): Account {
  if (!isAccount(value)) {
    throw unusable("the list has an account that is none");
  }
  const { name, roles, wards, hash } = value;
  return { name, roles, wards, hash };
}

function isAccount(value: unknown): value is Account {
  const { name, roles, wards, hash }: Partial<Record<keyof Account, unknown>> = Object(value);
  return (
    typeof name === "string" &&
    NAME.test(name) &&
    isListOf(roles, isRole) &&
    roles.length > 0 &&
    isListOf(wards, (ward) => typeof ward === "string" && WARD.test(ward)) &&
    typeof hash === "string" &&
    hash.length <= HASH_MAX
  );
}

function isListOf(value: unknown, isRight: (entry: unknown) => boolean): value is unknown[] {
  return Array.isArray(value) && value.length <= LIST_MAX && value.every(isRight);
}

function unusable(why: string, cause?: unknown): WardError {
  const message = `Cannot log anybody in: ${why}. Run "wardgate login" on the gateway and make the accounts anew.`;
  return new WardError("WARD_ACCOUNTS", message, { cause });
}

function refused(why: string): WardError {
  return new WardError("WARD_ACCOUNT", `Cannot change this account: ${why}.`);
}

const NAME = /^[a-z0-9._-]{2,32}$/;
const WARD = /^[a-z0-9-]{1,64}$/;
const ACCOUNTS_MAX = 500;
const LIST_MAX = 64;
const HASH_MAX = 256;

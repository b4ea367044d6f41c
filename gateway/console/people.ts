import {
  type Account,
  parseAccounts,
  withAccount,
  withoutAccount,
  writeAccounts,
} from "../access/accounts.ts";
import { Passwords } from "../access/password.ts";
import { SlowDown } from "../access/slow-down.ts";
import type { AccountChange, AccountView } from "./contract.ts";
import type { Person } from "./sessions.ts";

export interface PeopleOptions {
  /** The document of accounts, or null when there is none yet; rejects when it cannot be had. */
  readonly load: () => Promise<string | null>;
  readonly save: (text: string) => Promise<void>;
  readonly passwords?: Passwords;
  readonly now: () => number;
}

/** Who may log in: kept by the keeper, known here since the first time somebody asked. */
export class People {
  readonly #options: PeopleOptions;
  readonly #passwords: Passwords;
  readonly #slow: SlowDown;
  #accounts: readonly Account[] | null = null;
  /** One change after the other, each on top of what the one before has saved. */
  #changing: Promise<unknown> = Promise.resolve();

  constructor(options: PeopleOptions) {
    this.#options = options;
    this.#passwords = options.passwords ?? new Passwords();
    this.#slow = new SlowDown(options.now);
  }

  /** Rejects with WardError `WARD_ACCOUNTS`, or as `load`. */
  async list(): Promise<readonly Account[]> {
    this.#accounts ??= parseAccounts(await this.#options.load());
    return this.#accounts;
  }

  async views(): Promise<AccountView[]> {
    return (await this.list()).map(({ name, roles, wards }) => ({ name, roles, wards }));
  }

  /** The person, or how long to wait before saying that name or password is wrong (milliseconds). */
  async logIn(
    name: string,
    password: string,
    address: string,
  ): Promise<{ readonly person: Person } | { readonly waitMs: number }> {
    const account = (await this.list()).find((one) => one.name === name);
    const fits = await this.#passwords.fits(password, account?.hash ?? null);
    if (account !== undefined && fits) {
      this.#slow.right(`name ${name}`);
      return { person: personOf(account) };
    }
    const waits = [this.#slow.wrong(`name ${name}`), this.#slow.wrong(`address ${address}`)];
    return { waitMs: Math.max(...waits) };
  }

  /** Makes or changes an account; resolves when it is saved. Rejects with WardError `WARD_ACCOUNT`, `WARD_PASSWORD`, or as `save`. */
  async change({ name, roles, wards, password }: AccountChange): Promise<Person> {
    const hash = password === undefined ? null : await this.#passwords.hash(password);
    return this.#change((accounts) => {
      const before = accounts.find((one) => one.name === name);
      const changed: Account = { name, roles, wards, hash: hash ?? before?.hash ?? "" };
      return { accounts: withAccount(accounts, changed), result: personOf(changed) };
    });
  }

  /** Removes an account; rejects as `change`. */
  async remove(name: string): Promise<void> {
    await this.#change((accounts) => ({
      accounts: withoutAccount(accounts, name),
      result: undefined,
    }));
  }

  async #change<Result>(
    act: (accounts: readonly Account[]) => {
      readonly accounts: Account[];
      readonly result: Result;
    },
  ): Promise<Result> {
    const done = this.#changing.then(async () => {
      const { accounts, result } = act(await this.list());
      await this.#options.save(writeAccounts(accounts));
      this.#accounts = accounts;
      return result;
    });
    this.#changing = done.catch(() => undefined);
    return done;
  }
}

function personOf({ name, roles, wards }: Account): Person {
  return { name, who: `person/${name}`, roles, wards };
}

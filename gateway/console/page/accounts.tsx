import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";

import { ROLES } from "../../access/permissions.ts";
import type { AccountView, Ward } from "../contract.ts";
import { ask } from "./api.ts";
import { Section, texts, useShared } from "./shared.tsx";

/** Who may log in. */
export function Accounts(): VNode {
  const { me, refresh } = useShared();
  const [accounts, setAccounts] = useState<readonly AccountView[]>([]);
  const [wards, setWards] = useState<readonly Ward[]>([]);
  const [edited, setEdited] = useState<AccountView | null>(null);
  const [said, setSaid] = useState("");
  const trouble = (error: unknown): void =>
    setSaid(error instanceof Error ? error.message : String(error));
  useEffect(() => {
    ask<AccountView[]>("GET", "/api/accounts").then(setAccounts, trouble);
    ask<Ward[]>("GET", "/api/wards").then(setWards, trouble);
  }, []);
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget;
    if (!(form instanceof HTMLFormElement)) {
      return;
    }
    const given = new FormData(form);
    const password = given.get("password");
    const change = {
      name: edited?.name ?? given.get("name"),
      roles: given.getAll("role"),
      wards: given.getAll("ward"),
      ...(password === "" ? {} : { password }),
    };
    try {
      setAccounts(await ask<AccountView[]>("POST", "/api/accounts", change));
      setEdited(null);
      form.reset();
      setSaid(texts.saved);
      await refresh();
    } catch (error) {
      trouble(error);
    }
  };
  const remove = (name: string): void => {
    ask<AccountView[]>("DELETE", `/api/accounts?name=${encodeURIComponent(name)}`).then(
      setAccounts,
      trouble,
    );
  };
  return (
    <main class="plain">
      <h1>{texts.pages.accounts}</h1>
      {me.firstAccount && <p class="banner">{texts.accountFirst}</p>}
      <ul class="accounts">
        {accounts.map((account) => (
          <li key={account.name}>
            <strong>{account.name}</strong>
            <span class="hint">
              {account.roles.map((role) => texts.roles[role]).join(", ")}
              {account.wards.length > 0 && ` · ${account.wards.join(", ")}`}
            </span>
            <button
              type="button"
              onClick={() => setEdited(account)}
              aria-label={`${texts.change}: ${account.name}`}
            >
              {texts.change}
            </button>
            <button
              type="button"
              onClick={() => remove(account.name)}
              aria-label={`${texts.remove}: ${account.name}`}
            >
              {texts.remove}
            </button>
          </li>
        ))}
      </ul>
      <Section title={edited?.name ?? texts.accountNew}>
        <form key={edited?.name ?? ""} onSubmit={(event) => void submit(event)}>
          {edited === null && (
            <label>
              {texts.name}
              <input
                name="name"
                pattern="[a-z0-9._\-]{2,32}"
                autocomplete="off"
                autocapitalize="none"
                required
              />
            </label>
          )}
          <label>
            {texts.passwordNew}
            <input
              name="password"
              type="password"
              minLength={10}
              maxLength={200}
              autocomplete="new-password"
              required={edited === null}
            />
          </label>
          <Choices
            name="role"
            title={texts.accountRoles}
            all={ROLES.map((role) => [role, texts.roles[role]])}
            chosen={edited?.roles ?? []}
          />
          <Choices
            name="ward"
            title={texts.accountWards}
            all={wards.map(({ ward }) => [ward, ward])}
            chosen={edited?.wards ?? []}
          />
          <p role="status">{said}</p>
          <div class="wards">
            <button class="main" type="submit">
              {texts.save}
            </button>
            {edited !== null && (
              <button type="button" onClick={() => setEdited(null)}>
                {texts.cancel}
              </button>
            )}
          </div>
        </form>
      </Section>
    </main>
  );
}

interface ChoicesProps {
  readonly name: string;
  readonly title: string;
  readonly all: readonly (readonly [value: string, text: string])[];
  readonly chosen: readonly string[];
}

function Choices({ name, title, all, chosen }: ChoicesProps): VNode {
  return (
    <fieldset>
      <legend>{title}</legend>
      {all.map(([value, text]) => (
        <label class="choice" key={value}>
          <input
            type="checkbox"
            name={name}
            value={value}
            defaultChecked={chosen.includes(value)}
          />
          {text}
        </label>
      ))}
    </fieldset>
  );
}

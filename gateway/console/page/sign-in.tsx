import type { VNode } from "preact";
import { useState } from "preact/hooks";

import { ask } from "./api.ts";
import { texts } from "./shared.tsx";

export function SignIn({ done }: { done: () => Promise<void> }): VNode {
  const [trouble, setTrouble] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget;
    if (!(form instanceof HTMLFormElement)) {
      return;
    }
    const given = new FormData(form);
    setBusy(true);
    try {
      await ask("POST", "/api/login", { name: given.get("name"), password: given.get("password") });
      await done();
    } catch (error) {
      setTrouble(error instanceof Error ? error.message : String(error));
    }
    setBusy(false);
  };
  return (
    <main class="sign-in">
      <h1>Wardgate</h1>
      <form onSubmit={(event) => void submit(event)}>
        <label>
          {texts.name}
          <input name="name" autocomplete="username" autocapitalize="none" required />
        </label>
        <label>
          {texts.password}
          <input name="password" type="password" autocomplete="current-password" required />
        </label>
        <p class="trouble" role="alert">
          {trouble}
        </p>
        <button class="main" type="submit" disabled={busy}>
          {busy ? texts.signingIn : texts.signIn}
        </button>
      </form>
      <p class="hint">{texts.once}</p>
    </main>
  );
}

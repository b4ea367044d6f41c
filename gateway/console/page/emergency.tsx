import type { VNode } from "preact";
import { useState } from "preact/hooks";

import { ask } from "./api.ts";
import { texts, useShared } from "./shared.tsx";

/** Opens a ward that is not one's own, with a reason. */
export function EmergencyForm({ wards }: { wards: readonly string[] }): VNode {
  const { refresh } = useShared();
  const [ward, setWard] = useState<string | null>(null);
  const [trouble, setTrouble] = useState("");
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget;
    if (!(form instanceof HTMLFormElement)) {
      return;
    }
    try {
      await ask("POST", "/api/break-glass", { ward, reason: new FormData(form).get("reason") });
      setWard(null);
      await refresh();
    } catch (error) {
      setTrouble(error instanceof Error ? error.message : String(error));
    }
  };
  if (ward === null) {
    return (
      <section class="section">
        <p class="hint">{texts.locked}</p>
        <div class="wards">
          {wards.map((name) => (
            <button key={name} type="button" onClick={() => setWard(name)}>
              {name}: {texts.openWard}
            </button>
          ))}
        </div>
      </section>
    );
  }
  return (
    <form class="section" onSubmit={(event) => void submit(event)}>
      <h2>{ward}</h2>
      <label>
        {texts.reason}
        <input name="reason" minLength={10} maxLength={200} required autocomplete="off" />
      </label>
      <p class="hint">{texts.reasonWhy}</p>
      <p class="trouble" role="alert">
        {trouble}
      </p>
      <div class="wards">
        <button class="main" type="submit">
          {texts.open}
        </button>
        <button type="button" onClick={() => setWard(null)}>
          {texts.cancel}
        </button>
      </div>
    </form>
  );
}

import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";

import type { JournalPage } from "../contract.ts";
import { timeText } from "./age.ts";
import { ask } from "./api.ts";
import { Section, texts, useShared } from "./shared.tsx";

/** What the gateway has to tell, and what was done with it by whom. */
export function Security(): VNode {
  const { feed } = useShared();
  const notices = feed.facts?.notices ?? [];
  const now = feed.clock.now();
  return (
    <main class="plain wide">
      <h1>{texts.pages.security}</h1>
      <Section title={texts.notices}>
        {notices.length === 0 && <p>{texts.noNotices}</p>}
        <ul class="notices">
          {notices.map(({ at, device, notice, text }) => (
            <li key={`${device} ${notice}`}>
              <time>{timeText(at, now, texts.language)}</time> {text}
            </li>
          ))}
        </ul>
      </Section>
      <Journal now={now} />
    </main>
  );
}

function Journal({ now }: { now: number }): VNode {
  const [page, setPage] = useState<JournalPage | null>(null);
  const [from, setFrom] = useState<number | null>(null);
  const [trouble, setTrouble] = useState("");
  useEffect(() => {
    ask<JournalPage>(
      "GET",
      `/api/journal?count=${PAGE}${from === null ? "" : `&from=${from}`}`,
    ).then(
      (got) => {
        setPage(got);
        setTrouble("");
      },
      (error: unknown) => setTrouble(error instanceof Error ? error.message : String(error)),
    );
  }, [from]);
  const first = page?.entries[0]?.index ?? 0;
  return (
    <Section title={texts.journal}>
      <p class="trouble" role="alert">
        {trouble}
      </p>
      {page !== null && <p class="hint">{texts.entries(page.size)}</p>}
      <div class="table" tabIndex={0} role="region" aria-label={texts.journal}>
        <table>
          <tbody>
            {page?.entries.toReversed().map(({ index, at, kind, who, outcome, what }) => (
              <tr key={index}>
                <td class="count">{index}</td>
                <td class="when">{timeText(at, now, texts.language)}</td>
                <th scope="row">{kind}</th>
                <td>{who}</td>
                <td>{outcome}</td>
                <td class="code">
                  {Object.entries(what)
                    .map(([name, value]) => `${name} ${String(value).slice(0, 80)}`)
                    .join(", ")}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div class="wards">
        <button
          type="button"
          disabled={first === 0}
          onClick={() => setFrom(Math.max(0, first - PAGE))}
        >
          {texts.older}
        </button>
        <button type="button" disabled={from === null} onClick={() => setFrom(null)}>
          {texts.newest}
        </button>
      </div>
    </Section>
  );
}

const PAGE = 50;

import type { VNode } from "preact";

import { ageText, bytesText, timeText } from "./age.ts";
import { Fact, Section, texts, useShared } from "./shared.tsx";

/** What waits, where it goes, and until when the gateway may. */
export function Link(): VNode {
  const { feed } = useShared();
  const { facts } = feed;
  const link = facts?.link;
  if (facts === null || link === undefined) {
    return <main class="plain">{texts.waitingForGateway}</main>;
  }
  return (
    <main class="plain wide">
      <h1>{texts.pages.link}</h1>
      <dl class="facts">
        <Fact name={texts.broker}>
          {link.connected ? texts.connected : texts.notConnected}
          <span class="hint code">{link.broker}</span>
        </Fact>
        <Fact name={texts.freeSpace}>
          {link.freeBytes === null ? "–" : bytesText(link.freeBytes)}
        </Fact>
        <Fact name={texts.certificateEnd}>
          {link.certificateEnd === null
            ? "–"
            : new Date(link.certificateEnd).toLocaleDateString(texts.language)}
        </Fact>
      </dl>
      <div class="table" tabIndex={0} role="region" aria-label={texts.class}>
        <table>
          <thead>
            <tr>
              {[
                texts.class,
                texts.taken,
                texts.stored,
                texts.withheld,
                texts.refusedItems,
                texts.lost,
                texts.waiting,
                texts.oldest,
              ].map((name) => (
                <th scope="col" key={name}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {link.classes.map((one) => (
              <tr key={one.class}>
                <th scope="row">{texts.classes[one.class] ?? one.class}</th>
                {[one.taken, one.stored, one.withheld, one.refused, one.lost].map(
                  (count, place) => (
                    <td class="count" key={place}>
                      {count.toLocaleString(texts.language)}
                    </td>
                  ),
                )}
                <td class="count">
                  {one.waitingBatches} · {bytesText(one.waitingBytes)}
                </td>
                <td>{one.oldestAt === null ? "–" : ageText(facts.at - one.oldestAt)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Section title={texts.rooms}>
        <dl class="facts">
          {facts.rooms?.map(({ room, running, restarts }) => (
            <Fact key={room} name={room}>
              {running ? texts.running : texts.notRunning}
              {restarts > 0 && <span class="hint">{texts.restarts(restarts)}</span>}
            </Fact>
          ))}
        </dl>
      </Section>
      <p class="hint">{timeText(facts.at, facts.at, texts.language)}</p>
    </main>
  );
}

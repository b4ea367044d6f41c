import type { VNode } from "preact";

import { bytesText, timeText } from "./age.ts";
import { texts, useShared } from "./shared.tsx";

/** Every device: how it does since when, and what to try. */
export function Devices(): VNode {
  const { feed } = useShared();
  const { facts } = feed;
  return (
    <main class="plain wide">
      <h1>{texts.pages.devices}</h1>
      {facts === null && <p>{texts.waitingForGateway}</p>}
      <div class="table" tabIndex={0} role="region" aria-label={texts.pages.devices}>
        <table>
          <thead>
            <tr>
              <th scope="col">{texts.device}</th>
              <th scope="col">{texts.state}</th>
              <th scope="col">{texts.since}</th>
              <th scope="col">{texts.rate}</th>
              <th scope="col">{texts.refused}</th>
              <th scope="col">{texts.line}</th>
              <th scope="col">{texts.toTry}</th>
            </tr>
          </thead>
          <tbody>
            {facts?.devices.map((one) => (
              <tr key={one.device}>
                <th scope="row">
                  {one.device}
                  <span class="hint">{one.model}</span>
                </th>
                <td>
                  <span
                    class={`mark ${one.state === "online" ? "good" : "bad"}`}
                    aria-hidden="true"
                  >
                    {one.state === "online" ? "●" : "○"}
                  </span>{" "}
                  {texts.states[one.state] ?? one.state}
                  {one.state !== "online" && one.text !== "" && (
                    <span class="hint">{one.text}</span>
                  )}
                </td>
                <td>{one.since > 0 ? timeText(one.since, facts.at, texts.language) : ""}</td>
                <td class="count">{one.rate.toFixed(1)}</td>
                <td class="count">{bytesText(one.badBytes)}</td>
                <td class="code">{one.line}</td>
                <td>{texts.tries[one.state] ?? ""}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </main>
  );
}

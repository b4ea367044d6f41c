import type { VNode } from "preact";

import { bedOf } from "../../access/wards.ts";
import type { BoardReading, FactsEvent } from "../contract.ts";
import { ageText, FADES_MS, freshnessOf, timeText } from "./age.ts";
import { seriesOf } from "./feed.ts";
import { digitsOf, labelOf, rankOf, unitOf } from "./labels.ts";
import { isGerman, texts, useShared } from "./shared.tsx";

/** One value as large as it may be: what is old fades, and then goes, with the reason. */
export function Value({ reading }: { reading: BoardReading }): VNode {
  const { feed } = useShared();
  const age = feed.clock.now() - reading.at;
  const freshness = freshnessOf(age);
  const doubts = reading.quality.filter((word) => word !== "valid" && word !== "validated");
  const isGone = freshness === "gone" || reading.value === null;
  const why =
    freshness === "gone"
      ? reasonOf(feed.facts, bedOf(reading.device)) || texts.noValue(ageText(age))
      : "";
  return (
    <span class={`value ${isGone ? "gone" : freshness}`}>
      <span class="label">{labelOf(reading.code, isGerman)}</span>
      <span class="number">
        {isGone ? "– –" : digitsOf(reading.text) || String(reading.value)}
        {!isGone && <span class="unit">{unitOf(reading.unit)}</span>}
      </span>
      <span class="age">
        {why || (age < FADES_MS ? texts.now : texts.lastValue(ageText(age)))}
        {doubts.length > 0 && ` · ${doubts.join(", ")}`}
      </span>
    </span>
  );
}

/** All that a bed has, in the order of a tile. */
export function readingsOf(readings: Iterable<BoardReading>, bed: string): BoardReading[] {
  return [...readings]
    .filter(({ device }) => bedOf(device) === bed)
    .toSorted((a, b) => rankOf(a.code) - rankOf(b.code) || seriesOf(a).localeCompare(seriesOf(b)));
}

/** Why a bed has nothing to show, as the gateway says it. */
export function reasonOf(facts: FactsEvent | null, bed: string): string {
  const line = facts?.devices.find(
    ({ device, state }) => bedOf(device) === bed && state !== "online",
  );
  if (line === undefined || facts === null) {
    return "";
  }
  const words = line.text || (texts.states[line.state] ?? line.state);
  return line.since > 0
    ? `${words} (${texts.since.toLowerCase()} ${timeText(line.since, facts.at, texts.language)})`
    : words;
}

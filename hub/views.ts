import type { Marks } from "./booking.ts";
import type { Opened } from "./opened.ts";

/** Where a record came from, for the lines made of it. */
export interface LineSource {
  readonly gateway: string;
  readonly backlog: boolean;
}

/**
 * The lines of one record in `readings.ndjson`: readings, waveforms and notices the hub did not have, what a flow turned
 * out to have changed, and gaps. Pure: the same record and marks give the same bytes.
 */
export function linesOf(source: LineSource, opened: Opened, marks: Marks): string {
  const lines = [...objectsOf(source, opened, marks)].map((object) => JSON.stringify(object));
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

function objectsOf(source: LineSource, opened: Opened, marks: Marks): Iterable<object> {
  switch (opened.kind) {
    case "items":
      return itemObjects(source, opened.items, marks);
    case "tally":
      return tallyObjects(source, opened.tally, marks);
    case "gap": {
      const { store, class: name, from, to, reason, records, at } = opened.gap;
      const items = records.reduce((sum, record) => sum + record.items, 0);
      const { gateway } = source;
      return [{ kind: "gap", gateway, store, class: name, from, to, reason, items, at }];
    }
  }
}

type Items = Extract<Opened, { kind: "items" }>["items"];
type Tally = Extract<Opened, { kind: "tally" }>["tally"];

function* itemObjects(source: LineSource, items: Items, marks: Marks): Generator<object> {
  const { gateway } = source;
  const lane = source.backlog ? "backlog" : "live";
  const duplicates = new Set(marks.duplicates);
  const derived = new Set(marks.derived);
  for (const [place, item] of items.entries()) {
    if (!duplicates.has(place)) {
      yield { ...item, gateway, lane, ...(derived.has(place) ? { derived: true } : {}) };
    }
  }
  yield* revealedObjects(gateway, items, marks);
}

function* tallyObjects({ gateway }: LineSource, tally: Tally, marks: Marks): Generator<object> {
  yield* revealedObjects(gateway, tally.takes, marks);
  const known = new Set(marks.knownGaps);
  for (const [place, gap] of tally.gaps.entries()) {
    if (!known.has(place)) {
      const { device, boot, from, to, reason, atMost, start, end } = gap;
      yield { kind: "gap", gateway, device, boot, from, to, reason, atMost, start, end };
    }
  }
}

function* revealedObjects(
  gateway: string,
  takes: readonly { readonly device: string; readonly boot: string; readonly take: number }[],
  marks: Marks,
): Generator<object> {
  for (const place of marks.revealed) {
    const named = takes[place];
    if (named !== undefined) {
      const { device, boot, take } = named;
      yield { kind: "derived", gateway, device, boot, take };
    }
  }
}

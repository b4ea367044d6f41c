import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import * as fc from "fast-check";

import { countIndices, differenceOf, firstIndices, unionOf } from "../../gateway/indices.ts";
import type { TakeGap } from "../../gateway/rooms.ts";
import type { TallyTake } from "../../gateway/sealing/tally.ts";
import type { Message } from "../../hub/parking.ts";
import {
  commitAll,
  FakeGateway,
  freshDirectory,
  identitiesIn,
  keptOf,
  makeHubSite,
  openDesk,
  readingsText,
  reportOf,
  rowOf,
  takeOf,
  type HubSite,
} from "../fakes/hub-kit.ts";
import { BOOT } from "../fakes/sealing-kit.ts";

let hub: HubSite;
before(async () => {
  hub = await makeHubSite();
});
after(() => hub.remove());

const COUNT = 4;
const DEVICE = "bed-1/monitor";
/** Longer than a run of bedside must be quiet to be archived as a whole. */
const QUIET_MS = 2 * 3_600_000;

/** One time that a take goes through the flow: where each of its items ends, and what becomes of its batch. */
interface Passage {
  readonly ends: readonly ("kept" | "withheld" | "refused" | "dropped")[];
  readonly batch: "arrives" | "evicted" | "lost";
}

/** Everything that happens to one take: settled by one or two generations, explained by a gap, or by nothing. */
type Fate = { readonly passages: readonly Passage[] } | "gap" | "hole";

const anyPassage: fc.Arbitrary<Passage> = fc.record({
  ends: fc.array(fc.constantFrom("kept", "kept", "kept", "withheld", "refused", "dropped"), {
    minLength: COUNT,
    maxLength: COUNT,
  }),
  batch: fc.constantFrom("arrives", "arrives", "arrives", "evicted", "lost"),
});
const anyFate: fc.Arbitrary<Fate> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ passages: fc.array(anyPassage, { minLength: 1, maxLength: 2 }) }),
  },
  { weight: 1, arbitrary: fc.constantFrom("gap", "hole") },
);

interface Expected {
  taken: number;
  kept: number;
  withheld: number;
  refused: number;
  dropped: number;
  gaps: number;
  unaccounted: number;
}

test("taken = kept + accounted, whatever the order, the repetitions and the archive", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyFate, { minLength: 1, maxLength: 30 }),
      fc.infiniteStream(fc.nat()),
      async (fates, chance) => {
        const directory = freshDirectory(hub);
        let now = Date.now();
        const desk = await openDesk(hub, directory, { now: () => now });
        const { epochs, messages } = makeMessages(fates);
        await commitAll(desk, epochs);
        for (const message of shuffled([...messages, ...messages.slice(0, 5)], chance)) {
          await commitAll(desk, [message]);
          if (draw(chance, 6) === 0) {
            now += QUIET_MS;
            await desk.tick();
          }
        }
        now += QUIET_MS;
        await desk.tick();
        await desk.close();
        await checkReport(fates, directory);
        const text = readingsText(directory);
        await (await openDesk(hub, directory, { rebuild: true })).close();
        await checkReport(fates, directory);
        assert.equal(readingsText(directory).length, text.length);
      },
    ),
    { numRuns: 60 },
  );
});

async function checkReport(fates: readonly Fate[], directory: string): Promise<void> {
  const expected = expectedOf(fates);
  const { totals } = await reportOf(hub, directory);
  const { taken, kept, withheld, refused, dropped, gaps, unaccounted } = totals;
  assert.deepEqual({ taken, kept, withheld, refused, dropped, gaps, unaccounted }, expected);
  assert.equal(totals.accounted, withheld + refused + dropped + gaps);
  const identities = identitiesIn(directory);
  assert.equal(identities.length, kept);
  assert.equal(new Set(identities).size, kept);
}

/** Every message that arrives, in the order in which the gateway made it. */
function makeMessages(fates: readonly Fate[]): { epochs: Message[]; messages: Message[] } {
  const gateway = FakeGateway.ofSite(hub);
  const messages: Message[] = [];
  for (const [place, fate] of fates.entries()) {
    const take = place + 1;
    if (fate === "gap") {
      messages.push(...gateway.put({ batches: [], takes: [], gaps: [gapOf(take)] }));
    } else if (fate !== "hole") {
      for (const passage of fate.passages) {
        const items = takeOf({ device: DEVICE, take, count: COUNT });
        const row = rowFor(take, passage);
        const kept = keptOf(items, row);
        const batches = kept.length === 0 ? [] : [{ class: "vital" as const, items: kept }];
        const records = gateway.put({ batches, takes: [row] });
        const batch = records.length === 2 ? records[0] : undefined;
        messages.push(...records.filter((record) => record !== batch));
        if (batch !== undefined && passage.batch === "arrives") {
          messages.push(batch);
        } else if (batch !== undefined && passage.batch === "evicted") {
          messages.push(gateway.giveUp([batch], "evicted"));
        }
      }
    }
  }
  return { epochs: gateway.epochs(), messages };
}

function rowFor(take: number, passage: Passage): TallyTake {
  const setOf = (end: string): number =>
    passage.ends.reduce((set, word, index) => (word === end ? set + 2 ** index : set), 0);
  return rowOf(takeOf({ device: DEVICE, take, count: COUNT }), {
    withheld: setOf("withheld"),
    refused: setOf("refused"),
    dropped: setOf("dropped"),
  });
}

function gapOf(take: number): TakeGap {
  return {
    id: `gap-${take}`,
    device: DEVICE,
    boot: BOOT,
    from: take,
    to: take,
    reason: "buffer-full",
    atMost: false,
    start: 0,
    end: 1,
  };
}

/** The same account, worked out item by item from what happened. */
function expectedOf(fates: readonly Fate[]): Expected {
  const sum = { taken: 0, kept: 0, withheld: 0, refused: 0, dropped: 0, gaps: 0, unaccounted: 0 };
  const highest = fates.findLastIndex((fate) => fate !== "hole");
  for (const [place, fate] of fates.slice(0, highest + 1).entries()) {
    if (typeof fate === "string") {
      sum.taken += 1;
      sum[fate === "gap" ? "gaps" : "unaccounted"] += 1;
      continue;
    }
    addTake(sum, fate.passages, place + 1);
  }
  return sum;
}

function addTake(sum: Expected, passages: readonly Passage[], take: number): void {
  const rows = passages.map((passage) => rowFor(take, passage));
  const union = (of: (row: TallyTake) => number, where: readonly TallyTake[] = rows): number =>
    where.reduce((set, row) => unionOf(set, of(row)), 0);
  const here = union(
    (row) => row.kept,
    rows.filter((_, place) => passages[place]?.batch === "arrives"),
  );
  const claimed = union((row) => row.kept);
  const refused = differenceOf(
    union((row) => row.refused),
    claimed,
  );
  const withheld = differenceOf(
    union((row) => row.withheld),
    unionOf(claimed, refused),
  );
  const ended = unionOf(unionOf(claimed, refused), withheld);
  const dropped = differenceOf(
    union((row) => row.dropped),
    ended,
  );
  const known = unionOf(unionOf(here, refused), unionOf(withheld, dropped));
  const missing = countIndices(differenceOf(firstIndices(COUNT), known));
  const isCovered = rows.some(
    (row, place) => row.kept !== 0 && passages[place]?.batch === "evicted",
  );
  sum.taken += COUNT;
  sum.kept += countIndices(here);
  sum.refused += countIndices(refused);
  sum.withheld += countIndices(withheld);
  sum.dropped += countIndices(dropped);
  sum[isCovered ? "gaps" : "unaccounted"] += missing;
}

function draw(chance: fc.Stream<number>, below: number): number {
  const next = chance.next();
  return next.done === true ? 0 : next.value % below;
}

function shuffled(messages: readonly Message[], chance: fc.Stream<number>): Message[] {
  const result = [...messages];
  for (let last = result.length - 1; last > 0; last -= 1) {
    const other = draw(chance, last + 1);
    [result[last], result[other]] = [result[other]!, result[last]!];
  }
  return result;
}

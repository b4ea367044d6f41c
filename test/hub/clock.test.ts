import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import * as fc from "fast-check";

import { ColumnReader, ColumnWriter } from "../../gateway/columns.ts";
import type { Item, Notice, Waveform } from "../../gateway/reading.ts";
import { type ClockSet, clockSetIn, ClockSets } from "../../hub/clock-sets.ts";
import {
  commitAll,
  FakeGateway,
  freshDirectory,
  makeHubSite,
  openDesk,
  readingsLines,
  readingsText,
  rowOf,
  takeOf,
  type HubSite,
} from "../fakes/hub-kit.ts";
import { AT, BOOT } from "../fakes/sealing-kit.ts";

let hub: HubSite;
before(async () => {
  hub = await makeHubSite();
});
after(() => hub.remove());

const DEVICE = "bed-1/monitor";
const YEAR = 31_556_952_000;

function clockSet(take: number, ms: number, clock: Item["clock"] = "synchronised"): Notice {
  const text = "The gateway's clock was set.";
  const notice = { kind: "notice", notice: "clock-set", text, at: AT + ms, since: AT } as const;
  return { ...notice, device: DEVICE, boot: BOOT, take, index: 0, clock };
}

describe("the clocks that were set in one run of bedside", () => {
  test("are read from notices of that word and of no other", () => {
    assert.deepEqual(clockSetIn(clockSet(3, -5)), { take: 3, ms: -5, isTrusted: true });
    assert.equal(clockSetIn(clockSet(3, 5, "unsynchronised"))?.isTrusted, false);
    assert.equal(clockSetIn({ ...clockSet(3, 5), notice: "device-back" }), null);
    assert.equal(clockSetIn({ ...clockSet(3, 5), since: null }), null);
    assert.equal(clockSetIn(takeOf({ device: DEVICE, take: 1, count: 1 })[0]!), null);
  });

  test("correct what came before them, as far as there is a clock to go by", () => {
    const sets = new ClockSets();
    sets.add({ take: 20, ms: 100, isTrusted: true });
    sets.add({ take: 10, ms: YEAR, isTrusted: false });
    sets.add({ take: 30, ms: -7, isTrusted: false });
    sets.add({ take: 20, ms: 99_999, isTrusted: true });
    assert.equal(sets.correctionOf(5), YEAR + 100);
    assert.equal(sets.correctionOf(10), 100);
    assert.equal(sets.correctionOf(19), 100);
    assert.equal(sets.correctionOf(20), 0, "nothing to go by came later");
    assert.equal(sets.correctionOf(31), 0);
  });

  test("give the same in whatever order they were learnt, and when read back", () => {
    const set = fc.record({
      take: fc.integer({ min: 1, max: 40 }),
      ms: fc.integer({ min: -50 * YEAR, max: 50 * YEAR }),
      isTrusted: fc.boolean(),
    });
    const sets = fc.uniqueArray(set, { selector: ({ take }) => take, maxLength: 20 });
    fc.assert(
      fc.property(sets, fc.infiniteStream(fc.nat()), (list, chance) => {
        const learnt = new ClockSets();
        shuffled(list, chance).forEach((each) => learnt.add(each));
        const writer = new ColumnWriter();
        learnt.write(writer);
        const read = ClockSets.read(new ColumnReader(writer.finish()));
        for (let take = 0; take <= 41; take += 1) {
          assert.equal(learnt.correctionOf(take), correctionByHand(list, take));
          assert.equal(read.correctionOf(take), learnt.correctionOf(take));
        }
      }),
    );
  });
});

describe("the lines of readings", () => {
  test("are corrected when the notice came before them, and say how when it comes after", async () => {
    const directory = freshDirectory(hub);
    const desk = await openDesk(hub, directory);
    const gateway = FakeGateway.ofSite(hub);
    const early = takeOf({ device: DEVICE, take: 1, count: 2, at: 5000 });
    const wave = [waveOf(2, 6000)];
    const notice = [clockSet(3, 56 * YEAR)];
    const late = takeOf({ device: DEVICE, take: 4, count: 1 });
    const other = takeOf({ device: "bed-2/monitor", take: 1, count: 1, at: 5000 });
    const put = (items: readonly Item[], name: "vital" | "wave" | "notice") =>
      gateway.put({ batches: [{ class: name, items }], takes: [rowOf(items, {}, name)] });
    // A notice overtakes the readings of the time before it.
    const messages = [
      ...put(notice, "notice"),
      ...put([...early, ...other], "vital").slice(0, 1),
      ...put(wave, "wave"),
      ...put(late, "vital"),
    ];
    await commitAll(desk, [...gateway.epochs(), ...messages]);
    await desk.close();
    const lines = readingsLines(directory).filter(({ kind }) => kind !== "unaccounted");
    assert.deepEqual(
      lines.map(({ take, at, start, atCorrected, startCorrected }) => [
        take,
        at ?? start,
        atCorrected ?? startCorrected ?? null,
      ]),
      [
        [3, AT + 56 * YEAR, null],
        [1, 5000, 5000 + 56 * YEAR],
        [1, 5000, 5000 + 56 * YEAR],
        [1, 5000, null],
        [2, 6000, 6000 + 56 * YEAR],
        [4, AT, null],
      ],
    );
    const text = readingsText(directory);
    await (await openDesk(hub, directory, { rebuild: true })).close();
    assert.equal(readingsText(directory), text, "made again, it is the same");
  });

  test("whatever the order of arrival, line and later notices together give the right time", async () => {
    const eras = fc.array(
      fc.record({
        takes: fc.integer({ min: 0, max: 3 }),
        ms: fc.integer({ min: -40 * YEAR, max: 40 * YEAR }),
      }),
      { minLength: 1, maxLength: 4 },
    );
    await fc.assert(
      fc.asyncProperty(eras, fc.infiniteStream(fc.nat()), async (list, chance) => {
        const directory = freshDirectory(hub);
        const desk = await openDesk(hub, directory);
        const gateway = FakeGateway.ofSite(hub);
        const items: Item[] = [];
        let take = 0;
        for (const { takes, ms } of list) {
          for (let count = 0; count < takes; count += 1) {
            take += 1;
            items.push(...takeOf({ device: DEVICE, take, count: 1 }));
          }
          take += 1;
          items.push(clockSet(take, ms));
        }
        const records = shuffled(items, chance).flatMap((item) => {
          const name = item.kind === "notice" ? "notice" : "vital";
          return gateway.put({
            batches: [{ class: name, items: [item] }],
            takes: [rowOf([item], {}, name)],
          });
        });
        await commitAll(desk, [...gateway.epochs(), ...records]);
        await desk.close();
        const lines = readingsLines(directory);
        for (const [place, line] of lines.entries()) {
          const later = lines.slice(place + 1).filter(({ notice }) => notice === "clock-set");
          const still = later
            .filter((set) => Number(set["take"]) > Number(line["take"]))
            .reduce((sum, set) => sum + Number(set["at"]) - Number(set["since"]), 0);
          const time = Number(line["atCorrected"] ?? line["at"]) + still;
          const sets = items.flatMap((item) => clockSetIn(item) ?? []);
          const right = Number(line["at"]) + correctionByHand(sets, Number(line["take"]));
          assert.equal(time, right);
        }
      }),
      { numRuns: 6 },
    );
  });
});

function waveOf(take: number, start: number): Waveform {
  return {
    kind: "waveform",
    device: DEVICE,
    boot: BOOT,
    take,
    index: 0,
    code: "MDC_ECG_ELEC_POTL_II",
    mdc: 131_330,
    unit: "mV",
    start,
    clock: "unsynchronised",
    period: { ms: 1000, samples: 250 },
    scale: 0.01,
    offset: 0,
    samples: [1, 2, null, 3],
    gap: false,
    quality: ["valid"],
    path: "1.2.1",
  };
}

function correctionByHand(sets: readonly ClockSet[], take: number): number {
  const later = sets.filter((set) => set.take > take).toSorted((a, b) => a.take - b.take);
  const last = later.findLastIndex(({ isTrusted }) => isTrusted);
  return later.slice(0, last + 1).reduce((sum, { ms }) => sum + ms, 0);
}

function shuffled<T>(list: readonly T[], chance: Iterator<number>): T[] {
  const rest = [...list];
  return list.map(() => rest.splice(chance.next().value % rest.length, 1)[0]!);
}

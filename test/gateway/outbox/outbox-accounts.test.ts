import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import * as fc from "fast-check";

import type { Outbox } from "../../../gateway/outbox/outbox.ts";
import { WHEN_FULL, type ClassPolicies, type WhenFull } from "../../../gateway/outbox/policy.ts";
import type { Loss, StoredRecord } from "../../../gateway/outbox/records.ts";
import { RECORD_FACTS_BYTES } from "../../../gateway/outbox/values.ts";
import { FaultyDisk, type WriteFate } from "../../fakes/faulty-database.ts";
import { openTestOutbox, readAll } from "../../fakes/outbox-kit.ts";
import { fakeBatch, fakeBody, fakeEpoch, fakeRecord, hex } from "../../fakes/record-codec.ts";

/**
 * The promises of the outbox under everything that can happen to it: nothing that was acknowledged vanishes without a receipt
 * or a gap record, no number is used twice, and the totals are right.
 */
const CLASSES = ["notice", "vital", "trend", "wave", "tally"] as const;
type ClassName = (typeof CLASSES)[number];
const BYTES_MAX = 40_000;
const DAY_MS = 86_400_000;
const RUNS = Number(process.env["OUTBOX_RUNS"] ?? 4);

type Step =
  | { readonly do: "put"; readonly classes: readonly ClassName[]; readonly bytes: number }
  | {
      readonly do: "receipt";
      readonly name: ClassName | "gap";
      readonly from: number;
      readonly count: number;
    }
  | { readonly do: "reject"; readonly name: ClassName; readonly sequence: number }
  | { readonly do: "wait"; readonly days: number }
  | { readonly do: "fault"; readonly fates: readonly WriteFate[] }
  | { readonly do: "disk"; readonly free: number | null }
  | { readonly do: "reopen" }
  | { readonly do: "kill"; readonly puts: number; readonly fate: WriteFate };

const name = fc.constantFrom(...CLASSES);
const fate = fc.constantFrom<WriteFate>("ok", "fails", "fails but is there");
const badFate = fc.constantFrom<WriteFate>("fails", "fails but is there");
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant("put" as const),
      classes: fc.array(name, { minLength: 1, maxLength: 6 }),
      bytes: fc.integer({ min: 1, max: 1500 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("receipt" as const),
      name: fc.constantFrom(...CLASSES, "gap" as const),
      from: fc.integer({ min: 1, max: 60 }),
      count: fc.integer({ min: 1, max: 30 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("reject" as const),
      name,
      sequence: fc.integer({ min: 1, max: 60 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("wait" as const),
      days: fc.integer({ min: 0, max: 12 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("fault" as const),
      fates: fc.array(fate, { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("disk" as const),
      free: fc.constantFrom(null, 0, 9_000_000, 10 ** 9),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reopen" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("kill" as const),
      puts: fc.integer({ min: 0, max: 3 }),
      fate: badFate,
    }),
  },
);

const policy = fc.record({
  share: fc.constantFrom(0, 0.1, 0.2),
  ttlMs: fc.constantFrom(null, DAY_MS, 10 * DAY_MS),
  whenFull: fc.constantFrom<WhenFull>(...WHEN_FULL),
});
const policies: fc.Arbitrary<ClassPolicies> = fc.record({
  notice: policy,
  vital: policy,
  trend: policy,
  wave: policy,
});

test(
  "whatever happens, every record is here, receipted, or named in a gap record",
  { timeout: 3_600_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(
        policies,
        fc.array(step, { minLength: 10, maxLength: 60, size: "max" }),
        async (classes, steps) => {
          const run = await Run.begin(classes);
          try {
            for (const each of steps) {
              await run.act(each);
              await run.check();
            }
          } finally {
            await run.end();
          }
        },
      ),
      { numRuns: RUNS },
    );
    // A few runs may miss some; the long form must not.
    const expected = RUNS < 40 ? [] : ["evicted", "turned-away", "expired", "rejected"];
    assert.deepEqual(
      expected.filter((reason) => !reasons.has(reason)),
      [],
    );
  },
);

/** How often which reason was seen, over all runs. */
const reasons = new Map<string, number>();

class Run {
  readonly #directory = mkdtempSync(join(tmpdir(), "wardgate-accounts-"));
  readonly #classes: ClassPolicies;
  #outbox: Outbox | null = null;
  #disk = new FaultyDisk();
  #free: number | null = null;
  #monotonic = 0;
  #written = 0;
  /** Every record ever seen, by its place: what it is, for ever. */
  readonly #records = new Map<string, { readonly hash: string; readonly className: string }>();
  readonly #acknowledged = new Set<string>();
  readonly #receipted = new Set<string>();
  /** What gap records say, by the place of the gap record. */
  readonly #gaps = new Map<string, Loss>();

  private constructor(classes: ClassPolicies) {
    this.#classes = classes;
  }

  static async begin(classes: ClassPolicies): Promise<Run> {
    const run = new Run(classes);
    await run.#open();
    return run;
  }

  get outbox(): Outbox {
    assert.ok(this.#outbox !== null);
    return this.#outbox;
  }

  async act(each: Step): Promise<void> {
    switch (each.do) {
      case "put":
        await this.#put(each.classes, each.bytes).catch((error: unknown) => {
          assert.equal((error as { code?: string }).code, "WARD_OUTBOX_FULL");
        });
        break;
      case "receipt":
        await this.#receipt(each.name, each.from, each.count);
        break;
      case "reject": {
        const rejects = [{ class: each.name, sequence: each.sequence, reason: "no" }];
        await this.outbox.receipt({ store: this.outbox.storeId, ranges: [], rejects });
        break;
      }
      case "wait":
        this.#monotonic += each.days * DAY_MS;
        break;
      case "fault": {
        const fates = [...each.fates];
        this.#disk.fate = () => fates.shift() ?? "ok";
        break;
      }
      case "disk":
        this.#free = each.free;
        break;
      case "reopen":
        await this.outbox.close();
        await this.#open();
        break;
      case "kill":
        await this.#kill(each.puts, each.fate);
        break;
    }
    this.outbox.tend();
    await this.#settled();
  }

  async check(): Promise<void> {
    const here = new Map<string, StoredRecord>();
    for (const record of await readAll(this.outbox)) {
      this.#see(record);
      here.set(placeOf(record), record);
      if (record.class === "gap") {
        this.#gaps.set(placeOf(record), JSON.parse(fakeBody(record.bytes)) as Loss);
      }
    }
    const named = new Map<string, Loss>();
    for (const gap of this.#gaps.values()) {
      for (const { sequence, hash } of gap.records) {
        const place = `${gap.class}/${gap.store} ${sequence}`;
        assert.equal(
          this.#records.get(place)?.hash ?? hash,
          hash,
          `${place} is the one that was given up`,
        );
        assert.ok(!named.has(place), `${place} is given up once`);
        named.set(place, gap);
      }
    }
    for (const place of this.#acknowledged) {
      const isHere = here.has(place);
      const gap = named.get(place);
      assert.ok(isHere || this.#receipted.has(place) || gap !== undefined, `${place} vanished`);
      assert.ok(!isHere || gap === undefined, `${place} is here and given up`);
      const className = this.#records.get(place)?.className;
      assert.ok(gap === undefined || className !== "tally" || gap.reason === "rejected", place);
    }
    await this.#checkTotals([...here.values()]);
  }

  async end(): Promise<void> {
    for (const { reason } of this.#gaps.values()) {
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
    await this.outbox.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #checkTotals(here: readonly StoredRecord[]): Promise<void> {
    const byClass = Map.groupBy(here, (record) => record.class);
    let all = 0;
    for (const [className, { batches, bytes }] of Object.entries(await this.outbox.backlog())) {
      const records = byClass.get(className as ClassName) ?? [];
      const sum = records.reduce(
        (total, { bytes: { length } }) => total + RECORD_FACTS_BYTES + length,
        0,
      );
      assert.deepEqual([className, batches, bytes], [className, records.length, sum]);
      all += sum;
    }
    assert.equal(this.outbox.room.bytes, all);
  }

  async #open(): Promise<void> {
    const { outbox } = await openTestOutbox(join(this.#directory, "store"), {
      bytesMax: BYTES_MAX,
      classes: this.#classes,
      reserveBytes: 10 ** 6,
      openDatabase: this.#disk.open,
      freeBytes: () => this.#free,
      monotonic: () => this.#monotonic,
    });
    this.#outbox = outbox;
  }

  async #put(classes: readonly ClassName[], bytes: number): Promise<void> {
    const epoch = hex(`${this.#written % 5}`);
    const batches = classes.map((className) => {
      this.#written += 1;
      return fakeBatch(className, epoch, 1, `${this.#written} ${"x".repeat(bytes)}`);
    });
    for (const record of await this.outbox.put({ epochs: [fakeEpoch(epoch)], batches })) {
      this.#see(record);
      this.#acknowledged.add(placeOf(record));
    }
  }

  async #receipt(className: ClassName | "gap", from: number, count: number): Promise<void> {
    const ranges = [{ class: className, range: [from, from + count - 1] as const }];
    for (const waiting of this.outbox.waiting().filter((chain) => chain.class === className)) {
      for (let number = waiting.range[0]; number <= waiting.range[1]; number += 1) {
        if (number >= from && number < from + count) {
          this.#receipted.add(`${className}/${this.outbox.storeId} ${number}`);
        }
      }
    }
    await this.outbox.receipt({ store: this.outbox.storeId, ranges, rejects: [] });
  }

  /** Some puts are under way, the disk takes the next write or does not, and nothing after it; then all begins anew. */
  async #kill(puts: number, last: WriteFate): Promise<void> {
    const fates: WriteFate[] = [last];
    this.#disk.fate = () => fates.shift() ?? "fails";
    const pending = Array.from({ length: puts }, () => this.#put(["vital", "wave", "tally"], 300));
    const ended = Promise.allSettled(pending);
    await this.outbox.close();
    await ended;
    this.#disk = new FaultyDisk();
    await this.#open();
  }

  /** A receipt of nothing has its turn after everything that is under way. */
  async #settled(): Promise<void> {
    await this.outbox.receipt({ store: this.outbox.storeId, ranges: [], rejects: [] });
  }

  #see(record: StoredRecord): void {
    const { hash, class: className } = record;
    const known = this.#records.get(placeOf(record));
    assert.ok(known === undefined || known.hash === hash, `${placeOf(record)} is used once`);
    this.#records.set(placeOf(record), { hash, className });
    this.#acknowledged.add(placeOf(record));
  }
}

function placeOf(record: StoredRecord): string {
  return `${record.class}/${fakeRecord(record.bytes).store} ${record.sequence}`;
}

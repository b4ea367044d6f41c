import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import * as fc from "fast-check";

import type { Outbox } from "../../../gateway/outbox/outbox.ts";
import { RECORD_FACTS_BYTES } from "../../../gateway/outbox/values.ts";
import type { RecordClass } from "../../../gateway/sealing/envelope.ts";
import { openTestOutbox, readAll } from "../../fakes/outbox-kit.ts";
import { fakeBatch, fakeBody, fakeEpoch, hex } from "../../fakes/record-codec.ts";

const CLASSES = ["vital", "wave", "tally"] as const;

type Step =
  | { readonly do: "put"; readonly classes: readonly RecordClass[]; readonly epoch: number }
  | {
      readonly do: "receipt";
      readonly class: RecordClass;
      readonly from: number;
      readonly count: number;
    }
  | { readonly do: "reject"; readonly class: RecordClass; readonly sequence: number }
  | { readonly do: "reopen" };

const className = fc.constantFrom(...CLASSES);
const sequence = fc.integer({ min: 1, max: 25 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("put" as const),
      classes: fc.array(className, { minLength: 1, maxLength: 4 }),
      epoch: fc.nat(3),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("receipt" as const),
      class: className,
      from: sequence,
      count: fc.integer({ min: 1, max: 8 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("reject" as const), class: className, sequence }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reopen" as const) }) },
);

test("the outbox behaves like a map, reopened at any point", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const directory = mkdtempSync(join(tmpdir(), "wardgate-model-"));
      let { outbox } = await openTestOutbox(directory);
      try {
        const model = new Model();
        for (const each of steps) {
          if (each.do === "reopen") {
            await outbox.close();
            ({ outbox } = await openTestOutbox(directory));
          } else {
            await act(outbox, model, each);
          }
          await compare(outbox, model);
        }
      } finally {
        await outbox.close();
        rmSync(directory, { recursive: true, force: true });
      }
    }),
    { numRuns: 40 },
  );
});

class Model {
  readonly next: Map<RecordClass, number> = new Map();
  readonly waiting: Map<string, string> = new Map();
  written = 0;

  append(name: RecordClass, body: string): void {
    const next = this.next.get(name) ?? 1;
    this.next.set(name, next + 1);
    this.waiting.set(`${name} ${next}`, body);
  }
}

async function act(
  outbox: Outbox,
  model: Model,
  each: Exclude<Step, { do: "reopen" }>,
): Promise<void> {
  if (each.do === "put") {
    const epoch = hex(`${each.epoch}`);
    const bodies = each.classes.map(() => `body ${(model.written += 1)}`);
    const batches = each.classes.map((name, place) => fakeBatch(name, epoch, 1, bodies[place]!));
    await outbox.put({ epochs: [fakeEpoch(epoch)], batches });
    each.classes.forEach((name, place) => model.append(name, bodies[place]!));
  } else if (each.do === "receipt") {
    const to = each.from + each.count - 1;
    const ranges = [{ class: each.class, range: [each.from, to] as const }];
    await outbox.receipt({ store: outbox.storeId, ranges, rejects: [] });
    for (let number = each.from; number <= to; number += 1) {
      model.waiting.delete(`${each.class} ${number}`);
    }
  } else {
    const rejects = [{ class: each.class, sequence: each.sequence, reason: "no" }];
    await outbox.receipt({ store: outbox.storeId, ranges: [], rejects });
    if (model.waiting.delete(`${each.class} ${each.sequence}`)) {
      model.append("gap", "");
    }
  }
}

async function compare(outbox: Outbox, model: Model): Promise<void> {
  const found = new Map<string, string>();
  let bytes = 0;
  for (const record of await readAll(outbox)) {
    const body = record.class === "gap" ? "" : fakeBody(record.bytes);
    found.set(`${record.class} ${record.sequence}`, body);
    bytes += RECORD_FACTS_BYTES + record.bytes.length;
  }
  assert.deepEqual(Object.fromEntries(found), Object.fromEntries(model.waiting));
  const backlog = Object.values(await outbox.backlog());
  assert.equal(
    backlog.reduce((sum, each) => sum + each.batches, 0),
    model.waiting.size,
  );
  assert.equal(
    backlog.reduce((sum, each) => sum + each.bytes, 0),
    bytes,
  );
}

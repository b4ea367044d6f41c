import assert from "node:assert/strict";
import { describe, test } from "node:test";

import * as fc from "fast-check";

import { WINDOW_BYTES_MIN } from "../../../gateway/uplink/link-pace.ts";
import { CLASS_BYTES, SEND_ORDER } from "../../../gateway/outbox/keys.ts";
import type { RecordClass } from "../../../gateway/sealing/envelope.ts";
import { ForwardModel, type Step } from "../../fakes/forward-model.ts";

const WINDOW = 6;
const WINDOW_BYTES = 1000;
const LIMITS = {
  windowSize: WINDOW,
  windowBytes: WINDOW_BYTES,
  receiptWaitMs: 30_000,
  retryMs: 500,
};

const classes = fc.constantFrom<RecordClass>(...SEND_ORDER);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      t: fc.constant("commit" as const),
      name: classes,
      bytes: fc.integer({ min: 1, max: 600 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ t: fc.constant("epoch" as const) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      t: fc.constant("answer" as const),
      pick: fc.nat(),
      verdict: fc.constantFrom(
        "taken" as const,
        "taken" as const,
        "taken" as const,
        "nobody" as const,
        "refused" as const,
        "too-large" as const,
      ),
    }),
  },
  { weight: 4, arbitrary: fc.record({ t: fc.constant("read" as const), isGood: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({
      t: fc.constant("receipt" as const),
      count: fc.integer({ min: 1, max: 20 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      t: fc.constant("wait" as const),
      ms: fc.constantFrom(1, 100, 1000, 40_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ t: fc.constant("evict" as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ t: fc.constant("down" as const), isFailure: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      t: fc.constant("up" as const),
      inflightMax: fc.integer({ min: 1, max: 10 }),
    }),
  },
);

describe("the scheduler, whatever happens", () => {
  for (const awaitsReceipts of [true, false]) {
    test(`keeps its limits and forgets nothing, ${awaitsReceipts ? "by receipts" : "by acknowledgements"}`, () => {
      const runs = fc.property(fc.array(step, { maxLength: 150, size: "max" }), (steps) => {
        const model = new ForwardModel({ ...LIMITS, awaitsReceipts });
        steps.forEach((each) => model.take(each));
        model.finish();
        assert.deepEqual(model.left(), []);
      });
      fc.assert(runs, { numRuns: 300 });
    });
  }

  test("every class has its place in the order, notices first", () => {
    assert.deepEqual([...SEND_ORDER].toSorted(), Object.keys(CLASS_BYTES).toSorted());
    assert.equal(SEND_ORDER[0], "notice");
  });
});

describe("the order", () => {
  test("a notice overtakes what was committed before it, and has a place of its own", () => {
    const model = upModel();
    model.commit("vital", 10, 20);
    assert.equal(model.underWay.length, WINDOW - 1, "one place is left for notices");
    model.commit("wave", 10, 5);
    model.commit("notice", 10);
    assert.equal(model.underWay.at(-1)?.name, "live/notice 1");
    model.commit("notice", 10, 2);
    model.answer(0);
    assert.equal(model.underWay.at(-1)?.name, "live/notice 2");
    model.answer(0);
    assert.equal(model.underWay.at(-1)?.name, "live/notice 3");
    model.answer(0, 0, 0, 0, 0, 0);
    assert.ok(
      model.underWay.every(({ name }) => name.startsWith("live/vital")),
      "then the vitals",
    );
  });

  test("a notice goes although the bytes of the live lane are used up", () => {
    const model = upModel();
    model.commit("wave", 600, 3);
    assert.deepEqual(model.names(), ["live/wave 1"]);
    model.commit("notice", 600);
    assert.deepEqual(model.names(), ["live/wave 1", "live/notice 1"]);
  });

  test("a record larger than all limits goes alone", () => {
    const model = upModel();
    model.commit("wave", 50_000, 2);
    assert.deepEqual(model.names(), ["live/wave 1"]);
    model.answer(0);
    assert.deepEqual(model.names(), ["live/wave 2"]);
  });

  test("what waits goes by class and age, and notices before what is live", () => {
    const model = new ForwardModel({ ...LIMITS, windowSize: 1, awaitsReceipts: true });
    model.commit("wave", 10);
    model.commit("vital", 10, 2);
    model.commit("notice", 10);
    model.up();
    model.commit("vital", 10);
    model.answerAll();
    const order = ["backlog/notice 1", "live/vital 3", "backlog/vital 1", "backlog/vital 2"];
    assert.deepEqual(model.sent.slice(1), [...order, "backlog/wave 1"]);
  });

  test("a notice that came during a pause overtakes records that were read already", () => {
    const model = new ForwardModel({ ...LIMITS, awaitsReceipts: true });
    model.commit("vital", 10, 40);
    model.up();
    model.answer(0);
    model.answer("nobody");
    model.commit("notice", 10);
    model.take({ t: "wait", ms: 500 });
    while (model.underWay.length > 0) {
      model.answer(0);
    }
    const after = model.sent.slice(-36);
    assert.ok(after.indexOf("backlog/notice 1") <= 1, after.slice(0, 5).join(", "));
  });
});

describe("live and backlog", () => {
  test("live is first, and a full live lane does not starve the backlog", () => {
    const model = new ForwardModel({ ...LIMITS, awaitsReceipts: true });
    model.commit("wave", 10, 10);
    model.up();
    model.answer(0);
    model.answerAll(() => model.commit("vital", 10, 3), 200);
    const waves = model.sent.filter((name) => name === "backlog/wave 1").length;
    assert.equal(waves, 1);
    const first = model.sent.findIndex((name) => name.startsWith("backlog/wave 10"));
    const lives = model.sent.slice(0, first).filter((name) => name.startsWith("live")).length;
    assert.ok(first > 0, "all of it went");
    assert.ok(lives >= 10, "and live did not stand still meanwhile");
  });

  test("a live record finds at most the window's bytes of backlog before it, at any time", () => {
    const model = new ForwardModel({ ...LIMITS, windowSize: 64, awaitsReceipts: true });
    model.commit("wave", 90, 500);
    model.up();
    let most = 0;
    model.answerAll(() => {
      most = Math.max(most, model.bytesUnderWay("backlog"));
    }, 500);
    assert.ok(most <= Math.max(WINDOW_BYTES, WINDOW_BYTES_MIN), `${most} bytes`);
    assert.ok(most > 90, "but more than one record at a time");
  });

  test("records that no receipt names stop the backlog but not what is live", () => {
    const model = new ForwardModel({ ...LIMITS, windowBytes: 1e6, awaitsReceipts: true });
    model.commit("vital", 10, 2000);
    model.up();
    model.answerAll();
    assert.equal(model.sent.length, 1 + 64, "the first window of receipts");
    model.commit("vital", 10);
    assert.equal(model.sent.at(-1), "live/vital 2001");
    model.answerAll();
    model.take({ t: "wait", ms: 31_000 });
    model.answerAll();
    assert.equal(model.sent.length, 1 + 64 + 1 + 1, "nobody receipts: one asks");
    for (let round = 0; round < 20; round += 1) {
      model.take({ t: "receipt", count: 1000 });
      model.answerAll();
    }
    assert.deepEqual(model.left(), [], "and quickly back when receipts come");
  });
});

describe("records that keep failing", () => {
  test("one that makes the broker hang up does not keep the others from going", () => {
    const model = new ForwardModel({ ...LIMITS, awaitsReceipts: true });
    model.commit("vital", 10, 30);
    let hangUps = 0;
    for (let round = 0; round < 40 && model.left().length > 1; round += 1) {
      model.up();
      for (let answers = 0; answers < 100 && model.underWay.length > 0; answers += 1) {
        if (model.underWay.some(({ name }) => name.endsWith("vital 1"))) {
          hangUps += 1;
          break;
        }
        model.answer(0);
        model.take({ t: "receipt", count: 100 });
      }
      model.take({ t: "down", isFailure: true });
      model.take({ t: "wait", ms: 1000 });
    }
    assert.deepEqual(model.left(), ["vital 1"]);
    assert.ok(hangUps <= 8, `${hangUps} hang-ups`);
  });

  test("one that is too large is asked about ever more rarely, and is kept", () => {
    const model = upModel();
    model.commit("wave", 10);
    model.answer("too-large");
    let tries = 1;
    for (let second = 0; second < 3600; second += 1) {
      model.take({ t: "wait", ms: 1000 });
      while (model.underWay.length > 0) {
        tries += 1;
        model.answer("too-large");
      }
    }
    assert.ok(tries >= 8 && tries <= 14, `${tries} tries in an hour`);
    assert.deepEqual(model.left(), ["wave 1"]);
  });

  test("more too large ones than are remembered do not spin", () => {
    const model = new ForwardModel({ ...LIMITS, awaitsReceipts: true });
    model.commit("wave", 10, 600);
    model.up();
    model.answer(0);
    for (let answers = 0; answers < 1000 && model.underWay.length > 0; answers += 1) {
      model.answer("too-large");
    }
    assert.deepEqual(model.names(), [], "it pauses");
    assert.ok(model.sent.length < 400, `${model.sent.length} sent`);
  });

  test("a link that flaps makes nobody late for long", () => {
    const model = new ForwardModel({ ...LIMITS, awaitsReceipts: true });
    model.commit("vital", 10, 30);
    for (let round = 0; round < 10; round += 1) {
      model.up();
      model.answer(0);
      model.take({ t: "down", isFailure: true });
    }
    model.up();
    for (let round = 0; round < 3; round += 1) {
      model.answerAll();
      model.take({ t: "receipt", count: 100 });
      model.take({ t: "wait", ms: 1000 });
    }
    assert.deepEqual(model.left(), []);
  });
});

function upModel(): ForwardModel {
  const model = new ForwardModel({ ...LIMITS, awaitsReceipts: true });
  model.up();
  model.answer(0);
  return model;
}

import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import type { RegisterBlock, RegisterLimits } from "../../../gateway/devices/device.ts";
import { isBits, replyDataBytes } from "../../../gateway/lines/modbus-frames.ts";
import type { RegisterCut, RequestCost } from "../../../gateway/lines/modbus-plan.ts";
import {
  isCut,
  mayRead,
  planMs,
  planRequests,
  serialCost,
  TCP_COST,
  unreadable,
} from "../../../gateway/lines/modbus-plan.ts";
import { nextUnlike, probeOf, shapeOf, varied } from "../../../gateway/lines/modbus-shapes.ts";
import { timingOf } from "../../../gateway/lines/modbus-timing.ts";
import { parseLineUrl } from "../../../gateway/lines/line-url.ts";

const RTU_9600 = serialCost({ framing: "rtu", charMs: 10 / 9.6, gapMs: 3.6 });

function plan(
  wanted: readonly RegisterBlock[],
  limits: RegisterLimits = {},
  cost = TCP_COST,
): string[] {
  return planRequests(wanted, { cost, limits }).map(
    ({ function: code, address, count }) => `${code}:${address}+${count}`,
  );
}

function registers(
  ...ranges: readonly (readonly [address: number, count: number])[]
): RegisterBlock[] {
  return ranges.map(([address, count]) => ({ function: 3, address, count }));
}

test("near blocks are read together with the gap between them, far ones apart", () => {
  assert.deepEqual(plan(registers([10, 2], [0, 4], [100, 1])), ["3:0+101"]);
  assert.deepEqual(plan(registers([0, 4], [200, 1])), ["3:0+4", "3:200+1"]);
  // At 9600 baud ninety registers take longer than another request.
  assert.deepEqual(plan(registers([10, 2], [0, 4], [100, 1]), {}, RTU_9600), ["3:0+12", "3:100+1"]);
});

test("functions are never mixed, and bits have limits of their own", () => {
  const wanted: RegisterBlock[] = [
    { function: 1, address: 0, count: 1 },
    { function: 1, address: 1999, count: 1 },
    { function: 2, address: 2000, count: 1 },
    { function: 3, address: 1, count: 1 },
    { function: 4, address: 1, count: 1 },
  ];
  assert.deepEqual(plan(wanted), ["1:0+2000", "2:2000+1", "3:1+1", "4:1+1"]);
  assert.deepEqual(plan(wanted, { bitsMax: 1999 }), [
    "1:0+1",
    "1:1999+1",
    "2:2000+1",
    "3:1+1",
    "4:1+1",
  ]);
});

test("at most 125 registers, or what the profile says, and no block is torn", () => {
  assert.deepEqual(plan(registers([0, 100], [100, 25])), ["3:0+125"]);
  assert.deepEqual(plan(registers([0, 100], [100, 26])), ["3:0+100", "3:100+26"]);
  assert.deepEqual(plan(registers([0, 2], [2, 2], [4, 2]), { registersMax: 4 }).length, 2);
  assert.deepEqual(plan(registers([0, 8]), { registersMax: 4 }), []);
  assert.deepEqual(unreadable(registers([0, 8]), { registersMax: 4 }), registers([0, 8])[0]);
});

test("forbidden registers are never read, not even to bridge a gap", () => {
  const forbidden = [{ function: 3, first: 5, last: 6 }] as const;
  assert.deepEqual(plan(registers([0, 4], [8, 2]), { forbidden }), ["3:0+4", "3:8+2"]);
  assert.deepEqual(plan(registers([0, 4], [6, 2]), { forbidden }), ["3:0+4"]);
  assert.equal(unreadable(registers([0, 4], [6, 2]), { forbidden })?.address, 6);
  const others = [{ function: 4, first: 5, last: 6 }] as const;
  assert.deepEqual(plan(registers([0, 4], [8, 2]), { forbidden: others }), ["3:0+10"]);
});

test("what must be asked for alone is, and a refused border is not crossed", () => {
  assert.deepEqual(plan(registers([0, 2], [2, 2], [2, 2]), { apart: true }), ["3:0+2", "3:2+2"]);
  const options = { cost: TCP_COST, limits: {}, cuts: [{ function: 3, address: 4 }] as const };
  const requests = planRequests(registers([0, 2], [2, 2], [4, 2], [6, 2]), options);
  assert.deepEqual(
    requests.map(({ address, count }) => [address, count]),
    [
      [0, 4],
      [4, 4],
    ],
  );
});

test("each request says which blocks it holds", () => {
  const wanted = registers([300, 1], [0, 4], [2, 4], [0, 4]);
  const requests = planRequests(wanted, { cost: TCP_COST, limits: {} });
  assert.deepEqual(
    requests.map(({ holds }) => [...holds].sort((a, b) => a - b)),
    [[1, 2, 3], [0]],
  );
});

/* Property: against every way to put the blocks into requests. */
const block = fc.record({
  function: fc.constantFrom(1 as const, 3 as const, 4 as const),
  address: fc.integer({ min: 0, max: 60 }),
  count: fc.integer({ min: 1, max: 9 }),
});
const cost: fc.Arbitrary<RequestCost> = fc.record({
  requestMs: fc.integer({ min: 1, max: 60 }),
  byteMs: fc.integer({ min: 0, max: 9 }),
});
const limits: fc.Arbitrary<RegisterLimits> = fc.record({
  registersMax: fc.integer({ min: 6, max: 30 }),
  bitsMax: fc.integer({ min: 6, max: 40 }),
  apart: fc.oneof(
    { weight: 5, arbitrary: fc.constant(false) },
    { weight: 1, arbitrary: fc.constant(true) },
  ),
  forbidden: fc.array(
    fc
      .tuple(fc.constantFrom(1 as const, 3 as const), fc.nat({ max: 60 }), fc.nat({ max: 3 }))
      .map(([code, first, more]) => ({ function: code, first, last: first + more })),
    { maxLength: 3 },
  ),
});
const cuts: fc.Arbitrary<RegisterCut[]> = fc.array(
  fc.record({ function: fc.constantFrom(3 as const, 4 as const), address: fc.nat({ max: 60 }) }),
  { maxLength: 3 },
);

test("no way to put the blocks into requests costs less (against brute force)", () => {
  fc.assert(
    fc.property(
      fc.array(block, { maxLength: 6 }),
      limits,
      cost,
      cuts,
      (wanted, bounds, price, borders) => {
        const requests = planRequests(wanted, { cost: price, limits: bounds, cuts: borders });
        for (const request of requests) {
          assert.ok(mayRead(request, bounds));
          for (const place of request.holds) {
            const held = wanted[place]!;
            assert.ok(held.address >= request.address);
            assert.ok(held.address + held.count <= request.address + request.count);
            assert.equal(held.function, request.function);
          }
        }
        const held = requests.flatMap(({ holds }) => holds).sort((a, b) => a - b);
        const readable = wanted.flatMap((each, place) => (mayRead(each, bounds) ? [place] : []));
        assert.deepEqual(held, readable);
        const best = Math.min(
          ...partitions(readable.map((place) => wanted[place]!)).map((groups) =>
            groupsMs(groups, bounds, price, borders),
          ),
        );
        assert.equal(planMs(requests, price), best);
      },
    ),
    { numRuns: 3000 },
  );
});

/** Every way to divide a list into groups. */
function partitions(blocks: readonly RegisterBlock[]): RegisterBlock[][][] {
  const [first, ...rest] = blocks;
  if (first === undefined) {
    return [[]];
  }
  return partitions(rest).flatMap((groups) => [
    [[first], ...groups],
    ...groups.map((_, at) =>
      groups.map((group, place) => (place === at ? [first, ...group] : group)),
    ),
  ]);
}

function groupsMs(
  groups: readonly (readonly RegisterBlock[])[],
  bounds: RegisterLimits,
  price: RequestCost,
  borders: readonly RegisterCut[],
): number {
  return groups.reduce((sum, group) => {
    const code = group[0]!.function;
    const address = Math.min(...group.map((each) => each.address));
    const end = Math.max(...group.map((each) => each.address + each.count));
    const hull = { function: code, address, count: end - address };
    const isOne = group.every((each) => each.address === address && each.count === hull.count);
    const isAllowed =
      group.every((each) => each.function === code) &&
      mayRead(hull, bounds) &&
      (isOne || bounds.apart !== true) &&
      (isOne || !borders.some((cut) => isCut(hull, cut)));
    return isAllowed ? sum + price.requestMs + price.byteMs * replyDataBytes(hull) : Infinity;
  }, 0);
}

test("a thousand points are planned in a moment: each is looked at with its near neighbours only", () => {
  const wanted = registers(...Array.from({ length: 1000 }, (_, at) => [at * 7, 2] as const));
  let looks = 0;
  const counted = {
    get registersMax() {
      looks += 1;
      return 125;
    },
  };
  const requests = planRequests(wanted, { cost: RTU_9600, limits: counted });
  assert.ok(looks <= wanted.length * (125 / 7 + 3), `${looks} looks`);
  assert.ok(requests.every(({ count }) => count <= 125));
});

test("the wire of a line: character time, silence and cost", () => {
  const line = parseLineUrl("modbus-rtu:/dev/ttyS0?baud=9600&format=8N1");
  assert.ok(line.scheme === "modbus-rtu");
  const timing = timingOf(line, { baud: 1200, format: "8E1", flow: "none" });
  assert.equal(timing.byteMs, 10 / 9.6);
  assert.ok(Math.abs(timing.gapMs - 3.6458) < 0.001);
  // Request of 8 and reply of 5 + 2 characters, two silences, 5 ms to think.
  const one = planMs(registers([0, 1]), timing.cost);
  assert.ok(Math.abs(one - (15 * (10 / 9.6) + 2 * timing.gapMs + 5)) < 1e-9);
  const fast = timingOf({ ...line, serial: { baud: 115_200, format: "8N2" } }, MODBUS);
  assert.deepEqual([fast.gapMs, fast.byteMs], [1.75, 11 / 115.2]);
  const ascii = timingOf(
    { ...line, scheme: "modbus-ascii", serial: { baud: 9600, format: "7E1" } },
    MODBUS,
  );
  assert.equal(ascii.byteMs, 20 / 9.6);
  // ":" and 6 + 1 bytes and line end there, ":" and 3 + 2 + 1 bytes and line end back.
  const asciiOne = planMs(registers([0, 1]), ascii.cost);
  assert.ok(Math.abs(asciiOne - (32 * (10 / 9.6) + 2 * ascii.gapMs + 5)) < 1e-9);
});

const MODBUS = { baud: 19_200, format: "8E1", flow: "none" } as const;

test("requests that would look alike are made to differ where others are wanted beyond", () => {
  const wanted = registers([0, 2], [200, 2], [400, 2], [600, 2]);
  const options = { cost: TCP_COST, limits: {} };
  const requests = planRequests(wanted, options);
  const lengths = (window: number): number[] =>
    varied(requests, wanted, options, window).map(({ count }) => count);
  assert.deepEqual(lengths(1), [2, 2, 2, 2]);
  assert.deepEqual(lengths(2), [2, 3, 2, 2]);
  assert.deepEqual(lengths(4), [2, 3, 4, 2]);
  const forbidden = [{ function: 3, first: 202, last: 202 }] as const;
  assert.deepEqual(
    varied(requests, wanted, { ...options, limits: { forbidden } }, 2).map(({ count }) => count),
    [2, 2, 3, 2],
  );
  fc.assert(
    fc.property(
      fc.array(block, { maxLength: 12 }),
      limits,
      fc.integer({ min: 1, max: 6 }),
      (all, bounds, window) => {
        const priced = { cost: TCP_COST, limits: bounds };
        const before = planRequests(all, priced);
        const after = varied(before, all, priced, window);
        for (const [place, request] of after.entries()) {
          assert.ok(mayRead(request, bounds));
          assert.equal(request.address, before[place]!.address);
          assert.ok(request.count >= before[place]!.count);
          const last = Math.max(
            ...all
              .filter((each) => each.function === request.function)
              .map((each) => each.address + each.count),
          );
          assert.ok(request.address + request.count <= last);
        }
      },
    ),
  );
});

test("a probe never looks like what it goes before, and the order avoids probes", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(1 as const, 2 as const, 3 as const, 4 as const),
      fc.integer({ min: 0, max: 65_535 }),
      fc.integer({ min: 1, max: 125 }),
      fc.nat({ max: 9 }),
      (code, from, count, turn) => {
        const address = Math.min(from, 65_536 - count);
        const probe = probeOf({ function: code, address, count }, turn);
        assert.notEqual(shapeOf(probe), shapeOf({ function: code, address, count }));
        assert.ok(mayRead(probe, {}));
        assert.equal(isBits(probe.function), isBits(code));
      },
    ),
  );
  const all = registers([0, 2], [10, 2], [20, 2], [30, 3], [40, 4]);
  const order: number[] = [];
  for (let last: number | undefined; all.length > 0;) {
    const next = nextUnlike(all, last)!;
    all.splice(all.indexOf(next), 1);
    last = shapeOf(next);
    order.push(next.count);
  }
  assert.deepEqual(order, [2, 3, 2, 4, 2]);
  assert.equal(nextUnlike([], 1), undefined);
});

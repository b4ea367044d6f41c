import assert from "node:assert/strict";
import { describe, test } from "node:test";

import * as fc from "fast-check";

import { differenceOf, firstIndices, intersectionOf } from "../../../gateway/indices.ts";
import { decodeTagged, encodeCbor, encodeTagged } from "../../../gateway/sealing/cbor.ts";
import type { CborValue } from "../../../gateway/sealing/cbor.ts";
import { makeSign1 } from "../../../gateway/sealing/cose.ts";
import type { Headers } from "../../../gateway/sealing/cose.ts";
import { CONTEXT, TIME_MAX } from "../../../gateway/sealing/envelope.ts";
import { decodeGap, encodeGap } from "../../../gateway/sealing/gap.ts";
import type { BatchGap } from "../../../gateway/sealing/gap.ts";
import { signReceipt, verifyReceipt } from "../../../gateway/sealing/receipt.ts";
import type { Receipt } from "../../../gateway/sealing/receipt.ts";
import { decodeTally, encodeTally } from "../../../gateway/sealing/tally.ts";
import type { Tally, TallyTake } from "../../../gateway/sealing/tally.ts";
import {
  anyClass,
  anyText,
  AT,
  BOOT,
  flips,
  GATEWAY,
  signingKeys,
  STORE,
  wardCode,
} from "../../fakes/sealing-kit.ts";

const plain = { noNullPrototype: true };
const hexOf = (bytes: number): fc.Arbitrary<string> =>
  fc
    .uint8Array({ minLength: bytes, maxLength: bytes })
    .map((raw) => Buffer.from(raw).toString("hex"));
const anyTime = fc.oneof(fc.constantFrom(0, AT, TIME_MAX), fc.nat());
const anyDigest = fc.oneof(fc.constantFrom(0, 2 ** 32 - 1), fc.nat());
const source = {
  device: fc.constantFrom("bed-1/monitor", "bed-2/monitor", "gateway"),
  boot: fc.constantFrom(BOOT, "ff".repeat(8)),
};

const anyTake: fc.Arbitrary<TallyTake> = fc
  .record(
    {
      ...source,
      take: fc.oneof(fc.integer({ min: 1, max: 30 }), fc.constant(TIME_MAX)),
      class: anyClass,
      count: fc.integer({ min: 1, max: 50 }),
      kept: fc.maxSafeNat(),
      withheld: fc.maxSafeNat(),
      refused: fc.constant(0),
      dropped: fc.constant(0),
      digest: anyDigest,
      rest: anyDigest,
    },
    plain,
  )
  .map((take) => {
    const all = firstIndices(take.count);
    const kept = intersectionOf(take.kept, all);
    const withheld = intersectionOf(differenceOf(take.withheld, kept), all);
    const refused = differenceOf(differenceOf(all, kept), withheld);
    return Object.assign(take, { kept, withheld, refused });
  });
const anyTally: fc.Arbitrary<Tally> = fc.record(
  {
    version: fc.constant(1 as const),
    salts: fc.array(hexOf(16), { maxLength: 4 }),
    takes: fc.array(anyTake, { maxLength: 30 }),
    gaps: fc.array(
      fc.record(
        {
          id: anyText,
          ...source,
          from: anyTime,
          to: anyTime,
          reason: anyText,
          atMost: fc.boolean(),
          start: anyTime,
          end: anyTime,
        },
        plain,
      ),
      { maxLength: 5 },
    ),
    droppedTabs: fc.array(fc.record({ ...source, take: anyTime, tab: anyText }, plain), {
      maxLength: 5,
    }),
  },
  plain,
);
const anyGap: fc.Arbitrary<BatchGap> = fc
  .record(
    {
      version: fc.constant(1 as const),
      store: hexOf(8),
      class: fc.constantFrom("notice", "vital", "trend", "wave", "tally", "gap"),
      from: fc.constantFrom(0, 1, 1000, Number.MAX_SAFE_INTEGER - 50),
      to: fc.integer({ min: 0, max: 50 }),
      reason: anyText,
      records: fc.array(
        fc.record(
          {
            sequence: fc.nat(),
            hash: hexOf(32),
            salt: hexOf(16),
            items: fc.integer({ min: 0, max: 10_000 }),
          },
          plain,
        ),
        { maxLength: 8 },
      ),
      at: anyTime,
    },
    plain,
  )
  .map((gap) => {
    const to = gap.from + gap.to;
    for (const record of gap.records) {
      record.sequence = gap.from + (record.sequence % (gap.to + 1));
    }
    return { ...gap, to };
  });

describe("a tally", () => {
  const empty: Tally = { version: 1, salts: [], takes: [], gaps: [], droppedTabs: [] };
  const take: TallyTake = {
    device: "bed-1/monitor",
    boot: BOOT,
    take: 1,
    class: "vital",
    count: 5,
    kept: 31,
    withheld: 0,
    refused: 0,
    dropped: 0,
    digest: 0xdeadbeef,
    rest: 0,
  };

  test("gives every field back", () => {
    fc.assert(
      fc.property(anyTally, (tally) => {
        assert.deepStrictEqual(decodeTally(encodeTally(tally)), tally);
      }),
      { numRuns: 1000 },
    );
  });

  test("takes eight bytes a take that was kept whole", () => {
    const takes = Array.from({ length: 1000 }, (_, place) => ({
      ...take,
      device: `bed-${place % 6}/monitor`,
      take: 1 + Math.floor(place / 6),
    }));
    assert.ok(encodeTally({ ...empty, takes }).length < 8200);
  });

  test("refuses what is impossible", () => {
    const impossible: Partial<TallyTake>[] = [
      { kept: 32 },
      { kept: -1 },
      { count: 51 },
      { digest: 2 ** 32 },
      { rest: -1 },
      { take: -1 },
      { boot: "x" },
      { device: "" },
    ];
    for (const change of impossible) {
      const tally = { ...empty, takes: [{ ...take, ...change }] };
      assert.equal(
        wardCode(() => encodeTally(tally)),
        "WARD_SEAL_INPUT",
      );
    }
    for (const change of [
      { salts: ["00"] },
      { takes: Array.from({ length: 10_001 }, () => take) },
      { droppedTabs: [{ device: "x", boot: BOOT, take: 1, tab: "\ud800" }] },
    ]) {
      assert.equal(
        wardCode(() => encodeTally({ ...empty, ...change })),
        "WARD_SEAL_INPUT",
      );
    }
  });

  test("ends in one kind of error, or in a tally, whatever the bytes", () => {
    fc.assert(
      fc.property(anyTally, fc.nat(), fc.integer({ min: 1, max: 255 }), (tally, place, change) => {
        const bytes = Uint8Array.from(encodeTally(tally));
        bytes[place % bytes.length]! ^= change;
        openOrWardError(bytes, (changed) => encodeTally(decodeTally(changed)));
      }),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        openOrWardError(bytes, (random) => encodeTally(decodeTally(random)));
      }),
      { numRuns: 2000 },
    );
  });
});

describe("a gap record", () => {
  test("gives every field back", () => {
    fc.assert(
      fc.property(anyGap, (gap) => {
        assert.deepStrictEqual(decodeGap(encodeGap(gap)), gap);
      }),
      { numRuns: 1000 },
    );
  });

  test("refuses what is impossible", () => {
    const gap: BatchGap = {
      version: 1,
      store: STORE,
      class: "vital",
      from: 3,
      to: 9,
      reason: "evicted",
      records: [{ sequence: 3, hash: "ab".repeat(32), salt: "cd".repeat(16), items: 1 }],
      at: AT,
    };
    const [record] = gap.records;
    const impossible: Partial<BatchGap>[] = [
      { from: 10 },
      { store: "00" },
      { at: -1 },
      { to: 2 ** 53 },
      { records: [{ ...record!, sequence: 2 }] },
      { records: [{ ...record!, sequence: 10 }] },
      { records: [{ ...record!, hash: "AB".repeat(32) }] },
      { records: [{ ...record!, items: -1 }] },
    ];
    for (const change of impossible) {
      assert.equal(
        wardCode(() => encodeGap({ ...gap, ...change })),
        "WARD_SEAL_INPUT",
      );
    }
  });

  test("ends in one kind of error, or in a gap record, whatever the bytes", () => {
    fc.assert(
      fc.property(anyGap, fc.nat(), fc.integer({ min: 1, max: 255 }), (gap, place, change) => {
        const bytes = Uint8Array.from(encodeGap(gap));
        bytes[place % bytes.length]! ^= change;
        openOrWardError(bytes, (changed) => encodeGap(decodeGap(changed)));
      }),
      { numRuns: 2000 },
    );
  });
});

describe("a receipt", () => {
  const { publicKey, privateKey } = signingKeys();
  const receipt: Receipt = {
    version: 1,
    gateway: GATEWAY,
    store: STORE,
    at: AT,
    ranges: {
      vital: [
        [1, 40],
        [42, 42],
      ],
      tally: [[0, 0]],
    },
    rejects: [{ class: "wave", sequence: 7, reason: "signature" }],
  };

  test("comes back as it was signed", () => {
    assert.deepEqual(verifyReceipt(signReceipt(receipt, privateKey), publicKey), receipt);
    const empty = { ...receipt, ranges: {}, rejects: [] };
    assert.deepEqual(verifyReceipt(signReceipt(empty, privateKey), publicKey), empty);
  });

  test("joins ranges that touch, in whatever order", () => {
    const ranges = {
      vital: [
        [7, 9],
        [1, 3],
        [4, 5],
        [2, 2],
      ],
      wave: [],
    } as const;
    const read = verifyReceipt(signReceipt({ ...receipt, ranges }, privateKey), publicKey);
    assert.deepEqual(read.ranges, {
      vital: [
        [1, 5],
        [7, 9],
      ],
    });
  });

  test("counts for nothing under another key", () => {
    const bytes = signReceipt(receipt, privateKey);
    assert.equal(
      wardCode(() => verifyReceipt(bytes, signingKeys().publicKey)),
      "WARD_RECEIPT",
    );
  });

  test("counts for nothing when it is signed but not right", () => {
    const right: CborValue[] = [1, GATEWAY, new Uint8Array(8), AT, new Map(), []];
    const verify = (payload: CborValue, headers: Headers = new Map()): Receipt => {
      const content = encodeCbor(payload);
      const o = { headers, payload: content, key: privateKey, context: CONTEXT.receipt };
      return verifyReceipt(makeSign1(o), publicKey);
    };
    assert.equal(verify(right).gateway, GATEWAY);
    const ranges = (list: CborValue): CborValue => right.with(4, new Map([[1, list]]));
    const wrong: CborValue[] = [
      right.with(0, 2),
      right.slice(1),
      ranges([]),
      ranges([[2, 1]]),
      ranges([
        [1, 2],
        [3, 4],
      ]),
      ranges([
        [5, 6],
        [1, 2],
      ]),
      ranges([[1, 2, 3]]),
      right.with(4, new Map([[6, [[1, 2]]]])),
      right.with(4, []),
      right.with(5, [[1, 2]]),
      "text",
    ];
    for (const payload of wrong) {
      assert.equal(
        wardCode(() => verify(payload)),
        "WARD_RECEIPT",
      );
    }
    assert.equal(
      wardCode(() => verify(right, new Map([[3, 50]]))),
      "WARD_RECEIPT",
    );
    const parts = decodeTagged(18, signReceipt(receipt, privateKey)) as CborValue[];
    const open = encodeTagged(18, parts.with(1, new Map([[9, 1]])));
    assert.equal(
      wardCode(() => verifyReceipt(open, publicKey)),
      "WARD_RECEIPT",
    );
  });

  test("is not signed when it is impossible", () => {
    const impossible: Partial<Receipt>[] = [
      { gateway: "GW" },
      { store: "00" },
      { at: -1 },
      { ranges: { vital: [[2, 1]] } },
      { ranges: { vital: [[-1, 1]] } },
      { ranges: { vital: Array.from({ length: 1025 }, (_, place) => [3 * place, 3 * place]) } },
      { rejects: [{ class: "wave", sequence: 7, reason: "Not a word" }] },
      { rejects: Array.from({ length: 1025 }, () => receipt.rejects[0]!) },
    ];
    for (const change of impossible) {
      assert.equal(
        wardCode(() => signReceipt({ ...receipt, ...change }, privateKey)),
        "WARD_RECEIPT",
      );
    }
  });

  test("accepts no bit flip and no random bytes", () => {
    for (const changed of flips(signReceipt(receipt, privateKey))) {
      assert.equal(
        wardCode(() => verifyReceipt(changed, publicKey)),
        "WARD_RECEIPT",
      );
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 150 }), (bytes) => {
        assert.equal(
          wardCode(() => verifyReceipt(bytes, publicKey)),
          "WARD_RECEIPT",
        );
      }),
      { numRuns: 1000 },
    );
  });
});

/** Content is authentic when it is read, so changed bytes may be other content; what is read must be writable again. */
function openOrWardError(bytes: Uint8Array, open: (bytes: Uint8Array) => unknown): void {
  try {
    open(bytes);
  } catch {
    assert.equal(
      wardCode(() => open(bytes)),
      "WARD_OPEN",
    );
  }
}

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import fc from "fast-check";

import {
  consistencyRanges,
  EMPTY_ROOT,
  Frontier,
  inclusionRanges,
  isConsistent,
  isIncluded,
  leafHash,
  type LeafRange,
  nodeHash,
  rootOf,
} from "../../../gateway/journal/merkle.ts";
import { fromHex, toHex } from "../../../gateway/sealing/envelope.ts";

/** The test vectors of certificate-transparency: entries, and the root of the tree after each. */
const ENTRIES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"];
const LAST_ENTRY = "606162636465666768696a6b6c6d6e6f";
const LEAVES = [...ENTRIES, LAST_ENTRY].map((hex) => leafHash(fromHex(hex)));
const ROOTS = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
].map(fromHex);

/** Index, size, and what proves it. */
const INCLUSIONS: readonly (readonly [number, number, readonly string[]])[] = [
  [0, 1, []],
  [
    0,
    8,
    [
      "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
      "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
      "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
  ],
  [
    5,
    8,
    [
      "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
      "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
  ],
  [2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]],
  [
    1,
    5,
    [
      "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
      "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
      "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
  ],
];
/** Old size, size, and what proves it. */
const CONSISTENCIES: readonly (readonly [number, number, readonly string[]])[] = [
  [1, 1, []],
  [
    1,
    8,
    [
      "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
      "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
      "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
  ],
  [
    6,
    8,
    [
      "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
      "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
  ],
  [
    2,
    5,
    [
      "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
      "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
  ],
];

function hashesOf(leaves: readonly Uint8Array[], ranges: readonly LeafRange[]): Uint8Array[] {
  return ranges.map(([from, to]) => naiveRoot(leaves.slice(from, to)));
}

/** The definition of RFC 6962 section 2.1, word for word. */
function naiveRoot(leaves: readonly Uint8Array[]): Uint8Array {
  const [first] = leaves;
  if (first === undefined) {
    return new Uint8Array(createHash("sha256").digest());
  }
  if (leaves.length === 1) {
    return first;
  }
  const split = 2 ** (Math.ceil(Math.log2(leaves.length)) - 1);
  return nodeHash(naiveRoot(leaves.slice(0, split)), naiveRoot(leaves.slice(split)));
}

function someLeaves(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, place) => leafHash(Buffer.from(`entry ${place}`)));
}

test("the known roots, inclusion and consistency proofs come out", () => {
  assert.equal(
    toHex(nodeHash(Buffer.from("N123"), Buffer.from("N456"))),
    "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb",
  );
  assert.equal(toHex(EMPTY_ROOT), toHex(ROOTS[0]!));
  for (const [size, root] of ROOTS.entries()) {
    assert.equal(toHex(rootOf(LEAVES.slice(0, size))), toHex(root));
  }
  for (const [index, size, expected] of INCLUSIONS) {
    const proof = hashesOf(LEAVES, inclusionRanges(index, size));
    assert.deepEqual(proof.map(toHex), expected);
    assert.ok(isIncluded({ index, size, leaf: LEAVES[index]!, root: ROOTS[size]!, proof }));
  }
  for (const [old, size, expected] of CONSISTENCIES) {
    const proof = hashesOf(LEAVES, consistencyRanges(old, size));
    assert.deepEqual(proof.map(toHex), expected);
    assert.ok(isConsistent({ old, oldRoot: ROOTS[old]!, size, root: ROOTS[size]!, proof }));
  }
});

test("every root and proof up to 24 entries is what the definition says, and fits nothing else", () => {
  const leaves = someLeaves(25);
  const roots = leaves.map((_, size) => naiveRoot(leaves.slice(0, size)));
  const frontier = new Frontier();
  for (let size = 1; size <= 24; size += 1) {
    frontier.add(leaves[size - 1]!);
    const root = roots[size]!;
    assert.equal(toHex(frontier.root), toHex(root));
    for (let index = 0; index < size; index += 1) {
      const proof = hashesOf(leaves, inclusionRanges(index, size));
      const leaf = leaves[index]!;
      assert.ok(isIncluded({ index, size, leaf, root, proof }));
      assert.ok(!isIncluded({ index, size, leaf: leaves[index + 1]!, root, proof }));
      assert.ok(!isIncluded({ index, size, leaf, root: roots[size - 1]!, proof }));
      assert.ok(!isIncluded({ index, size, leaf, root, proof: [...proof, leaf] }));
      assert.ok(size === 1 || !isIncluded({ index, size, leaf, root, proof: proof.slice(1) }));
    }
    for (let old = 0; old <= size; old += 1) {
      const proof = hashesOf(leaves, consistencyRanges(old, size));
      const oldRoot = roots[old]!;
      assert.ok(isConsistent({ old, oldRoot, size, root, proof }), `${old} in ${size}`);
      assert.ok(!isConsistent({ old, oldRoot: leaves[24]!, size, root, proof }));
      assert.ok(!isConsistent({ old, oldRoot, size, root, proof: [...proof, root] }));
      assert.ok(old === 0 || !isConsistent({ old, oldRoot, size, root: leaves[24]!, proof }));
    }
  }
});

test("a changed, cut or swapped history has no proof that fits", () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 120 }), fc.nat(), fc.nat(), fc.nat(), (size, a, b, c) => {
      const leaves = someLeaves(size);
      const old = 1 + (a % (size - 1));
      const changed = [...leaves];
      changed[b % old] = leafHash(Buffer.from(`another ${c}`));
      const root = rootOf(changed);
      const oldRoot = rootOf(leaves.slice(0, old));
      const proof = hashesOf(changed, consistencyRanges(old, size));
      assert.ok(!isConsistent({ old, oldRoot, size, root, proof }));
      const wrong = proof.toSpliced(c % (proof.length + 1), 1);
      assert.ok(!isConsistent({ old, oldRoot, size, root, proof: wrong }));
    }),
    { numRuns: 60 },
  );
});

test("subtrees may be added whole, where they fit", () => {
  const leaves = someLeaves(11);
  const frontier = new Frontier();
  frontier.add(naiveRoot(leaves.slice(0, 4)), 2);
  frontier.add(naiveRoot(leaves.slice(4, 8)), 2);
  leaves.slice(8).forEach((leaf) => frontier.add(leaf));
  assert.equal(frontier.size, 11);
  assert.equal(toHex(frontier.root), toHex(naiveRoot(leaves)));
  assert.throws(() => frontier.add(leaves[0]!, 2), TypeError);
  assert.throws(() => inclusionRanges(3, 3), TypeError);
  assert.throws(() => consistencyRanges(4, 3), TypeError);
});

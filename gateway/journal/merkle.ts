import { createHash } from "node:crypto";

/**
 * The Merkle tree of RFC 6962 section 2.1 over SHA-256: hashes, the ranges a proof is made of, and the verification of proofs
 * (RFC 9162 sections 2.1.3.2 and 2.1.4.2). Everything here is a pure function of hashes of 32 bytes.
 */

/** Bytes of a hash. */
export const HASH_BYTES = 32;
/** The root of the tree without entries: SHA-256 of nothing. */
export const EMPTY_ROOT: Uint8Array = sha256();

/** Entries `from` up to and not with `to`: a whole subtree of the tree they are named for. */
export type LeafRange = readonly [from: number, to: number];

/** The hash of an entry. */
export function leafHash(entry: Uint8Array): Uint8Array {
  return sha256(LEAF, entry);
}

/** The hash of two subtrees side by side. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(NODE, left, right);
}

/** The root over the hashes of entries. */
export function rootOf(leaves: readonly Uint8Array[]): Uint8Array {
  const frontier = new Frontier();
  leaves.forEach((leaf) => frontier.add(leaf));
  return frontier.root;
}

/** The right edge of a growing tree: as many hashes as its size has binary ones, enough for its root. */
export class Frontier {
  /** Whole subtrees from left to right, each with its height. */
  readonly #trees: { readonly height: number; readonly hash: Uint8Array }[] = [];
  #size = 0;

  /** Entries in the tree. */
  get size(): number {
    return this.#size;
  }

  /**
   * Adds the hash of the next entry, or of a whole subtree of 2 to the power of `height` entries. Throws TypeError where such
   * a subtree cannot stand.
   */
  add(hash: Uint8Array, height = 0): void {
    const last = this.#trees.at(-1);
    if (hash.length !== HASH_BYTES || (last !== undefined && last.height < height)) {
      throw new TypeError("Cannot add to the tree: no subtree of this height can stand here.");
    }
    let tree = { height, hash };
    for (
      let left = last;
      left !== undefined && left.height === tree.height;
      left = this.#trees.at(-1)
    ) {
      this.#trees.pop();
      tree = { height: tree.height + 1, hash: nodeHash(left.hash, tree.hash) };
    }
    this.#trees.push(tree);
    this.#size += 2 ** height;
  }

  get root(): Uint8Array {
    const hashes = this.#trees.map(({ hash }) => hash);
    return hashes.length === 0
      ? EMPTY_ROOT
      : hashes.reduceRight((right, left) => nodeHash(left, right));
  }
}

/**
 * The subtrees whose hashes, in this order, prove that entry `index` is in the tree of `size` entries. Throws TypeError when
 * it cannot be in it.
 */
export function inclusionRanges(index: number, size: number): LeafRange[] {
  if (!isPlace(index, size - 1) || !Number.isSafeInteger(size)) {
    throw new TypeError(`Cannot prove entry ${index}: the tree has ${size}.`);
  }
  const path: LeafRange[] = [];
  let [from, to] = [0, size];
  while (to - from > 1) {
    const middle = from + splitOf(to - from);
    if (index < middle) {
      path.push([middle, to]);
      to = middle;
    } else {
      path.push([from, middle]);
      from = middle;
    }
  }
  return path.reverse();
}

/**
 * The subtrees whose hashes, in this order, prove that the tree of `old` entries is the beginning of that of `size`; none when
 * both are the same or the old one is empty. Throws TypeError when `old` is more than `size`.
 */
export function consistencyRanges(old: number, size: number): LeafRange[] {
  if (!isPlace(old, size)) {
    throw new TypeError(`Cannot prove ${old} entries: the tree has ${size}.`);
  }
  if (old === 0 || old === size) {
    return [];
  }
  const path: LeafRange[] = [];
  let [from, to] = [0, size];
  while (to !== old) {
    const middle = from + splitOf(to - from);
    if (old <= middle) {
      path.push([middle, to]);
      to = middle;
    } else {
      path.push([from, middle]);
      from = middle;
    }
  }
  // A verifier that has the old root knows this subtree when it is all of the old tree.
  return [...(from === 0 ? [] : [[from, to] as const]), ...path.reverse()];
}

/** True when `proof` shows that an entry with this hash has place `index` in the tree of `size` entries with this root. */
export function isIncluded(o: {
  readonly index: number;
  readonly size: number;
  readonly leaf: Uint8Array;
  readonly root: Uint8Array;
  readonly proof: readonly Uint8Array[];
}): boolean {
  if (!isPlace(o.index, o.size - 1)) {
    return false;
  }
  let [place, last, hash] = [o.index, o.size - 1, o.leaf];
  for (const step of o.proof) {
    if (last === 0) {
      return false;
    }
    if (isOdd(place) || place === last) {
      hash = nodeHash(step, hash);
      [place, last] = climbed(place, last);
    } else {
      hash = nodeHash(hash, step);
    }
    [place, last] = [half(place), half(last)];
  }
  return last === 0 && isSame(hash, o.root);
}

/** True when `proof` shows that the tree of `old` entries with `oldRoot` is the beginning of that of `size` with `root`. */
export function isConsistent(o: {
  readonly old: number;
  readonly oldRoot: Uint8Array;
  readonly size: number;
  readonly root: Uint8Array;
  readonly proof: readonly Uint8Array[];
}): boolean {
  if (!isPlace(o.old, o.size)) {
    return false;
  }
  if (o.old === 0 || o.old === o.size) {
    const isRight = o.old === 0 ? isSame(o.oldRoot, EMPTY_ROOT) : isSame(o.oldRoot, o.root);
    return o.proof.length === 0 && isRight;
  }
  const [first, ...rest] = isPower(o.old) ? [o.oldRoot, ...o.proof] : o.proof;
  if (first === undefined) {
    return false;
  }
  let [place, last] = [o.old - 1, o.size - 1];
  while (isOdd(place)) {
    [place, last] = [half(place), half(last)];
  }
  let [oldHash, hash] = [first, first];
  for (const step of rest) {
    if (last === 0) {
      return false;
    }
    if (isOdd(place) || place === last) {
      oldHash = nodeHash(step, oldHash);
      hash = nodeHash(step, hash);
      [place, last] = climbed(place, last);
    } else {
      hash = nodeHash(hash, step);
    }
    [place, last] = [half(place), half(last)];
  }
  return last === 0 && isSame(oldHash, o.oldRoot) && isSame(hash, o.root);
}

/** True for the same bytes. */
export function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  parts.forEach((part) => hash.update(part));
  return new Uint8Array(hash.digest());
}

/** The largest power of two below a count of two or more. */
function splitOf(count: number): number {
  let split = 1;
  while (2 * split < count) {
    split *= 2;
  }
  return split;
}

/** Up to the row in which the place is a right one, or the first. */
function climbed(place: number, last: number): [place: number, last: number] {
  let here: [number, number] = [place, last];
  while (!isOdd(here[0]) && here[0] !== 0) {
    here = [half(here[0]), half(here[1])];
  }
  return here;
}

// Bit operations of JavaScript end at 32 bits.
function isOdd(number: number): boolean {
  return number % 2 === 1;
}

function half(number: number): number {
  return Math.floor(number / 2);
}

function isPower(number: number): boolean {
  return splitOf(number + 1) === number;
}

function isPlace(number: number, most: number): boolean {
  return Number.isSafeInteger(number) && number >= 0 && number <= most;
}

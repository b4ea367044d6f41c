import {
  consistencyRanges,
  Frontier,
  inclusionRanges,
  type LeafRange,
  leafHash,
  rootOf,
} from "./merkle.ts";
import { SEGMENT_ENTRIES, SEGMENT_HEIGHT } from "./segment.ts";

/** What proofs are made from. */
export interface TreeParts {
  /** The roots of all whole segments, also of those whose entries are gone. */
  readonly roots: readonly Uint8Array[];
  /** Hashes of the entries after the last whole segment. */
  readonly leaves: readonly Uint8Array[];
  /** The entries of a whole segment, or null when they are gone or cannot be read. */
  readonly entries: (segment: number) => Promise<readonly Uint8Array[] | null>;
}

/** The journal's tree as it is at one moment. */
export class JournalTree {
  readonly #parts: TreeParts;
  readonly #read = new Map<number, readonly Uint8Array[] | null>();

  constructor(parts: TreeParts) {
    this.#parts = parts;
  }

  /** Entries in the tree. */
  get size(): number {
    const { roots, leaves } = this.#parts;
    return roots.length * SEGMENT_ENTRIES + leaves.length;
  }

  get root(): Uint8Array {
    const { roots, leaves } = this.#parts;
    return joined(roots, leaves);
  }

  /** The root when the tree had `size` entries, or null when that is in a segment whose entries are gone. */
  async rootAt(size: number): Promise<Uint8Array | null> {
    const whole = Math.floor(size / SEGMENT_ENTRIES);
    const rest = size - whole * SEGMENT_ENTRIES;
    const leaves = rest === 0 ? [] : await this.#leavesOf(whole);
    return leaves === null || leaves.length < rest
      ? null
      : joined(this.#parts.roots.slice(0, whole), leaves.slice(0, rest));
  }

  /** Proves that entry `index` is in the tree as it had `size` entries; null when entries that it takes are gone. */
  async inclusion(index: number, size: number): Promise<Uint8Array[] | null> {
    return this.#hashes(inclusionRanges(index, size));
  }

  /** Proves that the tree of `old` entries is the beginning of this one; null when entries that it takes are gone. */
  async consistency(old: number): Promise<Uint8Array[] | null> {
    return this.#hashes(consistencyRanges(old, this.size));
  }

  async #hashes(ranges: readonly LeafRange[]): Promise<Uint8Array[] | null> {
    const hashes: Uint8Array[] = [];
    for (const range of ranges) {
      const hash = await this.#hashOf(range);
      if (hash === null) {
        return null;
      }
      hashes.push(hash);
    }
    return hashes;
  }

  /** Subtrees begin where their size lets them: one that crosses segments begins and, but for the last, ends with one. */
  async #hashOf([from, to]: LeafRange): Promise<Uint8Array | null> {
    const first = Math.floor(from / SEGMENT_ENTRIES);
    const end = Math.floor(to / SEGMENT_ENTRIES);
    const start = end * SEGMENT_ENTRIES;
    if (from % SEGMENT_ENTRIES === 0 && end > first) {
      const leaves = to > start ? await this.#leavesOf(end) : [];
      const roots = this.#parts.roots.slice(first, end);
      return leaves === null ? null : joined(roots, leaves.slice(0, to - start));
    }
    const leaves = await this.#leavesOf(first);
    const offset = first * SEGMENT_ENTRIES;
    return leaves === null ? null : rootOf(leaves.slice(from - offset, to - offset));
  }

  async #leavesOf(segment: number): Promise<readonly Uint8Array[] | null> {
    const { roots, leaves, entries } = this.#parts;
    if (segment >= roots.length) {
      return segment === roots.length ? leaves : null;
    }
    const known = this.#read.get(segment);
    if (known !== undefined) {
      return known;
    }
    const read = await entries(segment);
    const hashes = read?.length === SEGMENT_ENTRIES ? read.map(leafHash) : null;
    this.#read.set(segment, hashes);
    return hashes;
  }
}

function joined(roots: readonly Uint8Array[], leaves: readonly Uint8Array[]): Uint8Array {
  const frontier = new Frontier();
  roots.forEach((root) => frontier.add(root, SEGMENT_HEIGHT));
  leaves.forEach((leaf) => frontier.add(leaf));
  return frontier.root;
}

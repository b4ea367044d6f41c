import {
  addRange,
  hasSequence,
  type SequenceRange,
} from "../../gateway/sealing/sequence-ranges.ts";

/**
 * What the parent of an outbox worker knows, from the worker's lines alone (outbox-worker.ts): what was acknowledged, what
 * a receipt may have taken, what a gap record accounts for. At every start of a worker it compares that with what was found
 * on the disk. It lies outside the tested disk and outlives every crash.
 */
export class Oracle {
  /** Records that were acknowledged and then looked for at a start. */
  checked = 0;
  acknowledged = 0;
  /** Records that gap records name, as often as they were told. */
  accounted = 0;
  /** Starts at which all was compared. */
  starts = 0;
  /** What must never be; empty when all is well. */
  readonly wrongs: string[] = [];
  readonly #chains: Map<string, KnownChain> = new Map();
  #found: Map<string, Map<number, string>> = new Map();

  /** Takes one line. Returns its first word. */
  hear(line: string): string {
    const [what = "", name = "", store = "", first = "", second = ""] = line.split(" ");
    const chain = `${name} ${store}`;
    switch (what) {
      case "found":
        this.#foundIn(chain).set(Number(first), second);
        break;
      case "ack":
        this.acknowledged += 1;
        this.#acknowledge(chain, Number(first), second);
        break;
      case "gap":
        this.accounted += Number(second) - Number(first) + 1;
        this.#excuse(chain, [Number(first), Number(second)]);
        break;
      case "receipt":
        this.#excuse(chain, [Number(first), Number(second)]);
        break;
      case "wrong":
        this.#wrong(line);
        break;
      case "open":
        this.#compare();
        break;
    }
    return what;
  }

  /** Another one that knows the same, to be asked about one possible course of things. */
  copy(): Oracle {
    const copy = new Oracle();
    for (const [name, { words, highest, excused }] of this.#chains) {
      copy.#chains.set(name, { words: new Map(words), highest, excused });
    }
    return copy;
  }

  /** A new process starts: what an earlier one had begun to tell does not count. */
  begin(): void {
    this.#found = new Map();
  }

  #acknowledge(chain: string, sequence: number, word: string): void {
    const known = this.#chain(chain);
    if (sequence <= known.highest) {
      this.#wrong(`${chain} ${sequence} was given twice: ${known.words.get(sequence)}, ${word}`);
    }
    if (sequence > known.highest + 1) {
      this.#wrong(`${chain} ${sequence} follows ${known.highest}`);
    }
    known.highest = Math.max(known.highest, sequence);
    known.words.set(sequence, word);
  }

  #excuse(chain: string, range: SequenceRange): void {
    const known = this.#chain(chain);
    known.excused = addRange(known.excused, range);
  }

  #compare(): void {
    this.starts += 1;
    for (const name of new Set([...this.#chains.keys(), ...this.#found.keys()])) {
      this.#compareChain(name, this.#chain(name), this.#foundIn(name));
    }
  }

  #compareChain(name: string, known: KnownChain, found: ReadonlyMap<number, string>): void {
    for (const [sequence, word] of known.words) {
      const there = found.get(sequence);
      this.checked += 1;
      if (there === undefined && !hasSequence(known.excused, sequence)) {
        this.#wrong(`${name} ${sequence} (${word}) was acknowledged and is lost`);
      } else if (there !== undefined && there !== word) {
        this.#wrong(`${name} ${sequence} is ${there}, ${word} was acknowledged`);
      }
    }
    const highest = Math.max(known.highest, ...found.keys());
    for (let sequence = known.highest + 1; sequence <= highest; sequence += 1) {
      // Written, not acknowledged: it may be there, but then all before it must be.
      if (!found.has(sequence) && !hasSequence(known.excused, sequence)) {
        this.#wrong(`${name} ${sequence} is a hole: ${highest} is there`);
      }
    }
    known.highest = highest;
    known.words = new Map(found);
    this.#checkOrder(name, found);
  }

  /** What one lane of one run put later lies later. */
  #checkOrder(name: string, found: ReadonlyMap<number, string>): void {
    const last = new Map<string, number>();
    for (const [sequence, word] of [...found].sort(([a], [b]) => a - b)) {
      const [run = "", lane = "", count = "0", place = "0"] = word.split("-");
      const at = Number(count) * 10 + Number(place);
      if (at <= (last.get(`${run} ${lane}`) ?? -1) && word !== "gap") {
        this.#wrong(`${name} ${sequence} (${word}) lies behind what was put later`);
      }
      last.set(`${run} ${lane}`, at);
    }
  }

  #chain(name: string): KnownChain {
    const known = this.#chains.get(name) ?? { words: new Map(), highest: 0, excused: [] };
    this.#chains.set(name, known);
    return known;
  }

  #foundIn(chain: string): Map<number, string> {
    const found = this.#found.get(chain) ?? new Map<number, string>();
    this.#found.set(chain, found);
    return found;
  }

  #wrong(text: string): void {
    if (this.wrongs.length < WRONGS_MAX) {
      this.wrongs.push(text);
    }
  }
}

/** What the oracle knows of one class in one store. */
interface KnownChain {
  /** Acknowledged or found, and not seen to be gone since. */
  words: Map<number, string>;
  highest: number;
  /** Receipted, or named by a gap record. */
  excused: readonly SequenceRange[];
}

const WRONGS_MAX = 20;

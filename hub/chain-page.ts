import { complement, countOf, type TakeRange } from "./ledger.ts";
import { type Link, LinkedRuns } from "./linked-runs.ts";
import { packPage, readRanges, readText, unpackPage, writeRanges, writeText } from "./page-form.ts";
import { Ranges } from "./ranges.ts";

/** What the books say of one chain of records: one gateway, store and class. */
export class ChainPage {
  readonly #runs: LinkedRuns;
  readonly #gone: Ranges;
  /** Hashes of the last records of runs that are gone, by sequence: the next record must name them. */
  readonly #goneHashes: Map<number, string>;
  #broken: boolean;

  private constructor(
    runs: LinkedRuns,
    gone: Ranges,
    goneHashes: Map<number, string>,
    broken: boolean,
  ) {
    this.#runs = runs;
    this.#gone = gone;
    this.#goneHashes = goneHashes;
    this.#broken = broken;
  }

  static empty(): ChainPage {
    return new ChainPage(new LinkedRuns(), new Ranges(), new Map(), false);
  }

  add(link: Link): void {
    const before = this.#goneHashes.get(link.sequence - 1) ?? link.previous;
    if (!this.#runs.add(link) || before !== link.previous) {
      this.#broken = true;
    }
  }

  /** Notes records that the gateway declared gone; `lastHash` is the hash of the last of them, if it is known. */
  addGone(first: number, last: number, lastHash: string | null): void {
    this.#gone.add(first, last);
    if (lastHash !== null) {
      this.#goneHashes.set(last, lastHash);
    }
  }

  /** True when hashes of neighbours did not fit. */
  get broken(): boolean {
    return this.#broken;
  }

  get records(): number {
    return countOf(this.#here());
  }

  /** Records that are declared gone and not here. */
  get gone(): number {
    const here = this.#here();
    return countOf(this.#gone.list().flatMap((range) => complement(here, range)));
  }

  /** Records that are neither here nor declared gone, below the newest known one. */
  get missing(): number {
    const known = [...this.#here(), ...this.#gone.list()];
    const first = known.reduce((min, range) => Math.min(min, range[0]), 1);
    const last = known.reduce((max, range) => Math.max(max, range[1]), 0);
    return countOf(complement(known, [first, last]));
  }

  #here(): TakeRange[] {
    return this.#runs.list().map(({ first, last }): TakeRange => [first, last]);
  }

  encode(): Uint8Array {
    return packPage((writer) => {
      writer.byte(this.#broken ? 1 : 0);
      const runs = this.#runs.list();
      writer.uint(runs.length);
      for (const { first, last, previous, hash } of runs) {
        writer.uint(first);
        writer.uint(last - first);
        writeText(writer, previous ?? "");
        writeText(writer, hash);
      }
      writeRanges(writer, this.#gone.list());
      writer.uint(this.#goneHashes.size);
      for (const [sequence, hash] of this.#goneHashes) {
        writer.uint(sequence);
        writeText(writer, hash);
      }
    });
  }

  static decode(bytes: Uint8Array): ChainPage {
    const reader = unpackPage(bytes);
    const number = (): number => reader.uint("sequence", Number.MAX_SAFE_INTEGER);
    const broken = reader.byte("broken", 1) === 1;
    const runs = Array.from({ length: reader.count("runs", Number.MAX_SAFE_INTEGER) }, () => {
      const first = number();
      const last = first + number();
      const previous = readText(reader);
      return { first, last, previous: previous === "" ? null : previous, hash: readText(reader) };
    });
    const gone = new Ranges(readRanges(reader));
    const hashes = Array.from(
      { length: reader.count("hashes", Number.MAX_SAFE_INTEGER) },
      (): [number, string] => [number(), readText(reader)],
    );
    return new ChainPage(new LinkedRuns(runs), gone, new Map(hashes), broken);
  }
}

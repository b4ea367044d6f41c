import { WardError } from "../../errors.ts";
import type { CharacterSet, PatternNode } from "./pattern-syntax.ts";
import { parsePattern } from "./pattern-syntax.ts";

/**
 * Matches whole lines against a pattern, in a time that is bounded for every pattern and line: each instruction of the pattern is looked
 * at no more than once for each place in the line. That is possible because what follows from an instruction at a place depends on
 * nothing else: patterns have no backreferences. Of several ways to match, the one with the earlier alternatives and the longer
 * repetitions counts, as usual.
 */
export class Pattern {
  /** Names of the groups, in the order of `match`. */
  readonly groups: readonly string[];
  readonly #program: Program;
  /** One bit for each instruction and place that was looked at. */
  #seen = new Uint32Array(0);

  /** Throws WardError `WARD_PATTERN` that says what is wrong with the pattern. */
  constructor(pattern: string) {
    this.#program = compile(parsePattern(pattern));
    this.groups = this.#program.groups;
  }

  /** The texts of the groups ("" for one that took no part), or null when the line does not match. Lines are Latin-1. */
  match(line: string): string[] | null {
    const ends = this.#run(line);
    return (
      ends &&
      this.groups.map((_, group) => line.slice(ends[2 * group] ?? 0, ends[2 * group + 1] ?? 0))
    );
  }

  /** Where the groups start and end, or null. */
  #run(line: string): Int32Array | null {
    const { operations, arguments: targets, sets } = this.#program;
    const places = line.length + 1;
    const seen = this.#cleared(operations.length * places);
    const ends = new Int32Array(2 * this.groups.length);
    // Ways not taken yet: instruction and place; or, to undo a mark, -1 - slot and what it was before.
    const waiting: number[] = [0, 0];
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      let instruction = waiting.pop() ?? 0;
      if (instruction < 0) {
        ends[-1 - instruction] = at;
        continue;
      }
      for (;;) {
        const bit = instruction * places + at;
        const word = bit >>> 5;
        const mask = 1 << (bit & 31);
        if (((seen[word] ?? 0) & mask) !== 0) {
          break;
        }
        seen[word] = (seen[word] ?? 0) | mask;
        const target = targets[instruction] ?? 0;
        const operation = operations[instruction];
        if (operation === CHARACTER) {
          // Past the end charCodeAt gives NaN, which is in no set.
          if (sets[target]?.[line.charCodeAt(at)] !== 1) {
            break;
          }
          at += 1;
          instruction += 1;
        } else if (operation === SPLIT) {
          waiting.push(target, at);
          instruction += 1;
        } else if (operation === SPLIT_LAZY) {
          waiting.push(instruction + 1, at);
          instruction = target;
        } else if (operation === JUMP) {
          instruction = target;
        } else if (operation === MARK) {
          waiting.push(-1 - target, ends[target] ?? 0);
          ends[target] = at;
          instruction += 1;
        } else if (at === line.length) {
          return ends;
        } else {
          break;
        }
      }
    }
    return null;
  }

  #cleared(bits: number): Uint32Array {
    const words = (bits + 31) >>> 5;
    if (this.#seen.length < words) {
      this.#seen = new Uint32Array(words);
    } else {
      this.#seen.fill(0, 0, words);
    }
    return this.#seen;
  }
}

interface Program {
  readonly operations: Uint8Array;
  readonly arguments: Int32Array;
  readonly sets: readonly CharacterSet[];
  readonly groups: readonly string[];
}

/** The next character must be of the set in the argument. */
const CHARACTER = 0;
/** Go on here, and later perhaps at the argument. */
const SPLIT = 1;
/** Go on at the argument, and later perhaps here. */
const SPLIT_LAZY = 2;
const JUMP = 3;
/** A group starts or ends. */
const MARK = 4;
const MATCHED = 5;
/** Instructions of a pattern, at most: with a line of 1024 characters a million steps. */
const INSTRUCTIONS_MAX = 1000;

function compile(node: PatternNode): Program {
  const compiler = new Compiler();
  compiler.add(node);
  return compiler.finish();
}

class Compiler {
  readonly #operations: number[] = [];
  readonly #arguments: number[] = [];
  readonly #sets: CharacterSet[] = [];
  readonly #groups: string[] = [];

  add(node: PatternNode): void {
    switch (node.kind) {
      case "characters":
        this.#emit(CHARACTER, this.#sets.push(node.set) - 1);
        break;
      case "sequence":
        node.nodes.forEach((part) => this.add(part));
        break;
      case "choice":
        this.#choice(node.nodes);
        break;
      case "group": {
        const group = this.#groups.push(node.name) - 1;
        this.#emit(MARK, 2 * group);
        this.add(node.node);
        this.#emit(MARK, 2 * group + 1);
        break;
      }
      case "repeat":
        this.#repeat(node);
        break;
    }
  }

  finish(): Program {
    this.#emit(MATCHED, 0);
    return {
      operations: Uint8Array.from(this.#operations),
      arguments: Int32Array.from(this.#arguments),
      sets: this.#sets,
      groups: this.#groups,
    };
  }

  #choice(nodes: readonly PatternNode[]): void {
    const exits: number[] = [];
    for (const [place, node] of nodes.entries()) {
      if (place === nodes.length - 1) {
        this.add(node);
      } else {
        const split = this.#emit(SPLIT, 0);
        this.add(node);
        exits.push(this.#emit(JUMP, 0));
        this.#arguments[split] = this.#here;
      }
    }
    exits.forEach((exit) => (this.#arguments[exit] = this.#here));
  }

  #repeat({ node, low, high, lazy }: PatternNode & { readonly kind: "repeat" }): void {
    const operation = lazy ? SPLIT_LAZY : SPLIT;
    for (let time = 0; time < low; time += 1) {
      const before = this.#here;
      this.add(node);
      if (this.#here === before) {
        // Nothing, however often: counts in counts would only take time.
        return;
      }
    }
    const splits: number[] = [];
    if (high === Infinity) {
      const split = this.#emit(operation, 0);
      splits.push(split);
      this.add(node);
      this.#emit(JUMP, split);
    } else {
      for (let time = low; time < high; time += 1) {
        splits.push(this.#emit(operation, 0));
        this.add(node);
      }
    }
    splits.forEach((split) => (this.#arguments[split] = this.#here));
  }

  get #here(): number {
    return this.#operations.length;
  }

  #emit(operation: number, argument: number): number {
    if (this.#operations.length >= INSTRUCTIONS_MAX) {
      throw new WardError("WARD_PATTERN", "it repeats so much that it gets too long");
    }
    this.#arguments.push(argument);
    return this.#operations.push(operation) - 1;
  }
}

import { WardError } from "../../errors.ts";

/**
 * The syntax of patterns: regular expressions without what needs backtracking or looks around. The notation is that of JavaScript;
 * characters are those of Latin-1, one a byte.
 */
export type PatternNode =
  | { readonly kind: "characters"; readonly set: CharacterSet }
  | { readonly kind: "sequence"; readonly nodes: readonly PatternNode[] }
  | { readonly kind: "choice"; readonly nodes: readonly PatternNode[] }
  | { readonly kind: "group"; readonly name: string; readonly node: PatternNode }
  | {
      readonly kind: "repeat";
      readonly node: PatternNode;
      readonly low: number;
      readonly high: number;
      readonly lazy: boolean;
    };

/** 256 entries, 1 for each character that belongs to the set. */
export type CharacterSet = Uint8Array;

/** Characters of a pattern, and a count in braces, at most. */
export const PATTERN_CHARACTERS_MAX = 500;
const COUNT_MAX = 255;

/** Parses a pattern, which stands for a whole line. Throws WardError `WARD_PATTERN` that says what is wrong. */
export function parsePattern(pattern: string): PatternNode {
  if (pattern.length > PATTERN_CHARACTERS_MAX) {
    throw bad(`it has more than ${PATTERN_CHARACTERS_MAX} characters`);
  }
  return new PatternParser(withoutAnchors(pattern)).whole();
}

class PatternParser {
  readonly #text: string;
  readonly #names = new Set<string>();
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): PatternNode {
    const node = this.#choice();
    if (this.#at < this.#text.length) {
      throw bad('there is a ")" without "("');
    }
    return node;
  }

  #choice(): PatternNode {
    const nodes = [this.#sequence()];
    while (this.#take("|")) {
      nodes.push(this.#sequence());
    }
    const [first] = nodes;
    return nodes.length === 1 && first !== undefined ? first : { kind: "choice", nodes };
  }

  #sequence(): PatternNode {
    const nodes: PatternNode[] = [];
    for (
      let next = this.#peek();
      next !== "" && next !== "|" && next !== ")";
      next = this.#peek()
    ) {
      nodes.push(this.#repeated());
    }
    return { kind: "sequence", nodes };
  }

  #repeated(): PatternNode {
    const from = this.#at;
    const namesBefore = this.#names.size;
    const node = this.#atom();
    const count = this.#count();
    if (count === null) {
      return node;
    }
    const lazy = this.#take("?");
    if (this.#count() !== null) {
      throw bad(`"${this.#text.slice(from, this.#at)}" repeats a repetition: put it into (?: )`);
    }
    if (count.high > 1 && this.#names.size > namesBefore) {
      throw bad("a named group is repeated, so it would have more than one text");
    }
    return { kind: "repeat", node, ...count, lazy };
  }

  #count(): { low: number; high: number } | null {
    const simple = SIMPLE_COUNTS.get(this.#peek());
    if (simple !== undefined) {
      this.#at += 1;
      return simple;
    }
    if (this.#peek() !== "{") {
      return null;
    }
    const [whole, low = "", comma = "", high = ""] =
      /^\{(\d{1,3})(,?)(\d{0,3})\}/.exec(this.#text.slice(this.#at)) ?? [];
    if (whole === undefined || (comma === "" && high !== "")) {
      throw bad('"{" is followed by no count such as {3} or {1,3}; write \\{ for the character');
    }
    this.#at += whole.length;
    const most = comma === "" ? Number(low) : high === "" ? Infinity : Number(high);
    if (Number(low) > most || Number(low) > COUNT_MAX || (most > COUNT_MAX && most < Infinity)) {
      throw bad(`"${whole}" is no count from 0 to ${COUNT_MAX}`);
    }
    return { low: Number(low), high: most };
  }

  #atom(): PatternNode {
    const next = this.#next();
    switch (next) {
      case "(":
        return this.#group();
      case "[":
        return { kind: "characters", set: this.#class() };
      case "\\":
        return { kind: "characters", set: this.#escape() };
      case ".":
        return { kind: "characters", set: new Uint8Array(CHARACTERS).fill(1) };
      case "*":
      case "+":
      case "?":
      case "{":
        throw bad(`there is nothing before "${next}" to repeat`);
      case "^":
      case "$":
        throw bad(`"${next}" is possible at the ${next === "^" ? "start" : "end"} only`);
      default:
        return { kind: "characters", set: setOf(codeOf(next)) };
    }
  }

  #group(): PatternNode {
    let name: string | null = null;
    if (this.#take("?")) {
      name = this.#groupName();
    }
    const node = this.#choice();
    if (!this.#take(")")) {
      throw bad('there is a "(" without ")"');
    }
    return name === null ? node : { kind: "group", name, node };
  }

  /** What follows `(?`: null for `:`, or a name. */
  #groupName(): string | null {
    if (this.#take(":")) {
      return null;
    }
    const [whole, name = ""] =
      /^<([A-Za-z][A-Za-z0-9]{0,39})>/.exec(this.#text.slice(this.#at)) ?? [];
    if (whole === undefined) {
      throw bad(
        `"(?${this.#text.slice(this.#at, this.#at + 2)}" is not possible: use (?<name> ) or (?: )`,
      );
    }
    if (this.#names.has(name)) {
      throw bad(`there are two groups "${name}"`);
    }
    this.#names.add(name);
    this.#at += whole.length;
    return name;
  }

  #class(): CharacterSet {
    const set = new Uint8Array(CHARACTERS);
    const isNegated = this.#take("^");
    for (let next = this.#next(); next !== "]"; next = this.#next()) {
      if (next === "") {
        throw bad('there is a "[" without "]"');
      }
      const low = next === "\\" ? this.#escape() : setOf(codeOf(next));
      if (this.#peek() === "-" && this.#peek(1) !== "]") {
        this.#at += 1;
        const end = this.#next();
        addRange(set, low, end === "\\" ? this.#escape() : setOf(codeOf(end)));
      } else {
        low.forEach((isIn, code) => (set[code] ||= isIn));
      }
    }
    return isNegated ? inverted(set) : set;
  }

  /** What follows a backslash. */
  #escape(): CharacterSet {
    const next = this.#next();
    const known = ESCAPES.get(next);
    if (known !== undefined) {
      return known;
    }
    if (next === "x") {
      const [hex] = /^[0-9A-Fa-f]{2}/.exec(this.#text.slice(this.#at)) ?? [];
      if (hex === undefined) {
        throw bad('"\\x" is not followed by two hex digits');
      }
      this.#at += 2;
      return setOf(Number.parseInt(hex, 16));
    }
    if (next === "" || /[A-Za-z0-9]/.test(next)) {
      throw bad(`"\\${next}" is not possible here`);
    }
    return setOf(codeOf(next));
  }

  #peek(ahead = 0): string {
    return this.#text.charAt(this.#at + ahead);
  }

  #next(): string {
    const next = this.#peek();
    this.#at += next.length;
    return next;
  }

  #take(wanted: string): boolean {
    const isNext = this.#peek() === wanted;
    this.#at += isNext ? 1 : 0;
    return isNext;
  }
}

const CHARACTERS = 256;
const SIMPLE_COUNTS: ReadonlyMap<string, { low: number; high: number }> = new Map([
  ["*", { low: 0, high: Infinity }],
  ["+", { low: 1, high: Infinity }],
  ["?", { low: 0, high: 1 }],
]);

const DIGITS = setWhere((character) => /\d/.test(character));
const WORD = setWhere((character) => /\w/.test(character));
const BLANKS = setWhere((character) => /\s/.test(character));
const ESCAPES: ReadonlyMap<string, CharacterSet> = new Map([
  ["d", DIGITS],
  ["D", inverted(DIGITS)],
  ["w", WORD],
  ["W", inverted(WORD)],
  ["s", BLANKS],
  ["S", inverted(BLANKS)],
  ["t", setOf(0x09)],
  ["n", setOf(0x0a)],
  ["r", setOf(0x0d)],
]);

/** A pattern stands for a whole line, so the anchors say nothing new. */
function withoutAnchors(pattern: string): string {
  const [backslashes = ""] = /\\*(?=\$$)/.exec(pattern) ?? [];
  const isAnchored = pattern.endsWith("$") && backslashes.length % 2 === 0;
  return pattern.slice(pattern.startsWith("^") ? 1 : 0, isAnchored ? -1 : undefined);
}

function setWhere(belongs: (character: string) => boolean): CharacterSet {
  return Uint8Array.from({ length: CHARACTERS }, (_, code) =>
    belongs(String.fromCharCode(code)) ? 1 : 0,
  );
}

function setOf(code: number): CharacterSet {
  const set = new Uint8Array(CHARACTERS);
  set[code] = 1;
  return set;
}

function inverted(set: CharacterSet): CharacterSet {
  return set.map((isIn) => 1 - isIn);
}

function addRange(set: CharacterSet, low: CharacterSet, high: CharacterSet): void {
  const from = low.indexOf(1);
  const to = high.indexOf(1);
  const areSingle = low.lastIndexOf(1) === from && high.lastIndexOf(1) === to;
  if (!areSingle || from > to) {
    throw bad("a range in [ ] is not from a lower to a higher character; write \\- for the dash");
  }
  set.fill(1, from, to + 1);
}

function codeOf(character: string): number {
  const code = character.charCodeAt(0);
  if (code >= CHARACTERS) {
    throw bad(`"${character}" is no character of Latin-1`);
  }
  return code;
}

function bad(why: string): WardError {
  return new WardError("WARD_PATTERN", why);
}

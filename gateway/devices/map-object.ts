/** What is wrong with a description: bounded, in the order it was found. */
export class Problems {
  readonly #told: string[] = [];
  #untold = 0;

  /** `path` is a place such as `fields[2].unit`, or "" for the text as a whole. */
  add(path: string, why: string, whatToDo: string): void {
    if (this.#told.length < PROBLEMS_MAX) {
      this.#told.push(`${path === "" ? "The description" : path}: ${why}. ${whatToDo}.`);
    } else {
      this.#untold += 1;
    }
  }

  get isEmpty(): boolean {
    return this.#told.length === 0;
  }

  /** One sentence or two each; the last says how many more there are. */
  get list(): readonly string[] {
    return this.#untold === 0
      ? this.#told
      : [...this.#told, `And ${this.#untold} more problems. Mend these first.`];
  }
}

const PROBLEMS_MAX = 30;

/** How a text of a description must look. */
export interface TextRule {
  readonly charactersMax: number;
  /** @default 1 */
  readonly charactersMin?: number;
  readonly form?: RegExp;
  /** What to write, for example "Write a name such as Weight". */
  readonly write: string;
}

export interface WholeRule {
  readonly low: number;
  readonly high: number;
}

/**
 * One JSON object of a description. Every field is asked for by name; a field that is wrong is told and read as its fallback, so that
 * reading goes on and finds the other problems. A result is to be used only when there were none.
 */
export class MapObject {
  readonly path: string;
  readonly #problems: Problems;
  readonly #fields: ReadonlyMap<string, unknown>;
  readonly #asked = new Set<string>();

  constructor(value: unknown, path: string, problems: Problems) {
    this.path = path;
    this.#problems = problems;
    this.#fields = new Map(isObject(value) ? Object.entries(value) : []);
    if (!isObject(value)) {
      problems.add(path, "it is no object", 'Write { "name": ... }');
    }
  }

  has(name: string): boolean {
    return this.#ask(name) !== undefined;
  }

  /** The path of a field. */
  at(name: string): string {
    return this.path === "" ? name : `${this.path}.${name}`;
  }

  problem(name: string, why: string, whatToDo: string): void {
    this.#problems.add(name === "" ? this.path : this.at(name), why, whatToDo);
  }

  /** A text; without `fallback` it must be there. */
  text(name: string, rule: TextRule, fallback?: string): string {
    const value = this.#ask(name);
    if (value === undefined && fallback !== undefined) {
      return fallback;
    }
    if (value === undefined) {
      this.problem(name, "it is missing", rule.write);
    } else if (!isText(value, rule)) {
      this.problem(name, `${shown(value)} is not what is expected`, rule.write);
    } else {
      return value;
    }
    return fallback ?? "";
  }

  /** A whole number; without `fallback` it must be there. */
  whole(name: string, { low, high }: WholeRule, fallback?: number): number {
    const value = this.#ask(name);
    if (value === undefined && fallback !== undefined) {
      return fallback;
    }
    if (isWhole(value) && value >= low && value <= high) {
      return value;
    }
    const why = value === undefined ? "it is missing" : `${shown(value)} is not what is expected`;
    this.problem(name, why, `Write a whole number from ${low} to ${high}`);
    return fallback ?? low;
  }

  /** A whole number, or a list [lowest, highest] of two. */
  span<Fallback>(name: string, rule: WholeRule, fallback: Fallback): WholeRule | Fallback {
    const value = this.#ask(name);
    if (value === undefined) {
      return fallback;
    }
    const [low, high, ...more]: readonly unknown[] = Array.isArray(value) ? value : [value, value];
    if (isWhole(low) && isWhole(high) && more.length === 0) {
      if (low >= rule.low && low <= high && high <= rule.high) {
        return { low, high };
      }
    }
    const write = `Write a whole number from ${rule.low} to ${rule.high}, or [lowest, highest]`;
    this.problem(name, `${shown(value)} is not what is expected`, write);
    return fallback;
  }

  /** Any number, or null where there is none. */
  number(name: string): number | null {
    const value = this.#ask(name);
    if (value === undefined) {
      return null;
    }
    if (typeof value === "number") {
      return value;
    }
    this.problem(name, `${shown(value)} is no number`, "Write a number without quotes");
    return null;
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.#ask(name);
    if (value !== undefined && typeof value !== "boolean") {
      this.problem(name, `${shown(value)} is neither true nor false`, "Write true or false");
    }
    return typeof value === "boolean" ? value : fallback;
  }

  /** One of some words; without `fallback` it must be there. */
  choice<Word extends string>(
    name: string,
    words: readonly [Word, ...Word[]],
    fallback?: Word,
  ): Word {
    const value = this.#ask(name);
    const found = words.find((word) => word === value);
    if (found === undefined && (value !== undefined || fallback === undefined)) {
      const why = value === undefined ? "it is missing" : `${shown(value)} is not known`;
      this.problem(name, why, `Use ${words.map((word) => `"${word}"`).join(", ")}`);
    }
    return found ?? fallback ?? words[0];
  }

  /** An object inside this one; where there is none, one without fields. */
  object(name: string): MapObject {
    const value = this.#ask(name);
    return new MapObject(value === undefined ? {} : value, this.at(name), this.#problems);
  }

  /** The objects of a list. */
  objects(name: string, { low, high }: WholeRule): MapObject[] {
    return this.list(name, { low, high }).map(
      (value, place) => new MapObject(value, `${this.at(name)}[${place}]`, this.#problems),
    );
  }

  /** A list; it may be left out when `low` is 0. */
  list(name: string, { low, high }: WholeRule): readonly unknown[] {
    const value = this.#ask(name);
    if (value === undefined && low === 0) {
      return [];
    }
    if (Array.isArray(value) && value.length >= low && value.length <= high) {
      return value;
    }
    const why = value === undefined ? "it is missing" : "it is no list of the right length";
    this.problem(name, why, `Write a list [ ... ] of ${low} to ${high}`);
    return [];
  }

  /** A list of texts; it may be left out. */
  texts(name: string, rule: TextRule, high: number): string[] {
    const values = this.list(name, { low: 0, high });
    const texts = values.filter((value) => isText(value, rule));
    if (texts.length < values.length) {
      this.problem(name, "not all of it is what is expected", rule.write);
    }
    return texts;
  }

  /** Texts by texts, as in `{ "0": "closed" }`; null where there is none. */
  words(name: string, key: TextRule, word: TextRule): ReadonlyMap<string, string> | null {
    const value = this.#ask(name);
    if (value === undefined) {
      return null;
    }
    const entries = isObject(value) ? Object.entries(value) : [];
    if (entries.length === 0 || entries.length > WORDS_MAX) {
      const write = `Write { "text": "word", ... } with 1 to ${WORDS_MAX} of them`;
      this.problem(name, "it is not what is expected", write);
      return new Map();
    }
    const words = new Map<string, string>();
    for (const [from, to] of entries) {
      if (!isText(from, key)) {
        this.problem(name, `${shown(from)} is not what is expected`, key.write);
      } else if (!isText(to, word)) {
        this.problem(`${name}.${from}`, `${shown(to)} is not what is expected`, word.write);
      } else {
        words.set(from, to);
      }
    }
    return words;
  }

  /** Tells the fields that nobody asked for. To be called last. */
  end(): void {
    for (const name of this.#fields.keys()) {
      if (!this.#asked.has(name)) {
        const names = [...this.#asked].join(", ");
        this.problem(
          name.slice(0, 40),
          "there is no such field here",
          `Leave it out, or use ${names}`,
        );
      }
    }
  }

  #ask(name: string): unknown {
    this.#asked.add(name);
    return this.#fields.get(name);
  }
}

/** Reads a description's text; null, with the problem told, when it is no JSON object. */
export function parseDescription(text: string, problems: Problems): MapObject | null {
  try {
    return new MapObject(JSON.parse(text), "", problems);
  } catch (error) {
    const why = error instanceof Error ? error.message.slice(0, 200) : "unknown";
    problems.add("", `it is no JSON (${why})`, "Mend it, best in an editor that knows its schema");
    return null;
  }
}

/** Words of one enumeration, at most. */
const WORDS_MAX = 100;

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown, rule: TextRule): value is string {
  return (
    typeof value === "string" &&
    value.length >= (rule.charactersMin ?? 1) &&
    value.length <= rule.charactersMax &&
    (rule.form === undefined || rule.form.test(value))
  );
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

/** A value of the description as a problem shows it. */
function shown(value: unknown): string {
  return JSON.stringify(value).slice(0, 40);
}

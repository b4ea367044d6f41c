import { WardError } from "../gateway/errors.ts";

/**
 * Reads what a form gave. A flow file can hold anything, so each field is checked where it is read; all of them throw
 * WardError `WARD_NODE_CONFIG` that says what to enter.
 */
export class Fields {
  readonly #fields: object;

  constructor(fields: object) {
    this.#fields = fields;
  }

  /** A text that `pattern` accepts; `wanted` says in words what that is. */
  text(name: string, pattern: RegExp, wanted: string): string {
    const value = this.raw(name);
    if (typeof value !== "string" || !pattern.test(value)) {
      throw bad(name, wanted);
    }
    return value;
  }

  /** A number from `minimum` to `maximum`; the editor stores numbers as text. An empty field gives `otherwise`. */
  number(name: string, range: NumberRange): number {
    const value = this.raw(name);
    if (value === undefined || value === "" || value === null) {
      return range.otherwise;
    }
    const number =
      typeof value === "string" || typeof value === "number" ? Number(value) : Number.NaN;
    const { minimum, maximum, whole } = range;
    if (!(number >= minimum && number <= maximum) || (whole && !Number.isInteger(number))) {
      throw bad(name, `a ${whole ? "whole " : ""}number from ${minimum} to ${maximum}`);
    }
    return number;
  }

  /** One of a few words; an empty field gives the first. */
  choice<Choice extends string>(name: string, choices: readonly [Choice, ...Choice[]]): Choice {
    const value = this.raw(name);
    if (value === undefined || value === "") {
      return choices[0];
    }
    const found = choices.find((choice) => choice === value);
    if (found === undefined) {
      throw bad(name, `one of ${choices.join(", ")}`);
    }
    return found;
  }

  /** A tick box; an empty field counts as not ticked. */
  flag(name: string): boolean {
    const value = this.raw(name);
    if (value !== undefined && typeof value !== "boolean") {
      throw bad(name, "yes or no");
    }
    return value === true;
  }

  /** The field as it stands in the flow file. */
  raw(name: string): unknown {
    return Object.getOwnPropertyDescriptor(this.#fields, name)?.value;
  }
}

export interface NumberRange {
  readonly minimum: number;
  readonly maximum: number;
  readonly whole: boolean;
  readonly otherwise: number;
}

/** The error of a field that cannot be used. */
export function bad(name: string, wanted: string): WardError {
  return new WardError(
    "WARD_NODE_CONFIG",
    `Cannot use field "${name}": it is not ${wanted}. Open the node and correct it.`,
  );
}

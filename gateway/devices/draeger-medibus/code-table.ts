import { codeOf } from "../../nomenclature/nomenclature.ts";
import { hexText } from "./bytes.ts";

/** What a device's code stands for. */
export interface CodeRow {
  /** Reference id, or a private `DRAEGER_...` code. */
  readonly code: string;
  readonly mdc: number | null;
  readonly unit: string;
  readonly path: string;
  /** Another code of the table gives the same quantity. */
  readonly isShared: boolean;
}

/** The two meanings that some codes have, in MEDIBUS and in MEDIBUS.X; "other" where it is not known which one a device means. */
export type Profile = "medibus" | "medibus.x" | "other";

/** Every code of one kind of answer. Two codes with the same reading code are the same quantity in another resolution. */
export class CodeTable {
  readonly #rows = new Map<number, CodeRow>();
  /** Rows of codes whose meaning is not known: 256 at most. */
  readonly #bare = new Map<number, CodeRow>();
  readonly #split = new Map<number, Readonly<Record<Exclude<Profile, "other">, CodeRow>>>();
  readonly #paths = new Map<string, string>();
  readonly #lines: string;
  readonly #prefix: string;
  readonly #channel: number;

  /**
   * `lines` has one code a line: two hex digits, reading code and unit, and a second pair where MEDIBUS.X has another
   * meaning. `prefix` names codes that are not in the table; `channel` is the containment below the device.
   */
  constructor(lines: string, { prefix, channel }: { prefix: string; channel: number }) {
    this.#prefix = prefix;
    this.#channel = channel;
    this.#lines = lines;
    for (const line of lines.trim().split("\n")) {
      const [hex = "", code = "", unit = "", codeX, unitX = ""] = line.split(" ");
      const number = Number.parseInt(hex, 16);
      const row = this.#row(number, code, unit);
      if (codeX === undefined) {
        this.#rows.set(number, row);
      } else {
        this.#split.set(number, { medibus: row, "medibus.x": this.#row(number, codeX, unitX) });
      }
    }
  }

  /** The row of a code. One whose meaning is not known keeps its number as name and has no unit. */
  find(number: number, profile: Profile): CodeRow {
    const split = profile === "other" ? undefined : this.#split.get(number)?.[profile];
    return split ?? this.#rows.get(number) ?? this.#bareRow(number);
  }

  /** Every row there is. */
  rows(): CodeRow[] {
    const split = [...this.#split.values()].flatMap((row) => Object.values(row));
    return [...this.#rows.values(), ...split];
  }

  #bareRow(number: number): CodeRow {
    const known = this.#bare.get(number);
    const row = known ?? this.#row(number, `${this.#prefix}_${hexText(number)}`, "");
    this.#bare.set(number, row);
    return row;
  }

  #row(number: number, code: string, unit: string): CodeRow {
    const path = this.#paths.get(code) ?? `1.${this.#channel}.${number}`;
    this.#paths.set(code, path);
    const isShared = this.#lines.split(` ${code} `).length > 2;
    return { code, mdc: codeOf(code), unit, path, isShared };
  }
}

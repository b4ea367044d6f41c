import type { ColumnReader, ColumnWriter } from "../gateway/columns.ts";
import { CLASSES, type ClassName } from "../gateway/reading.ts";
import { addSums, noSums, type Sums } from "./ledger.ts";
import { readText, writeText } from "./page-form.ts";

/** Class of takes of which nothing but the number is known. */
export const UNKNOWN = "unknown";
/** What an account has lines for. */
const LINE_NAMES = [...CLASSES, UNKNOWN] as const;
type LineName = (typeof LINE_NAMES)[number];

/** One line of the account, in items. */
export interface AccountLine extends Sums {
  /** Items that came more than once and were dropped. */
  duplicates: number;
  /** Takes that a flow changed. */
  derived: number;
}

/** An account that is kept: a line per class, and the gaps per reason. */
export class AccountSheet {
  readonly #lines = new Map<LineName, AccountLine>();
  readonly #reasons = new Map<string, number>();

  line(name: LineName): AccountLine {
    let line = this.#lines.get(name);
    if (line === undefined) {
      line = noLine();
      this.#lines.set(name, line);
    }
    return line;
  }

  /** Adds (or takes away) the sums of a take, with the reason of its gaps. */
  add(name: ClassName, sums: Readonly<Sums>, reason: string | null, sign: 1 | -1): void {
    addSums(this.line(name), sums, sign);
    if (reason !== null && sums.gaps > 0) {
      this.reason(reason, sign * sums.gaps);
    }
  }

  reason(name: string, items: number): void {
    const sum = (this.#reasons.get(name) ?? 0) + items;
    if (sum === 0) {
      this.#reasons.delete(name);
    } else {
      this.#reasons.set(name, sum);
    }
  }

  /** Adds all of another sheet. */
  include(other: AccountSheet): void {
    for (const [name, line] of other.#lines) {
      addLine(this.line(name), line);
    }
    for (const [name, items] of other.#reasons) {
      this.reason(name, items);
    }
  }

  total(): AccountLine {
    const total = noLine();
    for (const line of this.#lines.values()) {
      addLine(total, line);
    }
    return total;
  }

  /** Every class, also those without anything. */
  lines(): [LineName, AccountLine][] {
    return LINE_NAMES.map((name) => [name, this.#lines.get(name) ?? noLine()]);
  }

  reasons(): [string, number][] {
    return [...this.#reasons];
  }

  write(writer: ColumnWriter): void {
    writer.uint(this.#lines.size);
    for (const [name, line] of this.#lines) {
      writer.byte(LINE_NAMES.indexOf(name));
      for (const field of FIELDS) {
        writer.sint(line[field]);
      }
    }
    writer.uint(this.#reasons.size);
    for (const [name, items] of this.#reasons) {
      writeText(writer, name);
      writer.sint(items);
    }
  }

  static read(reader: ColumnReader): AccountSheet {
    const sheet = new AccountSheet();
    const lines = reader.uint("lines", LINE_NAMES.length);
    for (let place = 0; place < lines; place += 1) {
      const name = LINE_NAMES[reader.byte("class", LINE_NAMES.length - 1)] ?? UNKNOWN;
      const line = sheet.line(name);
      for (const field of FIELDS) {
        line[field] = reader.sint("count", Number.MAX_SAFE_INTEGER);
      }
    }
    const reasons = reader.count("reasons", REASONS_MAX);
    for (let place = 0; place < reasons; place += 1) {
      const name = readText(reader);
      sheet.reason(name, reader.sint("count", Number.MAX_SAFE_INTEGER));
    }
    return sheet;
  }
}

const FIELDS = [
  "taken",
  "kept",
  "withheld",
  "refused",
  "dropped",
  "gaps",
  "unaccounted",
  "duplicates",
  "derived",
] as const;
const REASONS_MAX = 10_000;

function noLine(): AccountLine {
  return { ...noSums(), duplicates: 0, derived: 0 };
}

function addLine(total: AccountLine, line: Readonly<AccountLine>): void {
  addSums(total, line);
  total.duplicates += line.duplicates;
  total.derived += line.derived;
}

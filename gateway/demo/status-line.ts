import type { Writable } from "node:stream";

/** What the status line shows. */
export interface DemoNumbers {
  readonly seconds: number;
  readonly taken: number;
  readonly stored: number;
  readonly forwarded: number;
  readonly opened: number;
  readonly backlog: number;
  readonly p99: number | null;
  /** One word or two when something is amiss: "broker away". */
  readonly note: string;
}

/** One calm line that is rewritten in place on a terminal, and printed every ten seconds elsewhere. */
export class StatusLine {
  readonly #out: Writable;
  readonly #columns: () => number | null;
  #printedAt = -Infinity;
  #shown = false;

  /** `columns` is null when the output is no terminal. */
  constructor(out: Writable, columns: () => number | null) {
    this.#out = out;
    this.#columns = columns;
  }

  show(numbers: DemoNumbers): void {
    const columns = this.#columns();
    const line = statusText(numbers);
    if (columns !== null) {
      this.#out.write(`\r\u001B[K${line.slice(0, columns - 1)}`);
      this.#shown = true;
    } else if (numbers.seconds - this.#printedAt >= PRINT_SECONDS) {
      this.#printedAt = numbers.seconds;
      this.#out.write(`${line}\n`);
    }
  }

  /** Prints a line of its own above the status line. */
  say(text: string): void {
    this.#out.write(this.#shown ? `\r\u001B[K${text}\n` : `${text}\n`);
  }

  end(): void {
    if (this.#shown) {
      this.#out.write("\n");
      this.#shown = false;
    }
  }
}

export function statusText(numbers: DemoNumbers): string {
  const count = (value: number): string => value.toLocaleString("en-US");
  const { taken, stored, forwarded, opened, backlog, p99, note } = numbers;
  const parts = [
    `taken ${count(taken)}`,
    `stored ${count(stored)}`,
    `sent ${count(forwarded)}`,
    `opened ${count(opened)}`,
    `waiting ${count(backlog)}`,
    `p99 ${p99 === null ? "-" : `${count(Math.round(p99))} ms`}`,
  ];
  const minutes = Math.floor(numbers.seconds / 60);
  const clock = `${minutes}:${String(Math.floor(numbers.seconds % 60)).padStart(2, "0")}`;
  return `${clock}  ${note === "" ? "" : `(${note}) `}${parts.join(" · ")}`;
}

const PRINT_SECONDS = 10;

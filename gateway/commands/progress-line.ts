import type { Writable } from "node:stream";

/** Says about once a second how far a long piece of work has come. */
export class ProgressLine {
  readonly #timer: NodeJS.Timeout;

  constructor(out: Writable, text: () => string) {
    this.#timer = setInterval(() => out.write(`${text()}\n`), PERIOD_MS);
  }

  end(): void {
    clearInterval(this.#timer);
  }
}

const PERIOD_MS = 1000;

/** The last lines that Node-RED and this room had to say, bounded; main shows them with the room's stats. */
export class FlowLog {
  #lines: string[] = [];

  /** Adds one line; the same line again and again is kept once. */
  add(line: string): void {
    const short = line.replaceAll(/\s+/g, " ").slice(0, LINE_CHARS_MAX);
    if (this.#lines.at(-1) !== short) {
      this.#lines = [...this.#lines, short].slice(-LINES_MAX);
    }
  }

  /** Oldest first. */
  lines(): readonly string[] {
    return this.#lines;
  }
}

const LINES_MAX = 40;
const LINE_CHARS_MAX = 300;

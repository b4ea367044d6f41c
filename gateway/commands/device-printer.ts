import type { BadBytes, LineState } from "../devices/device.ts";
import type { Item, Reading, FreshTake } from "../reading.ts";
import type { CommandIo } from "./command.ts";
import { writeLine } from "./ndjson.ts";

/** Prints what one device gives: data and faults on stdout, how the line is doing on stderr. */
export class DevicePrinter {
  /** Resolves when the line says that it will not read this device. */
  readonly refused: Promise<void>;
  readonly #io: CommandIo;
  readonly #json: boolean;
  readonly #refuse: () => void;
  #frames = 0;
  #skipped = 0;

  constructor(io: CommandIo, json: boolean) {
    this.#io = io;
    this.#json = json;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.refused = promise;
    this.#refuse = resolve;
  }

  /** Frames printed so far. */
  get frames(): number {
    return this.#frames;
  }

  takes(takes: readonly FreshTake[]): void {
    this.#frames += 1;
    for (const { items } of takes) {
      for (const item of items) {
        this.#write(item, () => plain(item));
      }
    }
  }

  fault(device: string, { fault, bytes, text }: BadBytes, at: number): void {
    this.#write(
      { kind: "fault", device, at, fault, bytes, text },
      () => `${clockTime(at)}  ${bytes} bytes given up (${fault}): ${text}`,
    );
  }

  state(state: LineState, text: string): void {
    this.note(`${state}: ${text}`);
    if (state === "closed") {
      this.#refuse();
    }
  }

  note(text: string): void {
    this.#io.stderr.write(`${text}\n`);
  }

  /** A reader that does not keep up loses lines, and is told so; the device is never waited for. */
  #write(value: object, words: () => string): void {
    const { stdout } = this.#io;
    if (stdout.writableLength > WAITING_BYTES_MAX) {
      this.#skipped += 1;
      return;
    }
    if (this.#skipped > 0) {
      this.note(`${this.#skipped} lines were not printed: the output is not read fast enough`);
      this.#skipped = 0;
    }
    if (this.#json) {
      writeLine(stdout, value);
    } else {
      stdout.write(`${words()}\n`);
    }
  }
}

const WAITING_BYTES_MAX = 4 * 2 ** 20;

function plain(item: Item): string {
  switch (item.kind) {
    case "reading": {
      return `${clockTime(item.at)}  ${item.code}  ${valueWords(item)}  ${item.quality.join(" ")}`;
    }
    case "waveform":
      return `${clockTime(item.start)}  ${item.code}  ${item.samples.length} samples${item.gap ? " after a gap" : ""}`;
    case "notice":
      return `${clockTime(item.at)}  ${item.text}`;
  }
}

/** A number as the device wrote it, or a word, with what the device wrote for it where that is something else. */
function valueWords({ value, text, unit }: Reading): string {
  if (value === null) {
    return "no value";
  }
  const shown = typeof value === "string" && value !== text ? `${value} (${text})` : text;
  return unit === "1" || unit === "" ? shown : `${shown} ${unit}`;
}

function clockTime(at: number): string {
  return new Date(at).toTimeString().slice(0, 8);
}

import { ColumnWriter } from "../columns.ts";
import type { Definitions } from "./definitions.ts";
import type { EncodedTake } from "./take-encoder.ts";
import { FLAG_FORGET } from "./take-form.ts";

/** Makes the messages that carry takes over one link, and remembers which definitions the other side has been told. */
export class TakeMessages {
  readonly #writer = new ColumnWriter();
  #definitions: Definitions | null = null;
  /** Bytes of them that were told. */
  #told = 0;

  /** One message, or one more for each time that tables were begun anew among these takes. */
  write(takes: readonly EncodedTake[]): Uint8Array[] {
    const messages: Uint8Array[] = [];
    let from = 0;
    for (const [place, take] of takes.entries()) {
      const next = takes[place + 1];
      if (next?.definitions !== take.definitions) {
        messages.push(this.#message(take.definitions, takes.slice(from, place + 1)));
        from = place + 1;
      }
    }
    return messages;
  }

  #message(definitions: Definitions, takes: readonly EncodedTake[]): Uint8Array {
    const writer = this.#writer;
    writer.clear();
    const isNew = definitions !== this.#definitions;
    const { bytes } = definitions;
    const untold = bytes.subarray(isNew ? 0 : this.#told);
    this.#definitions = definitions;
    this.#told = bytes.length;
    writer.byte(isNew ? FLAG_FORGET : 0);
    writer.uint(untold.length);
    writer.raw(untold);
    writer.uint(takes.length);
    for (const take of takes) {
      writer.raw(take.bytes);
    }
    // A copy: the writer's memory is used again before the socket has sent it.
    return writer.finish().slice();
  }
}

import type { BadBytes } from "../device.ts";

/** Why bytes were given up. */
export type LostWhy = "noise" | "checksum" | "framing" | "truncated" | "unknown-field";

/** Where faults go. */
export interface FaultSink {
  push(fault: BadBytes): unknown;
}

/** Counts given-up bytes and tells them as faults: a run of one reason together, and at the latest after `LOST_BYTES_MAX`. */
export class LostBytes {
  #bytes = 0;
  #why: LostWhy = "noise";

  add(why: LostWhy, bytes: number, sink: FaultSink): void {
    if (why !== this.#why) {
      this.tell(sink);
    }
    this.#why = why;
    this.#bytes += bytes;
    if (this.#bytes >= LOST_BYTES_MAX) {
      this.tell(sink);
    }
  }

  tell(sink: FaultSink): void {
    if (this.#bytes > 0) {
      sink.push(lostFault(this.#why, this.#bytes));
    }
    this.#bytes = 0;
  }
}

export function lostFault(why: LostWhy, bytes: number): BadBytes {
  return { kind: "fault", fault: why, bytes, text: TEXTS[why] };
}

/** Given-up bytes are told at the latest after this many, so that endless noise is seen. */
const LOST_BYTES_MAX = 1000;

const TEXTS: Readonly<Record<LostWhy, string>> = {
  noise: "bytes that are in no message",
  checksum: "a frame with a wrong check sequence",
  framing: "a message whose lengths do not fit together",
  truncated: "a message without its end",
  "unknown-field": "a message of a kind that is not known",
};

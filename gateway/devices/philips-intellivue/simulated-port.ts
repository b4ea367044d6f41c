import { isIntact } from "./fcs.ts";

const BEGIN = 0xc0;
const END = 0xc1;
const ESCAPE = 0x7d;
const HEAD_BYTES = 4;
const CHECK_BYTES = 2;
/** The gateway's longest message is 238 bytes; what is longer is none. */
const FRAME_BYTES_MAX = 1024;

/** The receiving side of a simulated monitor's port: what the gateway sent, cut anywhere, to messages. */
export class SimulatedPort {
  #isFramed = true;
  #content: number[] | null = null;
  #isEscaped = false;

  /** The line carries frames, as far as can be told. */
  get isFramed(): boolean {
    return this.#isFramed;
  }

  messages(bytes: Uint8Array): Uint8Array[] {
    if (bytes[0] === BEGIN) {
      this.#isFramed = true;
    } else if (this.#content === null && SESSION.has(bytes[0] ?? 0)) {
      this.#isFramed = false;
    }
    return this.#isFramed ? this.#unframe(bytes) : [bytes];
  }

  #unframe(bytes: Uint8Array): Uint8Array[] {
    const found: Uint8Array[] = [];
    for (const byte of bytes) {
      if (byte === BEGIN) {
        this.#content = [];
        this.#isEscaped = false;
      } else if (byte === END) {
        const content = Uint8Array.from(this.#content ?? []);
        this.#content = null;
        if (isIntact(content, content.length)) {
          found.push(content.slice(HEAD_BYTES, -CHECK_BYTES));
        }
      } else if (byte === ESCAPE) {
        this.#isEscaped = true;
      } else if (this.#content !== null) {
        this.#content.push(this.#isEscaped ? byte ^ 0x20 : byte);
        this.#isEscaped = false;
        this.#content = this.#content.length > FRAME_BYTES_MAX ? null : this.#content;
      }
    }
    return found;
  }
}

/** First bytes of what a client may say: association request, release, abort, data. */
const SESSION: ReadonlySet<number> = new Set([0x0d, 0x09, 0x19, 0xe1]);

import type { SimulatedFault } from "../device.ts";
import type { SimulatedStream, StreamSimulator } from "../simulator.ts";
import { randomOf } from "../simulator.ts";
import { makeSwing } from "../swing.ts";

/** A base with two pumps. It takes no orders: what is no question gets the error "unknown command". */
export const simulator: StreamSimulator = {
  model: "fresenius-agilia",
  tickMs: 100,
  open: ({ seed }) => new AgiliaBase(seed),
};

/** A message between STX and ETX with its checksum. Also used for test captures. */
export function messageOf(text: string): Uint8Array {
  const body = Array.from(text, (character) => character.charCodeAt(0));
  const sum = body.reduce((total, byte) => total + byte, 0);
  const check = (255 - (sum % 256)).toString(16).toUpperCase().padStart(2, "0");
  return Uint8Array.from([2, ...body, check.charCodeAt(0), check.charCodeAt(1), 3]);
}

const START_UP_MS = 5000;
const ENQUIRY_EVERY_MS = 2000;
/** Without an answer to an enquiry for this long the session is closed. */
const SESSION_MS = 10_000;
/** A message that is not acknowledged is sent again after this long, once. */
const REPEAT_MS = 500;
/** Characters of a question that are kept while its end is awaited. */
const RECEIVED_MAX = 64;
const DRUGS = ["NORADRENALINE", "PROPOFOL 2%"] as const;

class AgiliaBase implements SimulatedStream {
  readonly #random: () => number;
  readonly #faults = new Set<SimulatedFault>();
  readonly #rates: readonly ((seconds: number) => number)[];
  readonly #infused = [0, 0];
  readonly #open = new Set<number>();
  #received = "";
  #unanswered: { readonly bytes: Uint8Array; readonly at: number } | null = null;
  #infusedAt: number | null = null;
  #startedAt = 0;
  #enquiryAt = 0;
  #heardAt = 0;
  #silentUntil = 0;
  #restart = false;
  #answers = 0;

  constructor(seed: number) {
    this.#random = randomOf(seed);
    this.#rates = DRUGS.map((_, place) => {
      const rate = 1 + 12 * this.#random();
      return makeSwing(seed + place, { low: rate, high: rate + 1.5, periodS: 900 });
    });
  }

  fault(name: SimulatedFault, on: boolean): void {
    if (name === "restart") {
      this.#restart ||= on;
    } else if (on) {
      this.#faults.add(name);
    } else {
      this.#faults.delete(name);
    }
  }

  tick(at: number): Uint8Array[] {
    if (this.#restart) {
      this.#restart = false;
      this.#silentUntil = at + START_UP_MS;
      this.#open.clear();
      this.#received = "";
    }
    if (at - this.#heardAt > SESSION_MS) {
      this.#open.clear();
    }
    const pieces: Uint8Array[] = [];
    if (this.#open.size > 0 && at >= this.#enquiryAt) {
      this.#enquiryAt = at + ENQUIRY_EVERY_MS;
      pieces.push(Uint8Array.of(0x05));
    }
    if (this.#unanswered !== null && at - this.#unanswered.at >= REPEAT_MS) {
      pieces.push(this.#unanswered.bytes);
      this.#unanswered = null;
    }
    if (this.#faults.has("noise") && this.#random() < 0.2) {
      pieces.push(Uint8Array.from({ length: 4 }, () => Math.floor(256 * this.#random())));
    }
    return this.#isSilent(at) ? [] : pieces;
  }

  receive(bytes: Uint8Array, at: number): Uint8Array[] {
    if (this.#isSilent(at)) {
      return [];
    }
    this.#heardAt = at;
    const pieces: Uint8Array[] = [];
    for (const byte of bytes) {
      if (byte === 0x06) {
        this.#unanswered = null;
      } else if (byte === 0x15 && this.#unanswered !== null) {
        pieces.push(this.#unanswered.bytes);
        this.#unanswered = null;
      } else if (byte === 0x02) {
        this.#received = "";
      } else if (byte === 0x03) {
        pieces.push(...this.#take(this.#received, at));
        this.#received = "";
      } else if (byte >= 0x20) {
        this.#received = (this.#received + String.fromCharCode(byte)).slice(-RECEIVED_MAX);
      }
    }
    return pieces;
  }

  #isSilent(at: number): boolean {
    return this.#faults.has("silence") || at < this.#silentUntil;
  }

  #take(received: string, at: number): Uint8Array[] {
    const text = received.slice(0, -2);
    const isGood = `\u0002${received}\u0003` === String.fromCharCode(...messageOf(text));
    if (!isGood) {
      return [Uint8Array.of(0x15, 0x32)];
    }
    const [, address = "", command = ""] = /^([0-9]?)(.*)$/.exec(text) ?? [];
    if (/^[EM]$/.test(command)) {
      return [Uint8Array.of(0x06)];
    }
    // A base is not spoken to without an address.
    if (address === "") {
      return [Uint8Array.of(0x15, 0x34)];
    }
    const bytes = messageOf(`${address}${this.#answer(Number(address), command, at)}`);
    this.#unanswered = { bytes, at };
    return [Uint8Array.of(0x06), this.#damaged(bytes)];
  }

  /** With the pumps taken off, the base has no modules. */
  #answer(address: number, command: string, at: number): string {
    const isThere = address === 0 || (address <= DRUGS.length && !this.#faults.has("sensor-off"));
    if (command === "DC" && isThere) {
      this.#open.add(address);
      return "C";
    }
    if (!this.#open.has(0)) {
      return "I;0D";
    }
    if (!isThere) {
      return "I;0E";
    }
    if (!this.#open.has(address)) {
      return "I;1E";
    }
    if (address === 0) {
      return command === "LE;b" ? `C;b${this.#faults.has("sensor-off") ? "0000" : "0003"}` : "I;01";
    }
    return this.#pumpAnswer(address - 1, command, at);
  }

  #pumpAnswer(place: number, command: string, at: number): string {
    const [, asked] = /^LE;([a-z]+)$/.exec(command) ?? [];
    if (asked !== undefined) {
      this.#infuse(at);
      const variables = Array.from(asked, (each) => `${each}${this.#variable(place, each, at)}`);
      return `C;${variables.join(";")}`;
    }
    if (command === "LP") {
      return `C;${DRUGS[place] ?? ""}`;
    }
    return command === "LF;b" ? "C;b0012" : "I;01";
  }

  #variable(place: number, letter: string, at: number): string {
    const rate = Math.round(10 * this.#rate(place, at));
    const volume = Math.floor(1000 * (this.#infused[place] ?? 0));
    const counts: Readonly<Record<string, number>> = { d: rate, r: volume, m: 1 };
    return (counts[letter] ?? 0).toString(16).toUpperCase().padStart(4, "0");
  }

  #rate(place: number, at: number): number {
    return this.#rates[place]?.((at - this.#startedAt) / 1000) ?? 0;
  }

  #infuse(at: number): void {
    if (this.#infusedAt === null) {
      this.#infusedAt = at;
      this.#startedAt = at;
    }
    const hours = (at - this.#infusedAt) / 3_600_000;
    this.#infusedAt = at;
    this.#infused.forEach((volume, place) => {
      this.#infused[place] = volume + hours * this.#rate(place, at);
    });
  }

  #damaged(bytes: Uint8Array): Uint8Array {
    this.#answers += 1;
    return this.#faults.has("checksum") && this.#answers % 2 === 0
      ? bytes.with(2, (bytes[2] ?? 0) ^ 0x01)
      : bytes;
  }
}

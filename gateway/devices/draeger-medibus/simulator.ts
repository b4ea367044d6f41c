import type { SimulatedFault } from "../device.ts";
import type { SimulatedStream, StreamSimulator } from "../simulator.ts";
import { randomOf } from "../simulator.ts";
import { CODES, hexText, NAK } from "./bytes.ts";
import { commandOf, responseOf } from "./messages.ts";
import { SimulatedCurves } from "./simulated-curves.ts";
import { CURVE_INTERVAL_US, CURVES, SimulatedVentilator } from "./simulated-ventilator.ts";
import { SlowMessages } from "./slow-messages.ts";
import type { SlowEvent } from "./slow-messages.ts";

/** An EvitaXL: it calls until somebody answers, wants to know who asks, keeps the line alive, and sends curves when told to. */
export const simulator: StreamSimulator = {
  model: "draeger-medibus",
  tickMs: 20,
  open: ({ seed }) => new SimulatedEvita(seed),
};

const IDENTITY = "8260'EvitaXL'05.00:04.00";
const CALL_MS = 3000;
const PAUSE_MS = 3000;
const NOP_MS = 2000;
const ANSWER_MS = 10_000;
/** A device takes "far less than 500 ms" to answer. */
const WORK_MS = 30;
const START_UP_MS = 4000;

class SimulatedEvita implements SimulatedStream {
  readonly #ventilator: SimulatedVentilator;
  readonly #random: () => number;
  readonly #faults = new Set<SimulatedFault>();
  readonly #messages = new SlowMessages();
  readonly #curves: SimulatedCurves;
  readonly #due: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  #isOpen = false;
  #isKnown = false;
  #calledAt = Number.NEGATIVE_INFINITY;
  #heardAt = Number.NEGATIVE_INFINITY;
  #nopAt = Number.NEGATIVE_INFINITY;
  #askedIdentityAt = Number.NEGATIVE_INFINITY;
  #restart = false;
  #silentUntil = Number.NEGATIVE_INFINITY;
  #answers = 0;

  constructor(seed: number) {
    this.#ventilator = new SimulatedVentilator(seed);
    this.#curves = new SimulatedCurves(this.#ventilator);
    this.#random = randomOf(seed + 1);
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
      this.#close();
    }
    if (at < this.#silentUntil) {
      return [];
    }
    this.#keepUp(at);
    const isConnected = !this.#faults.has("sensor-off");
    const records = this.#curves.due(at, isConnected);
    const ready = this.#due.filter((message) => message.at <= at).map(({ bytes }) => bytes);
    this.#due.splice(0, this.#due.length, ...this.#due.filter((message) => message.at > at));
    const pieces = mixed(ready, records).map((bytes) => this.#withNoise(bytes));
    return this.#faults.has("silence") ? [] : pieces;
  }

  receive(bytes: Uint8Array, at: number): Uint8Array[] {
    if (at < this.#silentUntil) {
      return [];
    }
    const events: SlowEvent[] = [];
    for (let place = 0; place < bytes.length; place += 1) {
      const slowEnd = this.#messages.push(bytes, place, events);
      this.#heardAt = slowEnd > place ? at : this.#heardAt;
      place = slowEnd;
      if (place < bytes.length) {
        this.#curves.take(bytes[place] ?? 0, at);
      }
    }
    for (const event of events) {
      if (event.kind === "broken" && event.what === "command") {
        this.#answer(NAK, "", at);
      } else if (event.kind === "command") {
        this.#command(event.code, event.data, at);
      } else if (event.kind === "response") {
        this.#response(event.code, at);
      }
    }
    return [];
  }

  #close(): void {
    this.#isOpen = false;
    this.#isKnown = false;
    this.#curves.stop();
    this.#due.length = 0;
  }

  /** What a device says by itself. */
  #keepUp(at: number): void {
    if (this.#isOpen && at - this.#heardAt >= PAUSE_MS) {
      this.#close();
    }
    if (!this.#isOpen) {
      if (at - this.#calledAt >= CALL_MS) {
        this.#calledAt = at;
        this.#say(commandOf(CODES.initialize), at);
      }
    } else if (!this.#isKnown && at - this.#askedIdentityAt >= ANSWER_MS) {
      this.#askedIdentityAt = at;
      this.#say(commandOf(CODES.identify), at);
    } else if (at - Math.max(this.#heardAt, this.#nopAt) >= NOP_MS) {
      this.#nopAt = at;
      this.#say(commandOf(CODES.keepAlive), at);
    }
  }

  #response(code: number, at: number): void {
    if (code === CODES.initialize && !this.#isOpen) {
      this.#open();
      this.#calledAt = at;
    }
    this.#isKnown ||= code === CODES.identify;
  }

  #open(): void {
    this.#isOpen = true;
    this.#isKnown = false;
    this.#askedIdentityAt = Number.NEGATIVE_INFINITY;
    this.#curves.stop();
  }

  #command(code: number, argument: string, at: number): void {
    if (code === CODES.initialize) {
      this.#open();
    } else if (!this.#isOpen) {
      return;
    }
    if (code === CODES.realtimeSelect) {
      this.#curves.select(argument);
    }
    this.#answer(code, this.#dataOf(code, at), at);
  }

  #dataOf(code: number, at: number): string {
    switch (code) {
      case CODES.identify:
        return IDENTITY;
      case CODES.measured1:
        return this.#ventilator.measured(at, !this.#faults.has("sensor-off"));
      case CODES.settings:
        return this.#ventilator.settings();
      case CODES.texts:
        return this.#ventilator.texts();
      case CODES.clock:
        return this.#ventilator.clock(at);
      case CODES.lowLimits1:
        return this.#ventilator.limits(false);
      case CODES.highLimits1:
        return this.#ventilator.limits(true);
      case CODES.realtimeOffer:
        return CURVES.map(offerOf).join("");
      default:
        // Unknown commands are answered as well, with nothing.
        return "";
    }
  }

  #answer(code: number, data: string, at: number): void {
    const response = responseOf(code, data);
    this.#answers += 1;
    if (this.#faults.has("checksum") && this.#answers % 2 === 0) {
      const place = response.length - 2;
      response[place] = (response[place] ?? 0) === 0x30 ? 0x31 : 0x30;
    }
    this.#say(this.#withCommand(response, code), at);
  }

  #say(bytes: Uint8Array, at: number): void {
    this.#due.push({ at: at + WORK_MS, bytes });
  }

  /** Now and then a command comes in the middle of a response; the first is who this is. */
  #withCommand(response: Uint8Array, code: number): Uint8Array {
    if (code === CODES.initialize && !this.#isKnown && this.#random() < 0.5) {
      this.#askedIdentityAt = this.#heardAt;
      return inserted(response, commandOf(CODES.identify), 2);
    }
    const chance = this.#random();
    if (response.length < 10 || chance > 0.1) {
      return response;
    }
    const command = commandOf(chance < 0.02 ? CODES.timeChanged : CODES.keepAlive);
    return inserted(response, command, Math.floor(this.#random() * response.length));
  }

  #withNoise(bytes: Uint8Array): Uint8Array {
    const byte = (): number => Math.floor(256 * this.#random());
    if (!this.#faults.has("noise") || bytes.length === 0) {
      return bytes;
    }
    const chance = this.#random();
    if (chance < 0.1) {
      return Uint8Array.from([byte(), byte(), byte(), ...bytes]);
    }
    return chance < 0.2 ? bytes.with(Math.floor(bytes.length * this.#random()), byte()) : bytes;
  }
}

/** 8 characters of microseconds, 5 each for the limits, 3 for the bins. A minus comes first, then the spaces. */
function offerOf({ code, minimum, maximum, bins }: (typeof CURVES)[number]): string {
  const limit = (value: number): string =>
    value < 0 ? `-${String(-value).padStart(4)}` : String(value).padStart(5);
  return [
    hexText(code),
    String(CURVE_INTERVAL_US).padStart(8),
    limit(minimum),
    limit(maximum),
    bins.toString(16).toUpperCase().padStart(3, "0"),
  ].join("");
}

function inserted(bytes: Uint8Array, what: Uint8Array, place: number): Uint8Array {
  return Uint8Array.from([...bytes.subarray(0, place), ...what, ...bytes.subarray(place)]);
}

/** Realtime records come whenever they are due, also in the middle of a message. */
function mixed(messages: readonly Uint8Array[], records: readonly Uint8Array[]): Uint8Array[] {
  const [first, ...others] = messages;
  if (first === undefined || records.length === 0) {
    return [...messages, ...records];
  }
  const half = Math.floor(first.length / 2);
  return [first.subarray(0, half), ...records, first.subarray(half), ...others];
}

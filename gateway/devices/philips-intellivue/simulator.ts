import type { SimulatedFault } from "../device.ts";
import type { SimulatedStream, StreamSimulator } from "../simulator.ts";
import { randomOf } from "../simulator.ts";
import { serialFrame } from "./serial-frames.ts";
import type { SimulatedObjects } from "./simulated-mdib.ts";
import { SimulatedMonitor } from "./simulated-monitor.ts";
import { NUMERICS, WAVES } from "./simulated-objects.ts";
import { SimulatedPort } from "./simulated-port.ts";

/**
 * Speaks Data Export as a monitor does. Which framing the line has, the first byte tells that the gateway sends: a frame begins
 * with C0, a datagram with the message itself.
 */
export const simulator: StreamSimulator = {
  model: "philips-intellivue",
  tickMs: 64,
  open: ({ seed }) => new SimulatedIntelliVue(seed, { numerics: NUMERICS, waves: WAVES }),
};

/** One simulated monitor with objects of one's choice. */
export class SimulatedIntelliVue implements SimulatedStream {
  readonly #monitor: SimulatedMonitor;
  readonly #port = new SimulatedPort();
  readonly #random: () => number;
  readonly #faults = new Set<SimulatedFault>();
  #messages = 0;

  constructor(seed: number, objects: SimulatedObjects) {
    this.#monitor = new SimulatedMonitor(seed, objects);
    this.#random = randomOf(seed + 1);
  }

  fault(name: SimulatedFault, on: boolean): void {
    if (name === "restart") {
      if (on) {
        this.#monitor.restart();
      }
      return;
    }
    if (on) {
      this.#faults.add(name);
    } else {
      this.#faults.delete(name);
    }
    this.#monitor.setSensorOff(this.#faults.has("sensor-off"));
  }

  tick(at: number): Uint8Array[] {
    return this.#send(this.#monitor.tick(at));
  }

  receive(bytes: Uint8Array, at: number): Uint8Array[] {
    return this.#send(this.#port.messages(bytes).flatMap((pdu) => this.#monitor.hear(pdu, at)));
  }

  #send(messages: readonly Uint8Array[]): Uint8Array[] {
    return this.#faults.has("silence") ? [] : messages.map((pdu) => this.#onLine(pdu));
  }

  /** A frame or datagram, damaged in a way that the protocol can see: its check sequence, or on a LAN its lengths. */
  #onLine(pdu: Uint8Array): Uint8Array {
    this.#messages += 1;
    const isFramed = this.#port.isFramed;
    const bytes = isFramed ? serialFrame(pdu) : pdu;
    if (this.#faults.has("checksum") && this.#messages % 2 === 0) {
      const place = isFramed ? bytes.length - 4 : LENGTH_PLACE;
      return bytes.with(place, (bytes[place] ?? 0) ^ 0x01);
    }
    if (this.#faults.has("noise") && this.#random() < 0.5) {
      const noise = Array.from({ length: 6 }, () => 0x20 + Math.floor(0x50 * this.#random()));
      return Uint8Array.from([...noise, ...bytes]);
    }
    return bytes;
  }
}

/** The low byte of the length in a data message. */
const LENGTH_PLACE = 7;

import type { SimulatedFault } from "../device.ts";
import { Patient } from "../physiology.ts";
import type { SimulatedStream, StreamSimulator } from "../simulator.ts";
import { randomOf } from "../simulator.ts";

/** Speaks as a CMS50D+ with older firmware does: 60 packets of 5 bytes a second. */
export const simulator: StreamSimulator = {
  model: "contec-cms50dplus",
  tickMs: 100,
  open: ({ seed }) => new ContecStream(seed),
};

const PACKETS_PER_SECOND = 60;
const START_UP_MS = 3000;
/** Packets that are made up for when ticks come late; older ones are skipped, as nobody listened. */
const PACKETS_LATE_MAX = 120;
/** The values change this often (packets). */
const VALUES_PACKETS = 60;
/** The beep of a beat lasts this long (packets). */
const BEEP_PACKETS = 5;
/** One packet in so many is damaged. */
const DAMAGE_PACKETS = 20;

class ContecStream implements SimulatedStream {
  readonly #patient: Patient;
  readonly #random: () => number;
  readonly #faults = new Set<SimulatedFault>();
  #packets: number | null = null;
  #startAt = 0;
  #restart = false;
  #wasHigh = false;
  #beepLeft = 0;

  constructor(seed: number) {
    this.#patient = new Patient(seed);
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
    if (this.#packets === null || this.#restart) {
      this.#startAt = this.#restart ? at + START_UP_MS : at;
      this.#restart = false;
      this.#packets = 0;
    }
    const due = Math.max(0, Math.floor(((at - this.#startAt) * PACKETS_PER_SECOND) / 1000));
    const bytes: number[] = [];
    for (let packet = Math.max(this.#packets, due - PACKETS_LATE_MAX); packet < due; packet += 1) {
      bytes.push(...this.#damaged(this.#packet(packet), packet));
    }
    this.#packets = Math.max(due, this.#packets);
    return this.#faults.has("silence") || bytes.length === 0 ? [] : [Uint8Array.from(bytes)];
  }

  #packet(packet: number): number[] {
    const atPacket = (number: number): number =>
      this.#startAt + (number * 1000) / PACKETS_PER_SECOND;
    const { pleth } = this.#patient.at(atPacket(packet));
    if (this.#faults.has("sensor-off")) {
      return [0x90, 0, 0, 0, 0];
    }
    const { spo2, pulse } = this.#patient.at(atPacket(packet - (packet % VALUES_PACKETS)));
    const rate = Math.round(pulse);
    const strength = 7;
    return [
      0x80 | (this.#isBeeping(pleth) ? 0x40 : 0) | strength,
      Math.round(127 * pleth),
      ((rate & 0x80) >> 1) | Math.round(15 * pleth),
      rate & 0x7f,
      Math.round(spo2),
    ];
  }

  /** The device beeps when the pulse wave rises. */
  #isBeeping(pleth: number): boolean {
    const isHigh = pleth > 0.5;
    this.#beepLeft = isHigh && !this.#wasHigh ? BEEP_PACKETS : Math.max(0, this.#beepLeft - 1);
    this.#wasHigh = isHigh;
    return this.#beepLeft > 0;
  }

  /** The protocol has no checksum: a damaged packet has bit 7 where none may be. */
  #damaged(bytes: readonly number[], packet: number): readonly number[] {
    if (this.#faults.has("checksum") && packet % DAMAGE_PACKETS === 0) {
      return bytes.map((byte, place) => (place === 4 ? byte | 0x80 : byte));
    }
    if (this.#faults.has("noise") && this.#random() < 0.05) {
      return [...bytes, ...Array.from({ length: 3 }, () => Math.floor(256 * this.#random()))];
    }
    return bytes;
  }
}

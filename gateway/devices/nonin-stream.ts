import type { SimulatedFault } from "./device.ts";
import type { Vitals } from "./physiology.ts";
import { Patient } from "./physiology.ts";
import type { SimulatedStream } from "./simulator.ts";
import { randomOf } from "./simulator.ts";

/** How often a simulated Nonin is to be asked for its frames: five at a time (milliseconds). */
export const NONIN_TICK_MS = 1000 / 15;

/** What one packet says. */
export interface PacketContent {
  /** 0-511; 511 is "missing". */
  readonly rate: number;
  /** 0-127; 127 is "missing". */
  readonly spo2: number;
  /** Status bits 6-1, the same in every frame. */
  readonly status: number;
  plethAt(frame: number): number;
}

/** One of Nonin's data formats of 25 frames a packet. */
export interface SimulatedFormat {
  readonly plethMax: number;
  readonly packetOf: (content: PacketContent) => Uint8Array;
}

/** One packet of 25 frames, 125 bytes. `frameOf` gives the four bytes of a frame before its checksum. */
export function makePacket(
  content: PacketContent,
  frameOf: (frame: { status: number; pleth: number; data: number }) => readonly number[],
): Uint8Array {
  const packet = new Uint8Array(PACKET_FRAMES * FRAME_BYTES);
  const data = dataOf(content);
  for (let frame = 0; frame < PACKET_FRAMES; frame += 1) {
    const status = 0x80 | content.status | (frame === 0 ? 0x01 : 0x00);
    const bytes = frameOf({ status, pleth: content.plethAt(frame), data: data[frame] ?? 0 });
    const check = bytes.reduce((sum, byte) => sum + byte, 0) & 0xff;
    packet.set([...bytes, check], frame * FRAME_BYTES);
  }
  return packet;
}

const PACKET_FRAMES = 25;
const FRAME_BYTES = 5;
const FRAMES_PER_SECOND = 75;
const FIRMWARE_REVISION = 48;
const STATUS_GREEN = 0x02;
const STATUS_SENSOR_ALARM = 0x08;
const RATE_MISSING = 511;
const SPO2_MISSING = 127;
const START_UP_MS = 3000;
/** Frames that are made up for when ticks come late; older ones are skipped, as nobody listened. */
const FRAMES_LATE_MAX = 150;

/**
 * A simulated Nonin oximeter that streams packets of 25 frames, 75 frames a second. `packetOf` puts a packet into the bytes of a data format
 * whose samples go up to `plethMax`.
 */
export class NoninStream implements SimulatedStream {
  readonly #format: SimulatedFormat;
  readonly #patient: Patient;
  readonly #random: () => number;
  readonly #faults = new Set<SimulatedFault>();
  #frames: number | null = null;
  #startAt = 0;
  #silentUntil = 0;
  #restart = false;
  #packet: Uint8Array = new Uint8Array(0);
  #packets = 0;

  constructor(seed: number, format: SimulatedFormat) {
    this.#format = format;
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
    if (this.#frames === null || this.#restart) {
      this.#silentUntil = this.#restart ? at + START_UP_MS : 0;
      this.#restart = false;
      this.#startAt = Math.max(at, this.#silentUntil);
      this.#frames = 0;
    }
    const due = Math.max(0, Math.floor(((at - this.#startAt) * FRAMES_PER_SECOND) / 1000));
    const from = Math.max(this.#frames, due - FRAMES_LATE_MAX);
    const pieces: Uint8Array[] = [];
    for (let frame = from; frame < due; frame += 1) {
      pieces.push(this.#frame(frame));
    }
    this.#frames = Math.max(due, this.#frames);
    const bytes = this.#faults.has("silence") || at < this.#silentUntil ? [] : pieces;
    return bytes.length === 0 ? [] : [concatenate(bytes)];
  }

  #frame(frame: number): Uint8Array {
    const place = frame % PACKET_FRAMES;
    if (place === 0 || this.#packet.length === 0) {
      this.#packet = this.#makePacket(frame - place);
    }
    const bytes = this.#packet.slice(place * FRAME_BYTES, (place + 1) * FRAME_BYTES);
    return this.#faults.has("noise") ? this.#withNoise(bytes) : bytes;
  }

  #makePacket(firstFrame: number): Uint8Array {
    const atFrame = (frame: number): number =>
      this.#startAt + ((firstFrame + frame) * 1000) / FRAMES_PER_SECOND;
    const vitals = this.#patient.at(atFrame(0));
    const { packetOf, plethMax } = this.#format;
    const packet = packetOf({
      ...this.#valuesOf(vitals),
      plethAt: (frame) =>
        this.#faults.has("sensor-off")
          ? 0
          : Math.round(plethMax * this.#patient.at(atFrame(frame)).pleth),
    });
    this.#packets += 1;
    if (this.#faults.has("checksum") && this.#packets % 2 === 0) {
      const check = 12 * FRAME_BYTES + 4;
      packet[check] = ((packet[check] ?? 0) + 1) & 0xff;
    }
    return packet;
  }

  #valuesOf({ pulse, spo2 }: Vitals): { rate: number; spo2: number; status: number } {
    return this.#faults.has("sensor-off")
      ? { rate: RATE_MISSING, spo2: SPO2_MISSING, status: STATUS_SENSOR_ALARM }
      : { rate: Math.round(pulse), spo2: Math.round(spo2), status: STATUS_GREEN };
  }

  #withNoise(bytes: Uint8Array): Uint8Array {
    const byte = (): number => Math.floor(256 * this.#random());
    const chance = this.#random();
    if (chance < 0.02) {
      return Uint8Array.from([byte(), byte(), ...bytes]);
    }
    return chance < 0.04 ? bytes.with(Math.floor(5 * this.#random()), byte()) : bytes;
  }
}

/** What the DATA byte of each frame is; places not named here are reserved. */
function dataOf({ rate, spo2 }: PacketContent): readonly number[] {
  const high = (rate >> 7) & 0x03;
  const low = rate & 0x7f;
  const data = Array.from({ length: PACKET_FRAMES }, () => 0);
  for (const place of [0, 13, 19, 21]) {
    data[place] = high;
    data[place + 1] = low;
  }
  for (const place of [2, 8, 9, 10, 15, 16]) {
    data[place] = spo2;
  }
  data[3] = FIRMWARE_REVISION;
  return data;
}

function concatenate(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let place = 0;
  for (const piece of pieces) {
    whole.set(piece, place);
    place += piece.length;
  }
  return whole;
}

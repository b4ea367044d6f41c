import type { Quality } from "../reading.ts";
import type { BadBytes, Measured, MeasuredWave, Output, StreamDecoder } from "./device.ts";

/** What distinguishes Nonin's serial data formats whose packets are 25 frames of 5 bytes. */
export interface NoninFormat {
  /** The byte each frame starts with, before STATUS; null where a frame starts with STATUS. */
  readonly start: number | null;
  /** The sample of the frame at this place. */
  plethOf(bytes: Uint8Array, at: number): number;
}

/**
 * Nonin serial data formats 2 and 7: 75 frames of 5 bytes a second, 25 frames a packet. The last byte of a frame is the sum of
 * the four before it modulo 256, the one before that is DATA. STATUS bit 7 is always set, bit 0 (SYNC) only in the first frame of a packet;
 * what DATA means follows from the frame's place in the packet. A packet is used only whole, and only when the frame after
 * its 25th does not prove that a frame came twice: so no value is ever put together from two packets or read from the wrong place.
 */
export class NoninPackets implements StreamDecoder {
  readonly #format: NoninFormat;
  readonly #statusAt: number;
  /** The last up to 4 bytes that are in no frame yet. */
  #rest = new Uint8Array(0);
  /** Frames of the packet being collected, 0-25; with 25 it waits for its successor. */
  #frames = 0;
  /** DATA of each frame. */
  readonly #data = new Uint8Array(PACKET_FRAMES);
  #pleth: number[] = [];
  /** STATUS bits of all frames together. */
  #status = 0;
  #lost = 0;
  #lostWhy: LostWhy = "noise";
  /** A packet was used, so that from now on lost bytes are a gap. */
  #given = false;
  /** Samples were lost since the last packet that was used. */
  #gap = false;
  /** When the last bytes came. */
  #heardAt = 0;

  constructor(format: NoninFormat) {
    this.#format = format;
    this.#statusAt = format.start === null ? 0 : 1;
  }

  push(pushed: Uint8Array, heardAt: number): Output[] {
    this.#gap ||= this.#given && heardAt - this.#heardAt >= PAUSE_MS;
    this.#heardAt = heardAt;
    const outputs: Output[] = [];
    const bytes = this.#rest.length === 0 ? pushed : joined(this.#rest, pushed);
    let at = 0;
    while (bytes.length - at >= FRAME_BYTES) {
      at += this.#take(bytes, at, outputs);
    }
    this.#rest = bytes.slice(at);
    return outputs;
  }

  /** A packet whose successor does not come counts all the same: the device was switched off, and its last values are no others later. */
  tick(at: number): Output[] {
    const outputs: Output[] = [];
    const quietMs = at - this.#heardAt;
    if (this.#frames === PACKET_FRAMES && quietMs >= SETTLED_MS) {
      this.#give(outputs, PACKET_FRAMES * FRAME_MS + quietMs);
    }
    return outputs;
  }

  end(): Output[] {
    const outputs: Output[] = [];
    if (this.#frames === PACKET_FRAMES) {
      this.#give(outputs, PACKET_FRAMES * FRAME_MS);
    }
    this.#giveUpPacket();
    this.#giveUp("truncated", this.#rest.length);
    this.#rest = new Uint8Array(0);
    this.#tellLost(outputs);
    return outputs;
  }

  /** Looks at the five bytes at this place and returns how many of them are done with. */
  #take(bytes: Uint8Array, at: number, outputs: Output[]): number {
    const status = bytes[at + this.#statusAt] ?? 0;
    const mayBeFrame = this.#mayBeFrame(bytes, at, status);
    const isFrame = mayBeFrame && hasChecksum(bytes, at);
    if (isFrame && (status & STATUS_SYNC) !== 0) {
      this.#start(outputs);
      this.#keep(bytes, at, status);
      return FRAME_BYTES;
    }
    if (!isFrame || this.#frames === 0) {
      return this.#slide(isFrame ? "truncated" : mayBeFrame ? "checksum" : "noise", outputs);
    }
    if (this.#frames === PACKET_FRAMES) {
      // A 26th frame without SYNC: somewhere in this packet a frame came twice, so no place in it can be trusted.
      this.#giveUp("doubled", FRAME_BYTES);
      this.#giveUpPacket();
    } else {
      this.#keep(bytes, at, status);
    }
    return FRAME_BYTES;
  }

  #mayBeFrame(bytes: Uint8Array, at: number, status: number): boolean {
    const { start } = this.#format;
    return (status & STATUS_ALWAYS) !== 0 && (start === null || bytes[at] === start);
  }

  #start(outputs: Output[]): void {
    if (this.#frames === PACKET_FRAMES) {
      this.#give(outputs, (PACKET_FRAMES + 1) * FRAME_MS);
    }
    this.#giveUpPacket();
    this.#tellLost(outputs);
  }

  #keep(bytes: Uint8Array, at: number, status: number): void {
    this.#data[this.#frames] = bytes[at + DATA_AT] ?? 0;
    this.#pleth.push(this.#format.plethOf(bytes, at));
    this.#status |= status;
    this.#frames += 1;
  }

  /** Gives up what is no frame here: a whole frame of a packet whose start was missed, else one byte. */
  #slide(why: LostWhy, outputs: Output[]): number {
    if (this.#frames === PACKET_FRAMES) {
      this.#give(outputs, (PACKET_FRAMES + 1) * FRAME_MS);
    }
    const bytes = why === "truncated" ? FRAME_BYTES : 1;
    // A checksum can only be wrong where a frame was to be expected.
    const told = why === "checksum" && this.#frames === 0 ? "noise" : why;
    if (this.#frames > 0) {
      this.#giveUp(told, 0);
      this.#giveUpPacket();
    }
    this.#giveUp(told, bytes);
    if (this.#lost >= LOST_BYTES_MAX) {
      this.#tellLost(outputs);
    }
    return bytes;
  }

  /** Gives the packet, whose first sample was taken `spanMs` ago. */
  #give(outputs: Output[], spanMs: number): void {
    this.#tellLost(outputs);
    const quality = qualityOf(this.#status);
    const readings = readingsOf(this.#data, quality);
    const wave = waveOf(this.#pleth, quality, this.#gap, spanMs);
    outputs.push({ kind: "frame", readings, waves: [wave] });
    this.#clear();
    this.#given = true;
    this.#gap = false;
  }

  #giveUpPacket(): void {
    const frames = this.#frames;
    this.#clear();
    this.#giveUp("truncated", frames * FRAME_BYTES);
  }

  #clear(): void {
    this.#frames = 0;
    this.#pleth = [];
    this.#status = 0;
  }

  /** Counts lost bytes; the first reason of a run is the one that is told. */
  #giveUp(why: LostWhy, bytes: number): void {
    if (this.#lost === 0 && this.#lostWhy === "noise") {
      this.#lostWhy = why;
    }
    this.#lost += bytes;
    this.#gap ||= this.#given && bytes > 0;
  }

  #tellLost(outputs: Output[]): void {
    if (this.#lost > 0) {
      outputs.push(faultOf(this.#lostWhy, this.#lost));
    }
    this.#lost = 0;
    this.#lostWhy = "noise";
  }
}

type LostWhy = "noise" | "checksum" | "truncated" | "doubled";

const FRAME_BYTES = 5;
const DATA_AT = 3;
const PACKET_FRAMES = 25;
/** 75 frames a second, one sample a frame. */
const PERIOD = { ms: 1000, samples: 75 } as const;
const FRAME_MS = PERIOD.ms / PERIOD.samples;
/** A whole packet counts when this long nothing followed (milliseconds). */
const SETTLED_MS = 100;
/** After so long without a byte the device was off: the wave has a gap (milliseconds). */
const PAUSE_MS = 1000;

const STATUS_ALWAYS = 0x80;
const STATUS_SENSOR_DISCONNECTED = 0x40;
const STATUS_ARTIFACT = 0x20;
const STATUS_OUT_OF_TRACK = 0x10;
const STATUS_SENSOR_ALARM = 0x08;
const STATUS_SYNC = 0x01;

const PLACE_SPO2_DISPLAY = 8;
const PLACE_RATE_DISPLAY_HIGH = 19;
const PLACE_RATE_DISPLAY_LOW = 20;
const SPO2_MISSING = 127;
const RATE_MISSING = 511;

/** Given-up bytes are told at the latest after this many, so that endless noise is seen. */
const LOST_BYTES_MAX = 1000;

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

function hasChecksum(bytes: Uint8Array, at: number): boolean {
  const sum = (bytes[at] ?? 0) + (bytes[at + 1] ?? 0) + (bytes[at + 2] ?? 0) + (bytes[at + 3] ?? 0);
  return (sum & 0xff) === bytes[at + 4];
}

function faultOf(why: LostWhy, bytes: number): BadBytes {
  const text = {
    noise: "bytes that are no frame",
    checksum: "a frame with a wrong checksum, and the rest of its packet",
    truncated: "frames of an incomplete packet",
    doubled: "a packet of more than 25 frames",
  }[why];
  return { kind: "fault", fault: why === "doubled" ? "framing" : why, bytes, text };
}

/** What the status bits of all 25 frames say about the values of the packet. */
function qualityOf(status: number): Quality {
  if ((status & (STATUS_SENSOR_DISCONNECTED | STATUS_SENSOR_ALARM)) !== 0) {
    return "unavailable";
  }
  return (status & (STATUS_ARTIFACT | STATUS_OUT_OF_TRACK)) !== 0 ? "questionable" : "valid";
}

function readingsOf(data: Uint8Array, quality: Quality): Measured[] {
  const spo2 = (data[PLACE_SPO2_DISPLAY] ?? 0) & 0x7f;
  // The rate has nine bits: two in the first byte, seven in the second.
  const high = (data[PLACE_RATE_DISPLAY_HIGH] ?? 0) & 0x03;
  const rate = (high << 7) | ((data[PLACE_RATE_DISPLAY_LOW] ?? 0) & 0x7f);
  return [
    measured(SPO2, spo2 === SPO2_MISSING ? null : spo2, quality),
    measured(RATE, rate === RATE_MISSING ? null : rate, quality),
  ];
}

const SPO2 = { code: "MDC_PULS_OXIM_SAT_O2", mdc: 150456, unit: "%", path: "1.1.1" } as const;
const RATE = { code: "MDC_PULS_OXIM_PULS_RATE", mdc: 149530, unit: "/min", path: "1.1.2" } as const;
const PLETH = { code: "MDC_PULS_OXIM_PLETH", mdc: 150452, unit: "1", path: "1.1.3" } as const;

function measured(
  term: Pick<Measured, "code" | "mdc" | "unit" | "path">,
  value: number | null,
  quality: Quality,
): Measured {
  return value === null || quality === "unavailable"
    ? { ...term, value: null, text: "", quality: ["unavailable"], deviceAt: null }
    : { ...term, value, text: String(value), quality: [quality], deviceAt: null };
}

function waveOf(
  pleth: readonly number[],
  quality: Quality,
  gap: boolean,
  spanMs: number,
): MeasuredWave {
  const samples = quality === "unavailable" ? pleth.map(() => null) : pleth;
  return {
    ...PLETH,
    period: PERIOD,
    scale: 1,
    offset: 0,
    samples,
    gap,
    quality: [quality],
    spanMs,
  };
}

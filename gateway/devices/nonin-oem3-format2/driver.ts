import type { BadBytes, Measured, MeasuredWave, Output } from "../device.ts";
import type { StreamDecoder, StreamDriver } from "../device.ts";
import { SERIAL_LINES } from "../device.ts";
import type { Quality } from "../../reading.ts";

/**
 * Nonin OEM III and Xpod modules, serial data format 2: 75 frames of 5 bytes a second, 25 frames a packet.
 *
 * Frame: 01, STATUS, PLETH, DATA, CHECK = sum of the four before it modulo 256. STATUS bit 7 is always set, bit 0 (SYNC)
 * only in the first frame of a packet; what DATA means follows from the frame's place in the packet. A packet is used only
 * whole, and only when the frame after its 25th does not prove that a frame came twice: so no value is ever put together
 * from two packets or read from the wrong place.
 */
export const driver: StreamDriver = {
  kind: "stream",
  facts: {
    model: "nonin-oem3-format2",
    maker: "Nonin",
    protocol: "OEM III / Xpod serial data format 2",
    lines: SERIAL_LINES,
    evidence: "A",
    mode: "passive",
    source: "Nonin OEM III Module Specification and Technical Information, serial data format 2",
    quietMs: 3000,
  },
  serial: { baud: 9600, format: "8N1", flow: "none" },
  verbs: [],
  options: [],
  open: () => new NoninDecoder(),
};

const FRAME_BYTES = 5;
const FRAME_START = 0x01;
const PACKET_FRAMES = 25;
/** 75 frames a second, one sample a frame. */
const PERIOD = { ms: 1000, samples: 75 } as const;
const FRAME_MS = PERIOD.ms / PERIOD.samples;

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

interface NoninFrame {
  readonly status: number;
  readonly pleth: number;
  readonly data: number;
}

class NoninDecoder implements StreamDecoder {
  /** The last up to 5 bytes that are in no frame yet. */
  readonly #window: number[] = [];
  /** Frames of the packet being collected, 0-25; with 25 it waits for its successor. */
  #packet: NoninFrame[] = [];
  #lost = 0;
  #lostWhy: LostWhy = "noise";
  /** A packet was used, so that from now on lost bytes are a gap. */
  #given = false;
  /** Samples were lost since the last packet that was used. */
  #gap = false;

  push(bytes: Uint8Array): Output[] {
    const outputs: Output[] = [];
    for (const byte of bytes) {
      this.#window.push(byte);
      if (this.#window.length === FRAME_BYTES) {
        this.#takeWindow(outputs);
      }
    }
    return outputs;
  }

  tick(): Output[] {
    return [];
  }

  end(): Output[] {
    const outputs: Output[] = [];
    if (this.#packet.length === PACKET_FRAMES) {
      this.#give(outputs, PACKET_FRAMES);
    }
    this.#giveUpPacket();
    this.#giveUp("truncated", this.#window.length);
    this.#window.length = 0;
    this.#tellLost(outputs);
    return outputs;
  }

  #takeWindow(outputs: Output[]): void {
    const frame = frameOf(this.#window);
    if (frame !== null && (frame.status & STATUS_SYNC) !== 0) {
      this.#start(frame, outputs);
    } else if (frame !== null && this.#packet.length > 0) {
      this.#continue(frame);
    } else {
      this.#slide(frame !== null, outputs);
      return;
    }
    this.#window.length = 0;
  }

  #start(frame: NoninFrame, outputs: Output[]): void {
    if (this.#packet.length === PACKET_FRAMES) {
      this.#give(outputs, PACKET_FRAMES + 1);
    }
    this.#giveUpPacket();
    this.#tellLost(outputs);
    this.#packet = [frame];
  }

  #continue(frame: NoninFrame): void {
    if (this.#packet.length === PACKET_FRAMES) {
      // A 26th frame without SYNC: somewhere in this packet a frame came twice, so no place in it can be trusted.
      this.#giveUp("doubled", FRAME_BYTES);
      this.#giveUpPacket();
      return;
    }
    this.#packet.push(frame);
  }

  /** Gives up what is no frame here: a whole frame of a packet whose start was missed, else one byte. */
  #slide(wholeFrame: boolean, outputs: Output[]): void {
    if (this.#packet.length === PACKET_FRAMES) {
      this.#give(outputs, PACKET_FRAMES + 1);
    }
    const why = wholeFrame
      ? "truncated"
      : this.#packet.length > 0
        ? brokenWhy(this.#window)
        : "noise";
    if (this.#packet.length > 0) {
      this.#giveUp(why, 0);
      this.#giveUpPacket();
    }
    const bytes = wholeFrame ? FRAME_BYTES : 1;
    this.#window.splice(0, bytes);
    this.#giveUp(why, bytes);
    if (this.#lost >= LOST_BYTES_MAX) {
      this.#tellLost(outputs);
    }
  }

  #give(outputs: Output[], framesAgo: number): void {
    this.#tellLost(outputs);
    const packet = this.#packet;
    this.#packet = [];
    const quality = qualityOf(packet);
    outputs.push({
      kind: "frame",
      readings: readingsOf(packet, quality),
      waves: [waveOf(packet, quality, this.#gap, framesAgo * FRAME_MS)],
    });
    this.#given = true;
    this.#gap = false;
  }

  #giveUpPacket(): void {
    const frames = this.#packet.length;
    this.#packet = [];
    this.#giveUp("truncated", frames * FRAME_BYTES);
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

function frameOf(window: readonly number[]): NoninFrame | null {
  const [start = 0, status = 0, pleth = 0, data = 0, check = 0] = window;
  const good =
    start === FRAME_START &&
    (status & STATUS_ALWAYS) !== 0 &&
    ((start + status + pleth + data) & 0xff) === check;
  return good ? { status, pleth, data } : null;
}

function brokenWhy(window: readonly number[]): LostWhy {
  const [start = 0, status = 0] = window;
  return start === FRAME_START && (status & STATUS_ALWAYS) !== 0 ? "checksum" : "noise";
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
function qualityOf(packet: readonly NoninFrame[]): Quality {
  let bits = 0;
  for (const { status } of packet) {
    bits |= status;
  }
  if ((bits & (STATUS_SENSOR_DISCONNECTED | STATUS_SENSOR_ALARM)) !== 0) {
    return "unavailable";
  }
  return (bits & (STATUS_ARTIFACT | STATUS_OUT_OF_TRACK)) !== 0 ? "questionable" : "valid";
}

function readingsOf(packet: readonly NoninFrame[], quality: Quality): Measured[] {
  const data = (place: number): number => packet[place]?.data ?? 0;
  const spo2 = data(PLACE_SPO2_DISPLAY) & 0x7f;
  // The rate has nine bits: two in the first byte, seven in the second.
  const rate =
    ((data(PLACE_RATE_DISPLAY_HIGH) & 0x03) << 7) | (data(PLACE_RATE_DISPLAY_LOW) & 0x7f);
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
  packet: readonly NoninFrame[],
  quality: Quality,
  gap: boolean,
  spanMs: number,
): MeasuredWave {
  const samples = packet.map(({ pleth }) => (quality === "unavailable" ? null : pleth));
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

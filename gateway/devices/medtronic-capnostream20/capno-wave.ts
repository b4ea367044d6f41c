import type { Frame, Output } from "../device.ts";
import type { Co2Unit } from "./capno-numerics.ts";

/** A block of CO2 samples whose unit is not confirmed yet. */
interface Block {
  /** Number of its first sample since the start. */
  readonly first: number;
  readonly samples: readonly (number | null)[];
  readonly gap: boolean;
  readonly bytes: number;
}

/**
 * Collects the CO2 wave: one sample a message, 20 a second, numbered 0-255. A block is 32 samples from a number that 32 divides, complete or not
 * at all. What unit the samples are in is said only by the numerics, once a second; so a block is given out when a numerics
 * message after it has the unit that one before it had.
 */
export class CapnoWave {
  #samples: (number | null)[] = [];
  #bytes = 0;
  #next = 0;
  #count = 0;
  #gap = false;
  #hasGiven = false;
  /** Bytes of samples that are in no block. */
  #lostBytes = 0;
  #blocks: Block[] = [];
  #unit: Co2Unit | null = null;
  /** From which sample on the unit is known. */
  #unitFrom = 0;

  /** The data of one CO2 wave message. */
  add(data: Uint8Array, bytes: number, outputs: Output[]): void {
    const [number = 0, whole = 0, fraction = 0, status = 0] = data;
    if (this.#samples.length > 0 && number !== this.#next) {
      this.#lose();
    }
    this.#count += 1;
    if (this.#samples.length === 0 && number % BLOCK_SAMPLES !== 0) {
      this.#lostBytes += bytes;
      this.#gap ||= this.#hasGiven;
    } else {
      this.#tellLost(outputs);
      this.#samples.push((status & STATUS_NO_VALUE) === 0 ? whole * 256 + fraction : null);
      this.#bytes += bytes;
      this.#next = (number + 1) % 256;
    }
    if (this.#samples.length === BLOCK_SAMPLES) {
      this.#endBlock(outputs);
    }
    if (this.#lostBytes >= LOST_BYTES_MAX) {
      this.#tellLost(outputs);
    }
  }

  /** A numerics message says the unit: what came between two of the same unit is in that unit. */
  confirm(co2: Co2Unit, outputs: Output[]): void {
    if (co2.unit !== this.#unit?.unit) {
      this.#unit = co2;
      this.#unitFrom = this.#count;
    }
    this.#giveBlocks(outputs);
  }

  /** No sample came for `quietMs`: what is there is given, so that it does not wait and is not joined to what comes later. */
  pause(quietMs: number, outputs: Output[]): void {
    this.#lose();
    this.#tellLost(outputs);
    this.#giveBlocks(outputs, quietMs);
    this.#gap = this.#hasGiven;
  }

  #endBlock(outputs: Output[]): void {
    const first = this.#count - BLOCK_SAMPLES;
    this.#blocks.push({ first, samples: this.#samples, gap: this.#gap, bytes: this.#bytes });
    this.#samples = [];
    this.#bytes = 0;
    this.#gap = false;
    if (this.#blocks.length > BLOCKS_MAX) {
      this.#dropBlock(this.#blocks.shift(), outputs);
    }
  }

  /** `quietMs`: how long ago the last sample came. */
  #giveBlocks(outputs: Output[], quietMs = 0): void {
    for (const block of this.#blocks) {
      if (this.#unit === null || block.first < this.#unitFrom) {
        this.#dropBlock(block, outputs);
      } else {
        const spanMs = (this.#count - block.first) * SAMPLE_MS + quietMs;
        outputs.push(frameOf(block, this.#unit, spanMs));
        this.#hasGiven = true;
      }
    }
    this.#blocks = [];
  }

  #dropBlock(block: Block | undefined, outputs: Output[]): void {
    const text = "CO2 samples of which no numerics told the unit";
    outputs.push({ kind: "fault", fault: "truncated", bytes: block?.bytes ?? 0, text });
    this.#gap ||= this.#hasGiven;
  }

  #lose(): void {
    this.#lostBytes += this.#bytes;
    this.#gap ||= this.#hasGiven && this.#samples.length > 0;
    this.#samples = [];
    this.#bytes = 0;
  }

  #tellLost(outputs: Output[]): void {
    if (this.#lostBytes > 0) {
      const text = "CO2 samples of an incomplete block";
      outputs.push({ kind: "fault", fault: "truncated", bytes: this.#lostBytes, text });
      this.#lostBytes = 0;
    }
  }
}

/** 1.6 seconds. 256 numbers are eight blocks. */
const BLOCK_SAMPLES = 32;
const SAMPLE_MS = 50;
/** Blocks that wait for numerics, at most: 13 seconds without any. */
const BLOCKS_MAX = 8;
const LOST_BYTES_MAX = 1000;
/**
 * Invalid value, initialization, occlusion, self-maintenance, purging, FilterLine not connected, malfunction: the protocol calls CO2 "not
 * available" then. Left is 08, the end of a breath.
 */
const STATUS_NO_VALUE = 0xf7;

const CO2 = { code: "MDC_AWAY_CO2", mdc: 151724 } as const;
const CO2_PERCENT = { code: "MDC_CONC_AWAY_CO2", mdc: 151700 } as const;

function frameOf({ samples, gap }: Block, { unit, places }: Co2Unit, spanMs: number): Frame {
  const isEmpty = samples.every((sample) => sample === null);
  const wave = {
    ...(unit === "%" ? CO2_PERCENT : CO2),
    unit,
    period: { ms: SAMPLE_MS, samples: 1 },
    scale: places === 0 ? 1 / 256 : 1 / 2560,
    offset: 0,
    samples,
    gap,
    quality: [isEmpty ? "unavailable" : "valid"] as const,
    path: "1.1.4",
    spanMs,
  };
  return { kind: "frame", readings: [], waves: [wave] };
}

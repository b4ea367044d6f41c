import type { MeasuredWave, Output } from "../device.ts";

/**
 * The waveform port: `BS, S:14919,` starts a breath, one line a sample (`6.14, 8.40`: flow and pressure), `BE` ends it. A breath is given out
 * whole or not at all: a line that is no sample may be two, so that no later sample had its time.
 */
export class Pb840Breaths {
  #flow: number[] = [];
  #pressure: number[] = [];
  #state: keyof typeof LOST = "outside";
  /** Bytes of the breath so far, or of lines outside of breaths. */
  #bytes = 0;
  #number = 0;
  #lastNumber: number | null = null;
  #gap = false;

  /** Takes a line when it belongs to the waveform port. */
  take(line: string, outputs: Output[]): boolean {
    const sample = SAMPLE.exec(line);
    if (sample !== null) {
      this.#addSample(sample, line.length + 1, outputs);
      return true;
    }
    const start = START.exec(line);
    if (start !== null) {
      this.#start(Number(start[1]), line.length + 1, outputs);
      return true;
    }
    if (END.test(line)) {
      this.#end(line.length + 1, outputs);
      return true;
    }
    return false;
  }

  /** A line that nothing could be made of, or bytes that were none: a breath that it stands in is not used. */
  spoil(): void {
    if (this.#state === "inside") {
      this.#state = "broken";
    }
  }

  /** The stream has ended. */
  end(outputs: Output[]): void {
    this.#giveUp(outputs);
  }

  #addSample(
    [, flow = "", pressure = ""]: RegExpExecArray,
    bytes: number,
    outputs: Output[],
  ): void {
    this.#bytes += bytes;
    if (this.#state === "inside") {
      this.#flow.push(hundredths(flow));
      this.#pressure.push(hundredths(pressure));
      if (this.#flow.length === BREATH_SAMPLES_MAX) {
        this.#give(outputs);
      }
    } else if (this.#bytes >= LOST_BYTES_MAX) {
      this.#tellLost(outputs);
    }
  }

  #start(number: number, bytes: number, outputs: Output[]): void {
    this.#giveUp(outputs);
    this.#gap ||= this.#lastNumber !== null && number !== this.#lastNumber + 1;
    this.#state = "inside";
    this.#number = number;
    this.#bytes = bytes;
  }

  #end(bytes: number, outputs: Output[]): void {
    this.#bytes += bytes;
    if (this.#state === "inside" && this.#flow.length > 0) {
      this.#give(outputs);
      this.#lastNumber = this.#number;
      this.#state = "outside";
    } else {
      this.#giveUp(outputs);
    }
  }

  #give(outputs: Output[]): void {
    const spanMs = this.#flow.length * SAMPLE_MS;
    const gap = this.#gap;
    const flow = waveOf(FLOW, this.#flow, gap, spanMs);
    const pressure = waveOf(PRESSURE, this.#pressure, gap, spanMs);
    outputs.push({ kind: "frame", readings: [], waves: [flow, pressure] });
    this.#clear();
    this.#gap = false;
  }

  #giveUp(outputs: Output[]): void {
    this.#tellLost(outputs);
    this.#clear();
    this.#state = "outside";
  }

  #tellLost(outputs: Output[]): void {
    if (this.#bytes > 0) {
      outputs.push({ kind: "fault", bytes: this.#bytes, ...LOST[this.#state] });
      this.#gap ||= this.#lastNumber !== null;
      this.#bytes = 0;
    }
  }

  #clear(): void {
    this.#flow = [];
    this.#pressure = [];
    this.#bytes = 0;
  }
}

/** Who joins in the middle of a breath has missed its start: that is no noise. */
const LOST = {
  outside: { fault: "truncated", text: "samples of a breath whose start was missed" },
  inside: { fault: "truncated", text: "a breath without its end" },
  broken: { fault: "framing", text: "a breath with a line that is no sample" },
} as const;
const START = /^BS *, *S: *(\d{1,9}) *,?$/;
const END = /^BE *,?$/;
/** Flow in L/min and pressure in cmH2O, always with two decimals. */
const SAMPLE = /^(-?\d{1,3}\.\d\d) *, *(-?\d{1,3}\.\d\d)$/;
/** 50 samples a second. */
const SAMPLE_MS = 20;
/** A minute without a breath's end is given out as it is. */
const BREATH_SAMPLES_MAX = 3000;
const LOST_BYTES_MAX = 1000;

type WaveTerm = Pick<MeasuredWave, "code" | "mdc" | "unit" | "path">;

const FLOW: WaveTerm = { code: "MDC_FLOW_AWAY", mdc: 151764, unit: "L/min", path: "1.2.1" };
const PRESSURE: WaveTerm = {
  code: "MDC_PRESS_AWAY",
  mdc: 151792,
  unit: "cm[H2O]",
  path: "1.2.2",
};

function waveOf(
  term: WaveTerm,
  samples: readonly number[],
  gap: boolean,
  spanMs: number,
): MeasuredWave {
  const period = { ms: SAMPLE_MS, samples: 1 };
  return { ...term, period, scale: 0.01, offset: 0, samples, gap, quality: ["valid"], spanMs };
}

/** `-26.71` is -2671. The nearest integer is exact, as the text has two decimals; `-0.00` is 0. */
function hundredths(text: string): number {
  return Math.round(Number(text) * 100) + 0;
}

import type { StreamDriver } from "../../../gateway/devices/device.ts";
import { capturesOf, framesOf, STREAM_DRIVERS } from "../../gateway/devices/captures.ts";

/** How fast one driver decodes. */
export interface DecoderResult {
  readonly model: string;
  /** Megabytes a second on one core. */
  readonly mbPerSecond: number;
  /** Microseconds of CPU for each frame given. */
  readonly usPerFrame: number;
  readonly bytesPerFrame: number;
}

/** Bytes decoded for one measurement, about; the first is for the compiler to warm up. */
const BYTES = 4_000_000;
const ROUNDS = 5;
/** Bytes handed over at once: what a read of a serial port gives at most. */
const PIECE = 256;

/**
 * Decodes each driver's steady captures over and over. The best of a few rounds counts: a decoder does the same work each time, and
 * what takes longer is the machine's other work.
 */
export function benchDecoders(signal: AbortSignal): DecoderResult[] {
  return STREAM_DRIVERS.flatMap((driver) => {
    signal.throwIfAborted();
    const bytes = steadyBytes(driver);
    return bytes.length === 0 ? [] : [benchDecoder(driver, bytes)];
  });
}

/** What a device sends when all is well. */
function steadyBytes(driver: StreamDriver): Buffer {
  const steady = capturesOf(driver).filter(
    ({ expected }) =>
      expected.over === undefined && expected.outputs.every(({ kind }) => kind !== "fault"),
  );
  return Buffer.concat(steady.map((capture) => capture.bytes));
}

function benchDecoder(driver: StreamDriver, bytes: Buffer): DecoderResult {
  const results = Array.from({ length: ROUNDS }, () => decodeRound(driver, bytes));
  const best = results.reduce((a, b) => (b.seconds < a.seconds ? b : a));
  return {
    model: driver.facts.model,
    mbPerSecond: best.bytes / 1e6 / best.seconds,
    usPerFrame: (best.seconds * 1e6) / Math.max(1, best.frames),
    bytesPerFrame: best.bytes / Math.max(1, best.frames),
  };
}

function decodeRound(
  driver: StreamDriver,
  bytes: Buffer,
): { bytes: number; frames: number; seconds: number } {
  const decoder = driver.open({}, "serial");
  const times = Math.ceil(BYTES / bytes.length);
  let frames = 0;
  const before = process.cpuUsage();
  for (let time = 0; time < times; time += 1) {
    for (let from = 0; from < bytes.length; from += PIECE) {
      const outputs = decoder.push(bytes.subarray(from, from + PIECE), time);
      frames += framesOf(outputs).length;
    }
  }
  const { user, system } = process.cpuUsage(before);
  return { bytes: times * bytes.length, frames, seconds: (user + system) / 1e6 };
}

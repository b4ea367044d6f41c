import { setTimeout as sleep } from "node:timers/promises";

import { WardError } from "../../../gateway/errors.ts";
import { numberAt } from "../../../gateway/json-value.ts";
import { medianBy } from "../figures.ts";
import type { BenchContext } from "../part.ts";
import { Program } from "../program.ts";
import { FRAMES_PER_SECOND, SMALL_FRAME_DEVICES } from "./small-frames.ts";

/** What reading one kind of device costs. */
export interface SerialResult {
  readonly model: string;
  readonly devices: number;
  readonly frameBytes: number;
  /** All devices together. */
  readonly framesPerSecond: number;
  /** The gateway's line and driver, up to decoded frames. */
  readonly line: SerialCosts;
  /** The package serialport and a listener that only counts. */
  readonly serialport: SerialCosts;
  /** A terminal of Node.js and a listener that only counts. */
  readonly tty: SerialCosts;
}

export interface SerialCosts {
  /** Microseconds of CPU, user and system, of the whole process. */
  readonly cpuMicrosPerFrame: number;
  /** Of one core. */
  readonly cpuShare: number;
  /** Frames that came with one read: 1 when the machine keeps up. */
  readonly framesPerRead: number;
}

type Asked = Pick<BenchContext, "seconds" | "signal" | "say">;

const DEVICES = 30;
const WAYS = ["serialport", "line", "tty"] as const;
/** Until V8 has compiled what matters. */
const WARM_MS = 4000;
const SLICE_MS = 1000;
/** Of the frames that came, so many are decoded ones: all but the pieces at both ends of the measurement. */
const DECODED_MIN = 0.9;

/**
 * CPU per small frame, the line included, on pseudo terminals: each way on the same ports, one after the other. The median of
 * slices of a second counts, so that what else the machine does for a moment does not.
 */
export async function benchSerial({ seconds, signal, say }: Asked): Promise<SerialResult[]> {
  const results: SerialResult[] = [];
  for (const { driver } of SMALL_FRAME_DEVICES) {
    const { model } = driver.facts;
    say(`Serial: ${DEVICES} x ${model} on pseudo terminals ...`);
    results.push(await benchModel(model, { seconds, signal }));
  }
  return results;
}

async function benchModel(
  model: string,
  { seconds, signal }: Pick<Asked, "seconds" | "signal">,
): Promise<SerialResult> {
  const { program, ready } = await Program.start("serial/devices.ts", model, String(DEVICES));
  try {
    const frameBytes = numberAt(ready, "frameBytes");
    const ports = Array.isArray(ready["ports"]) ? ready["ports"].join(",") : "";
    const measured: SerialCosts[] = [];
    for (const way of WAYS) {
      signal.throwIfAborted();
      measured.push(await measure([way, model, ports], seconds, frameBytes));
    }
    const [serialport, line, tty] = measured;
    if (serialport === undefined || line === undefined || tty === undefined) {
      throw new TypeError("a way was not measured");
    }
    const framesPerSecond = DEVICES * FRAMES_PER_SECOND;
    return { model, devices: DEVICES, frameBytes, framesPerSecond, line, serialport, tty };
  } finally {
    await program.stop();
  }
}

async function measure(
  args: readonly string[],
  seconds: number,
  frameBytes: number,
): Promise<SerialCosts> {
  const { program: reader } = await Program.start("serial/reader.ts", ...args);
  try {
    await sleep(WARM_MS);
    const slices: SerialCosts[] = [];
    for (let slice = 0; slice < seconds; slice += 1) {
      slices.push(await measureSlice(reader, args[0] === "line", frameBytes));
    }
    return medianBy(slices, ({ cpuMicrosPerFrame }) => cpuMicrosPerFrame);
  } finally {
    await reader.stop();
  }
}

async function measureSlice(
  reader: Program,
  isDecoded: boolean,
  frameBytes: number,
): Promise<SerialCosts> {
  const from = performance.now();
  const before = await reader.count();
  await sleep(SLICE_MS);
  const after = await reader.count();
  const micros = 1000 * (performance.now() - from);
  const grown = (name: string): number => numberAt(after, name) - numberAt(before, name);
  const frames = grown("bytes") / frameBytes;
  if (frames === 0 || (isDecoded && grown("decoded") < DECODED_MIN * frames)) {
    throw new WardError("WARD_BENCH", "Cannot measure serial lines: frames are lost on the way.");
  }
  return {
    cpuMicrosPerFrame: grown("cpuMicros") / frames,
    cpuShare: grown("cpuMicros") / micros,
    framesPerRead: frames / grown("reads"),
  };
}

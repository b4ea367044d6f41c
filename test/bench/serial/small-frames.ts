import type { StreamDriver } from "../../../gateway/devices/device.ts";
import { driver as masimo } from "../../../gateway/devices/masimo-ascii1/driver.ts";
import { simulator as masimoSimulator } from "../../../gateway/devices/masimo-ascii1/simulator.ts";
import { driver as nonin } from "../../../gateway/devices/nonin-oem3-format2/driver.ts";
import { simulator as noninSimulator } from "../../../gateway/devices/nonin-oem3-format2/simulator.ts";
import type { StreamSimulator } from "../../../gateway/devices/simulator.ts";

/** Frames a second of one device: a real Nonin's five bytes come that often, a real Masimo's line only once. */
export const FRAMES_PER_SECOND = 75;

/** A device that sends small frames. */
export interface SmallFrameDevice {
  readonly driver: StreamDriver;
  readonly simulator: StreamSimulator;
  /** Frames that the driver makes one output of. */
  readonly perOutput: number;
  /** Where the first frame of some bytes ends, or -1. */
  readonly endOf: (bytes: Uint8Array) => number;
}

const NONIN_FRAME_BYTES = 5;
const LINE_FEED = 0x0a;

/** The smallest binary frame that a driver knows, and a usual line of text. */
export const SMALL_FRAME_DEVICES: readonly SmallFrameDevice[] = [
  {
    driver: nonin,
    simulator: noninSimulator,
    perOutput: 25,
    endOf: ({ length }) => (length < NONIN_FRAME_BYTES ? -1 : NONIN_FRAME_BYTES),
  },
  {
    driver: masimo,
    simulator: masimoSimulator,
    perOutput: 1,
    endOf: (bytes) => bytes.indexOf(LINE_FEED) + 1 || -1,
  },
];

export function smallFrameDevice(model: string): SmallFrameDevice {
  const device = SMALL_FRAME_DEVICES.find(({ driver }) => driver.facts.model === model);
  if (device === undefined) {
    throw new TypeError(`no such device: ${model}`);
  }
  return device;
}

/** So many frames of one simulated device, a whole number of the driver's outputs, to be sent round and round. */
export function smallFrames(device: SmallFrameDevice, seed: number, wanted: number): Uint8Array[] {
  const stream = device.simulator.open({ seed });
  const frames: Uint8Array[] = [];
  let rest: Uint8Array = new Uint8Array(0);
  for (let at = 0; frames.length < wanted; at += device.simulator.tickMs) {
    rest = Buffer.concat([rest, ...stream.tick(at)]);
    for (let end = device.endOf(rest); end > 0; end = device.endOf(rest)) {
      frames.push(rest.subarray(0, end));
      rest = rest.subarray(end);
    }
  }
  return frames.slice(0, wanted - (wanted % device.perOutput));
}

import { readdirSync, readFileSync, writeFileSync } from "node:fs";

import { DRIVERS } from "../../../gateway/devices/catalog.ts";
import type {
  DeviceOptions,
  Frame,
  LineScheme,
  Output,
  StreamDriver,
} from "../../../gateway/devices/device.ts";

/** A recorded or made stream of one device, and what its driver must make of it. */
export interface Capture {
  readonly driver: StreamDriver;
  readonly name: string;
  readonly bytes: Buffer;
  readonly expected: Expected;
}

interface Expected {
  /** Where the bytes come from, in words. */
  readonly label: string;
  /**
   * "recorded": a real device sent them; "known-answer": printed in a manual or another independent source; "synthetic": made
   * after the description of the format.
   */
  readonly origin: Origin;
  readonly options: DeviceOptions;
  /** The kind of line. @default the first of the driver */
  readonly over?: LineScheme;
  /**
   * What the protocol can notice. "checksum": any changed byte; "form": only a byte that breaks the form, so that a lost or
   * doubled byte never makes another value; "none": a lost digit makes another number, and nothing in the bytes tells.
   */
  readonly guard: Guard;
  readonly outputs: readonly Output[];
}

export type Origin = "recorded" | "known-answer" | "synthetic";
export type Guard = "checksum" | "form" | "none";

export const STREAM_DRIVERS: readonly StreamDriver[] = DRIVERS.filter(
  (driver) => driver.kind === "stream",
);

/** All captures of a driver. `UPDATE=<model>` rewrites its expected outputs; look at the difference before committing it. */
export function capturesOf(driver: StreamDriver): Capture[] {
  const folder = new URL(
    `../../../gateway/devices/${driver.facts.model}/captures/`,
    import.meta.url,
  );
  return readdirSync(folder)
    .filter((name) => name.endsWith(".bin"))
    .toSorted()
    .map((name) => {
      const bytes = readFileSync(new URL(name, folder));
      const beside = new URL(name.replace(/\.bin$/, ".json"), folder);
      const expected = JSON.parse(readFileSync(beside, "utf8")) as Expected;
      if (process.env["UPDATE"] === driver.facts.model) {
        const outputs = decodeWhole(driver, bytes, expected);
        writeFileSync(beside, `${JSON.stringify({ ...expected, outputs }, null, 1)}\n`);
      }
      return { driver, name, bytes, expected };
    });
}

/** What a driver makes of bytes handed over in pieces of the given size; what it would ask is left out. */
export function decodeWhole(
  driver: StreamDriver,
  bytes: Uint8Array,
  { options, over }: Pick<Expected, "options" | "over">,
  piece: number = bytes.length,
): Output[] {
  const decoder = driver.open(options, over ?? driver.facts.lines[0] ?? "serial");
  const outputs: Output[] = [];
  for (let from = 0; from < bytes.length; from += Math.max(piece, 1)) {
    outputs.push(...decoder.push(bytes.subarray(from, from + Math.max(piece, 1)), AT));
    outputs.push(...decoder.tick(AT));
  }
  outputs.push(...(decoder.end?.(AT) ?? []));
  return outputs.filter(({ kind }) => kind !== "ask");
}

/** The frames among outputs. */
export function framesOf(outputs: readonly Output[]): Frame[] {
  return outputs.filter((output) => output.kind === "frame");
}

/** What a frame says, without the gap flag and the span, which rightly differ when its neighbours were damaged. */
export function contentOf(frame: Frame): string {
  const waves = frame.waves.map(({ gap: _gap, spanMs: _span, ...wave }) => wave);
  return JSON.stringify({ readings: frame.readings, waves });
}

/** The numbers of a frame, each with all that goes with it, and its waveforms. */
export function valuesOf(frame: Frame): string[] {
  const numbers = frame.readings.filter(({ value }) => typeof value === "number");
  const waves = frame.waves.map(({ gap: _gap, spanMs: _span, ...wave }) => wave);
  return [...numbers, ...waves].map((value) => JSON.stringify(value));
}

const AT = 1000;

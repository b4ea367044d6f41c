import { count, ratio } from "../figures.ts";
import { atMost } from "../goal.ts";
import type { BenchPart, PartReport } from "../part.ts";
import { benchSerial, type SerialResult } from "./serial-bench.ts";

const CPU_MICROS_MAX = 25;

/** CPU per small frame of serial devices on real terminals. */
export const serialPart: BenchPart = {
  name: "serial",
  title: "Serial lines: CPU per small frame",
  measure: async ({ seconds, signal, say }) =>
    report(await benchSerial({ seconds: Math.ceil(seconds / 2), signal, say })),
};

function report(results: readonly SerialResult[]): PartReport {
  const [first] = results;
  const micros = (value: number): string => `${count(value, 1)} \u00b5s`;
  return {
    results,
    table: {
      heads: ["", "bytes", "Wardgate", "serialport", "ours / serialport", "Node.js tty"],
      rows: results.map(({ model, frameBytes, line, serialport, tty }) => [
        `${model} (\u00b5s of CPU per frame)`,
        count(frameBytes),
        count(line.cpuMicrosPerFrame, 1),
        count(serialport.cpuMicrosPerFrame, 1),
        ratio(line.cpuMicrosPerFrame / serialport.cpuMicrosPerFrame),
        count(tty.cpuMicrosPerFrame, 1),
      ]),
    },
    notes: [
      `${first?.devices ?? 0} devices on pseudo terminals, ${count(first?.framesPerSecond ?? 0)} frames a second together, each sent on its own; user and system time of the process that reads. Wardgate is the gateway's line and driver, up to decoded readings; the two others only count bytes.`,
      "serialport runs with a timer of 1 ms beside it: under Node.js 26 the promises that its wake-ups settle are not looked at before something else happens in the process, and in a quiet one bytes lie for a second.",
    ],
    goals: results.map(({ model, line }) =>
      atMost(
        `CPU per frame of ${model}, with the line and decoding`,
        CPU_MICROS_MAX,
        line.cpuMicrosPerFrame,
        micros,
      ),
    ),
  };
}

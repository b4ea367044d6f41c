import { driver } from "../../../gateway/devices/generic-line/driver.ts";
import { MONITOR_OPTIONS, monitorLines } from "./monitor-lines.ts";

/** A reading as an engineer would send it: the fewest fields that say what it is. The instant is added when it is sent. */
export interface StockReading {
  readonly device: string;
  readonly code: string;
  readonly value: number | string | null;
  readonly unit: string;
  readonly quality: readonly string[];
}

const DEVICES = 8;
const LINES = 60;

/** The readings that the load devices' lines give, by the same driver. */
export function stockReadings(): StockReading[] {
  return Array.from({ length: DEVICES }, (_, place) => place + 1).flatMap((bed) => {
    const decoder = driver.open(MONITOR_OPTIONS, "tcp");
    return monitorLines(bed, LINES)
      .flatMap((line) => decoder.push(line, 0))
      .flatMap((output) => (output.kind === "frame" ? output.readings : []))
      .map(({ code, value, unit, quality }) => ({
        device: `bed-${bed}/monitor`,
        code,
        value,
        unit,
        quality,
      }));
  });
}

import type { IdentityFound, Measured, RegisterPoll } from "../device.ts";
import type { MapPoint } from "./map-point.ts";
import { POLL_CLASSES } from "./map-point.ts";
import { addReadings } from "./point-readings.ts";
import type { RegisterMap } from "./register-map.ts";

/** What is read of a device with a register map: one poll for each class that has points. */
export function pollsOf({ points, pollMs }: RegisterMap): RegisterPoll[] {
  return POLL_CLASSES.flatMap((poll) => {
    const read = points.filter((point) => point.poll === poll && point.present !== "absent");
    return read.length === 0 ? [] : [pollOf(read, pollMs[poll])];
  });
}

function pollOf(points: readonly MapPoint[], everyMs: number): RegisterPoll {
  /** What each serial number was the last time, and the one that was told. */
  const last = new Map<MapPoint, string>();
  const told = new Map<MapPoint, string>();
  const identityOf = (point: MapPoint, serial: string): IdentityFound[] => {
    // Nothing checks a string on Modbus TCP: a serial number counts when it came twice in a row.
    const isSure = serial !== "" && last.get(point) === serial && told.get(point) !== serial;
    last.set(point, serial);
    if (isSure) {
      told.set(point, serial);
    }
    return isSure ? [{ kind: "identity", serial }] : [];
  };
  return {
    everyMs,
    blocks: points.map(({ block }) => block),
    decode: (words) => {
      const readings: Measured[] = [];
      const identities: IdentityFound[] = [];
      for (const [place, point] of points.entries()) {
        addReadings(readings, point, words[place] ?? null);
        if (point.isIdentity) {
          identities.push(...identityOf(point, readings.at(-1)?.text ?? ""));
        }
      }
      return [...identities, { kind: "frame", readings, waves: [] }];
    },
  };
}

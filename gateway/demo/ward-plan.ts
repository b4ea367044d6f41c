import { bedOf, type WardBeds } from "../access/wards.ts";

/**
 * The ward of the demo: which simulated device stands where, on which kind of line. Every bed has a pulse oximeter, by turns
 * on a serial port and behind a serial device server; the rooms have what a ward building has.
 */
export interface PlannedDevice {
  readonly device: string;
  readonly model: string;
  /** As `wardgate simulate` takes it: `pty`, or a scheme. */
  readonly line: string;
  readonly kind: "serial" | "modbus" | "opcua";
}

/** 6 to 60 beds. */
export function wardPlan(beds: number): PlannedDevice[] {
  const monitors = Array.from({ length: beds }, (_, place) => monitorOf(place + 1));
  return [
    ...monitors,
    { device: "room-1/pressure", model: "tsi-rpc30", line: "modbus-tcp", kind: "modbus" },
    { device: "room-2/pressure", model: "tsi-rpc30", line: "pty", kind: "modbus" },
    {
      device: "theatre-1/insulation",
      model: "bender-comtraxx",
      line: "modbus-tcp",
      kind: "modbus",
    },
    { device: "incubator-1", model: "lads-incubator", line: "opc.tcp", kind: "opcua" },
  ];
}

/** Two wards with half of the beds each, and what the building has. */
export function demoWards(planned: readonly Pick<PlannedDevice, "device">[]): WardBeds[] {
  const places = [...new Set(planned.map(({ device }) => bedOf(device)))];
  const beds = places.filter((place) => place.startsWith("bed-"));
  const half = Math.ceil(beds.length / 2);
  return [
    { ward: "north", beds: beds.slice(0, half) },
    { ward: "south", beds: beds.slice(half) },
    { ward: "building", beds: places.filter((place) => !beds.includes(place)) },
  ];
}

export const BEDS_MIN = 6;
export const BEDS_MAX = 60;

function monitorOf(bed: number): PlannedDevice {
  const device = `bed-${bed}/monitor`;
  return bed % 2 === 1
    ? { device, model: "nonin-oem3-format2", line: bed % 4 === 1 ? "pty" : "tcp", kind: "serial" }
    : { device, model: "masimo-ascii1", line: bed % 4 === 2 ? "tcp" : "pty", kind: "serial" };
}

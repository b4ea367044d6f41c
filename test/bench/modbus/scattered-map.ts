import { driver as genericModbus } from "../../../gateway/devices/generic-modbus/driver.ts";
import type { ModbusDriver, RegisterBlock } from "../../../gateway/devices/device.ts";
import { seeded } from "../../fakes/modbus-bus.ts";

/** The generic driver without a pace: as soon as one poll has ended the next begins. */
export const AS_FAST_AS_IT_GOES: ModbusDriver = {
  ...genericModbus,
  polls: (options) => genericModbus.polls(options).map((poll) => ({ ...poll, everyMs: 0 })),
};

/** So many different registers of the first so many, the same ones every time, in the order of their numbers. */
export function scattered(count: number, registers: number): number[] {
  const random = seeded(7);
  const all = Array.from({ length: registers }, (_, register) => register);
  const chosen = Array.from({ length: count }, () =>
    all.splice(Math.floor(random() * all.length), 1),
  );
  return chosen.flat().sort((a, b) => a - b);
}

/** Each register on its own, as a planner gets them. */
export function blocksOf(addresses: readonly number[]): RegisterBlock[] {
  return addresses.map((address) => ({ function: 3, address, count: 1 }));
}

/** A register map with these holding registers. */
export function mapOf(addresses: readonly number[], inFlight: number): string {
  return JSON.stringify({
    title: "Bench",
    maker: "none",
    model: "none",
    source: "none",
    addressBase: 0,
    inFlight,
    points: addresses.map((address) => ({
      code: `BENCH_${address}`,
      function: 3,
      address,
      type: "uint16",
      unit: "1",
    })),
  });
}

import type { ModbusSimulator } from "../modbus-simulator.ts";
import { NO_SUCH_REGISTER } from "../modbus-simulator.ts";
import { makeSwing } from "../swing.ts";

/**
 * The IT system of an operating room: insulation resistance, mains voltage, leakage capacitance, load, transformer
 * temperature, fault location, a channel that is measured too high, and a status code. Sensor off: the first two channels
 * become invalid, as when the earth connection is lost.
 */
export const simulator: ModbusSimulator = {
  model: "bender-comtraxx",
  unit: 3,
  open: ({ seed }) => {
    const insulation = makeSwing(seed, { low: 180_000, high: 420_000, periodS: 53 });
    const voltage = makeSwing(seed + 1, { low: 228.5, high: 231.5, periodS: 19 });
    const load = makeSwing(seed + 2, { low: 12, high: 46, periodS: 37 });
    const temperature = makeSwing(seed + 3, { low: 38, high: 44, periodS: 301 });
    return ({ function: code, address, count }, { seconds, sensorOff }) => {
      const words = [
        ...(sensorOff ? LOST_EARTH : channel(steps(insulation(seconds), 1000), OHM, 71)),
        ...(sensorOff ? LOST_EARTH : channel(steps(voltage(seconds), 0.5), VOLT, 76)),
        ...channel(2.5e-7, FARAD, 82),
        ...channel(steps(load(seconds), 1), PERCENT, 1022),
        ...channel(steps(temperature(seconds), 0.5), CELSIUS, 1022),
        ...channel(50, PERCENT, 1022),
        ...channel(1_000_000, OHM | TRUE_VALUE_HIGHER, 71),
        ...channel(3, CODE, 1022),
      ];
      const first = address - FIRST_REGISTER;
      return (code !== 3 && code !== 4) || first < 0 || first + count > words.length
        ? NO_SUCH_REGISTER
        : words.slice(first, first + count);
    };
  },
};

/** The value as a device shows it, which counts in steps. */
function steps(value: number, step: number): number {
  return Math.round(value / step) * step;
}

function channel(value: number, status: number, description: number): number[] {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  return [view.getUint16(0), view.getUint16(2), status, description];
}

const FIRST_REGISTER = 1000;
const OHM = 2;
const VOLT = 4;
const PERCENT = 5;
const FARAD = 8;
const CELSIUS = 10;
const CODE = 30;
const TRUE_VALUE_HIGHER = 0x80;
/** Value invalid, device error, "connection to earth". */
const LOST_EARTH = channel(0, 0x02_c0 | OHM, 102);

import type { ModbusSimulator } from "../modbus-simulator.ts";
import { NO_SUCH_REGISTER } from "../modbus-simulator.ts";
import { makeSwing } from "../swing.ts";

/** An isolation room at negative pressure whose door is opened now and then. Sensor off: humidity and temperature read 0. */
export const simulator: ModbusSimulator = {
  model: "tsi-rpc30",
  unit: 1,
  open: ({ seed }) => {
    const pressure = makeSwing(seed, { low: -0.031, high: -0.024, periodS: 23 });
    const supply = makeSwing(seed + 1, { low: 395, high: 410, periodS: 31 });
    const humidity = makeSwing(seed + 2, { low: 41, high: 47, periodS: 97 });
    const temperature = makeSwing(seed + 3, { low: 71.2, high: 72.4, periodS: 61 });
    return ({ function: code, address, count }, { seconds, sensorOff }) => {
      if (code !== 4 || address + count > MAP_WORDS) {
        return NO_SUCH_REGISTER;
      }
      const isOpen = (seconds + seed) % DOOR_PERIOD_S > DOOR_PERIOD_S - DOOR_OPEN_S;
      const words = Array.from({ length: MAP_WORDS }, () => 0);
      words[0] = Math.round(pressure(seconds) * (isOpen ? 500 : 10_000));
      words[1] = Math.round(supply(seconds));
      words[2] = 124;
      words[3] = sensorOff ? 0 : Math.round(humidity(seconds));
      words[4] = sensorOff ? 0 : Math.round(temperature(seconds) * 10);
      words[6] = Math.round(supply(seconds) * 1.12);
      words[7] = isOpen ? 2 : 1;
      words[8] = Math.round(pressure(seconds) * 40_000);
      words[9] = 1;
      words[11] = Math.round(temperature(seconds) * 8);
      words[13] = 1;
      words[14] = 2;
      return words.slice(address, address + count);
    };
  },
};

const MAP_WORDS = 16;
const DOOR_PERIOD_S = 40;
const DOOR_OPEN_S = 6;

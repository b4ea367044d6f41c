import type { ModbusSimulator } from "../modbus-simulator.ts";
import { NO_SUCH_REGISTER } from "../modbus-simulator.ts";
import { singleWords, twoWords } from "../register-table.ts";
import { makeSwing } from "../swing.ts";

/**
 * A -86 degree freezer that knows parameters and no rows of registers: it answers a request for exactly one of them and refuses every other.
 * Its door is opened now and then. Sensor off: thermocouples read -127.
 */
export const simulator: ModbusSimulator = {
  model: "thermo-freezer",
  unit: 1,
  open: ({ seed }) => {
    const inside = makeSwing(seed, { low: -81.2, high: -78.6, periodS: 71 });
    const room = makeSwing(seed + 1, { low: 21.5, high: 23.4, periodS: 233 });
    return ({ function: code, address, count }, { seconds, sensorOff }) => {
      const isOpen = (seconds + seed) % DOOR_PERIOD_S > DOOR_PERIOD_S - DOOR_OPEN_S;
      const parameters = new Map([
        [0x530, twoWords(-800)],
        [0x534, twoWords(0)],
        [0x538, twoWords(-700)],
        [0x53c, twoWords(-900)],
        [0x671, [isOpen ? 0 : PULL_DOWN_ATTAINED]],
        [0x674, twoWords(isOpen ? DOOR_1 : 0)],
      ]);
      for (const number of [2, 3, 4, 5, 6, 7, 8, 9, 10]) {
        const degrees = number < 7 ? inside(seconds) + 0.1 * number : room(seconds);
        const isFitted = number < 10 && !sensorOff;
        parameters.set(0x4cc + 4 * (number - 2), singleWords(isFitted ? degrees : NOT_FITTED));
      }
      const words = code === 3 ? parameters.get(address) : undefined;
      return words?.length === count ? words : NO_SUCH_REGISTER;
    };
  },
};

const DOOR_PERIOD_S = 120;
const DOOR_OPEN_S = 8;
const PULL_DOWN_ATTAINED = 1;
const DOOR_1 = 1 << 9;
const NOT_FITTED = -127;

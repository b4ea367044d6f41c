import type { ModbusSimulator } from "../modbus-simulator.ts";
import { NO_SUCH_REGISTER } from "../modbus-simulator.ts";
import { makeTable, readTable, singleWords, textWords, twoWords } from "../register-table.ts";
import { makeSwing } from "../swing.ts";

/** The device of the example map gas-panel.yaml, which exists nowhere. Sensor off: pressures that are not measured. */
export const simulator: ModbusSimulator = {
  model: "generic-modbus",
  unit: 1,
  open: ({ seed }) => {
    const oxygen = makeSwing(seed, { low: 405, high: 425, periodS: 47 });
    const air = makeSwing(seed + 1, { low: 398, high: 418, periodS: 59 });
    const vacuum = makeSwing(seed + 2, { low: -63, high: -57, periodS: 31 });
    const flow = makeSwing(seed + 3, { low: 180, high: 320, periodS: 83 });
    return (request, { seconds, sensorOff }) => {
      if (request.function === 2) {
        return request.address === 0 && request.count === 1 ? [1] : NO_SUCH_REGISTER;
      }
      const isLow = (seconds + seed) % LOW_PERIOD_S > LOW_PERIOD_S - LOW_S;
      const volume = 1_234_567_890 + Math.floor(4 * seconds);
      const table = makeTable([
        [0, [sensorOff ? 0xff_ff : Math.round(10 * (oxygen(seconds) - (isLow ? 60 : 0)))]],
        [1, [sensorOff ? 0xff_ff : Math.round(10 * air(seconds))]],
        [2, [sensorOff ? 0x80_00 : Math.round(10 * vacuum(seconds)) & 0xff_ff, 0]],
        [8, [sensorOff ? ALL_FAULTS : isLow ? OXYGEN_LOW : 0, 1]],
        [20, [...singleWords(flow(seconds)), 0, 0, ...twoWords(volume)]],
        [40, textWords(`SIM-${seed}`, 8)],
      ]);
      return request.function === 3 ? readTable(table, request) : NO_SUCH_REGISTER;
    };
  },
};

const LOW_PERIOD_S = 60;
const LOW_S = 6;
const OXYGEN_LOW = 0b01;
const ALL_FAULTS = 0b11_11_11;

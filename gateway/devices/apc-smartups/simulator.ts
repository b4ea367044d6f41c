import type { ModbusSimulator } from "../modbus-simulator.ts";
import { NO_SUCH_REGISTER } from "../modbus-simulator.ts";
import { makeTable, readTable, textWords, twoWords } from "../register-table.ts";
import { makeSwing } from "../swing.ts";

/**
 * A Smart-UPS on the mains that goes to battery for a while now and then. Like the real one it gives zeros for what lies between its registers, and
 * refuses a request that begins where there is none. Sensor off: no input voltage, and no efficiency.
 */
export const simulator: ModbusSimulator = {
  model: "apc-smartups",
  unit: 1,
  open: ({ seed }) => {
    const input = makeSwing(seed, { low: 226, high: 233, periodS: 41 });
    const load = makeSwing(seed + 1, { low: 22, high: 31, periodS: 67 });
    const warmth = makeSwing(seed + 2, { low: 24, high: 26, periodS: 401 });
    return (request, { seconds, sensorOff }) => {
      const phase = (seconds + seed) % PERIOD_S;
      const onBatteryS = Math.max(0, phase - (PERIOD_S - BATTERY_S));
      const charge = 100 - 0.2 * onBatteryS;
      const status = onBatteryS > 0 ? ON_BATTERY | INPUT_BAD : ONLINE;
      const table = makeTable([
        [0, [...twoWords(status), onBatteryS > 0 ? CAUSE_LOW_INPUT : CAUSE_ACCEPTABLE]],
        [18, [0]],
        [20, [0, 0, 0, TEST_PASSED]],
        [128, [...twoWords(Math.round(18 * charge)), Math.round(512 * charge)]],
        [131, [Math.round(32 * (onBatteryS > 0 ? 25.2 : 27.3))]],
        [135, [Math.round(128 * warmth(seconds)), Math.round(256 * load(seconds))]],
        [138, [Math.round(256 * (load(seconds) + 2))]],
        [140, [Math.round(32 * 1.6)]],
        [142, [Math.round(64 * 230)]],
        [144, [Math.round(128 * 50)]],
        [151, [sensorOff ? NO_VOLTAGE : Math.round(64 * (onBatteryS > 0 ? 0 : input(seconds)))]],
        [154, [sensorOff || onBatteryS > 0 ? NO_EFFICIENCY : Math.round(128 * 96.5)]],
        [516, textWords("UPS 09.8 (ID18)", 8)],
        [532, textWords("Smart-UPS 1500 (simulated)", 16)],
        [564, textWords(`SIM${String(seed).padStart(9, "0")}`, 8)],
      ]);
      return request.function === 3 ? readTable(table, request) : NO_SUCH_REGISTER;
    };
  },
};

const PERIOD_S = 180;
const BATTERY_S = 20;
/* UPSStatus_BF. */
const ONLINE = 1 << 1;
const ON_BATTERY = 1 << 2;
const INPUT_BAD = 1 << 6;
const CAUSE_LOW_INPUT = 2;
const CAUSE_ACCEPTABLE = 8;
const TEST_PASSED = 1 << 2;
const NO_VOLTAGE = 0xff_ff;
/** -4, "on battery". */
const NO_EFFICIENCY = 0xff_fc;

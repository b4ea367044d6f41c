import { inSteps, isDoorOpen } from "../cabinet.ts";
import type { OpcuaSimulator } from "../opcua-simulator.ts";
import { makeSwing } from "../swing.ts";

/** The refrigerator of the example table. */
export const simulator: OpcuaSimulator = {
  model: "generic-opcua",
  folder: "Refrigerator",
  variables: [
    {
      name: "Temperature",
      type: "Float",
      scale: { unitId: 4_408_652, symbol: "°C", range: { low: -40, high: 60 } },
      value: (seconds, seed) => {
        const cold = makeSwing(seed, { low: 4.2, high: 5.8, periodS: 41 })(seconds);
        return inSteps(cold + (isDoorOpen(seconds, seed) ? 1.5 : 0), 0.1);
      },
    },
    {
      name: "Humidity",
      type: "Double",
      scale: { unitId: 20_529, symbol: "%", range: { low: 0, high: 100 } },
      value: (seconds, seed) =>
        inSteps(makeSwing(seed + 1, { low: 40, high: 55, periodS: 89 })(seconds), 0.5),
    },
    { name: "DoorOpen", type: "Boolean", value: isDoorOpen },
    {
      name: "CompressorStarts",
      type: "UInt32",
      value: (seconds, seed) => 1000 * seed + Math.floor(seconds / 60),
    },
  ],
};

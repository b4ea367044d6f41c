import { inSteps, isDoorOpen } from "../cabinet.ts";
import type { LadsSimulator } from "../lads-simulator.ts";
import { makeSwing } from "../swing.ts";

/** A cooler for blood with a freezer in it: two functional units with controls, sensors and doors. */
export const simulator: LadsSimulator = {
  model: "lads-device",
  device: "BloodCooler",
  units: [
    {
      name: "Cooler",
      sensors: [
        {
          name: "Air Temperature",
          unitId: 4_408_652,
          symbol: "°C",
          range: { low: -20, high: 60 },
          value: (seconds, seed) => {
            const cold = makeSwing(seed, { low: 3.4, high: 4.6, periodS: 59 })(seconds);
            return inSteps(cold + (isDoorOpen(seconds, seed) ? 1.2 : 0), 0.1);
          },
        },
        {
          name: "RelativeHumidity",
          unitId: 20_529,
          symbol: "%",
          range: { low: 0, high: 100 },
          value: (seconds, seed) =>
            inSteps(makeSwing(seed + 1, { low: 55, high: 65, periodS: 97 })(seconds), 1),
        },
      ],
      controls: [
        {
          name: "TemperatureController",
          unitId: 4_408_652,
          symbol: "°C",
          range: { low: -20, high: 60 },
          target: 4,
          value: (seconds, seed) =>
            inSteps(makeSwing(seed + 2, { low: 3.8, high: 4.2, periodS: 83 })(seconds), 0.01),
        },
      ],
      switches: [
        {
          name: "Compressor",
          value: (seconds, seed) =>
            makeSwing(seed, { low: 0, high: 1, periodS: 59 })(seconds) > 0.5,
        },
      ],
      covers: [
        {
          name: "Door",
          state: (seconds, seed) => (isDoorOpen(seconds, seed) ? "Opened" : "Closed"),
        },
      ],
    },
    {
      name: "Freezer",
      sensors: [
        {
          name: "Air Temperature",
          unitId: 4_408_652,
          symbol: "°C",
          range: { low: -60, high: 60 },
          value: (seconds, seed) =>
            inSteps(makeSwing(seed + 3, { low: -31.5, high: -29.5, periodS: 67 })(seconds), 0.1),
        },
      ],
      covers: [{ name: "Lid", state: () => "Closed" }],
    },
  ],
};

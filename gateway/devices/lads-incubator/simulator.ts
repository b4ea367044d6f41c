import type { LadsSimulator } from "../lads-simulator.ts";
import { inSteps, isDoorOpen } from "../cabinet.ts";
import { makeSwing } from "../swing.ts";

/** A CO2 incubator in steady state whose door is opened now and then, which lets warmth and CO2 out. */
export const simulator: LadsSimulator = {
  model: "lads-incubator",
  device: "Incubator",
  units: [
    {
      name: "Chamber",
      sensors: [
        {
          name: "Temperature",
          unitId: 4_408_652,
          symbol: "°C",
          range: { low: 0, high: 60 },
          value: (seconds, seed) => {
            const warm = makeSwing(seed, { low: 36.9, high: 37.1, periodS: 47 })(seconds);
            return inSteps(warm - (isDoorOpen(seconds, seed) ? 0.8 : 0), 0.01);
          },
        },
        {
          name: "CO2",
          unitId: 20_529,
          symbol: "%",
          range: { low: 0, high: 20 },
          value: (seconds, seed) => {
            const rich = makeSwing(seed + 1, { low: 4.95, high: 5.05, periodS: 71 })(seconds);
            return inSteps(rich - (isDoorOpen(seconds, seed) ? 1.5 : 0), 0.01);
          },
        },
        {
          name: "Humidity",
          unitId: 20_529,
          symbol: "%",
          range: { low: 0, high: 100 },
          value: (seconds, seed) =>
            inSteps(makeSwing(seed + 2, { low: 93, high: 96, periodS: 113 })(seconds), 0.1),
        },
      ],
      covers: [
        {
          name: "Door",
          state: (seconds, seed) => (isDoorOpen(seconds, seed) ? "Opened" : "Closed"),
        },
      ],
    },
  ],
};

import { simulator as masimoAscii1 } from "./masimo-ascii1/simulator.ts";
import { simulator as noninOem3Format2 } from "./nonin-oem3-format2/simulator.ts";
import type { StreamSimulator } from "./simulator.ts";

/** Every simulated stream device, one line a model. Apart from the catalog, so that the gateway does not load them. */
export const STREAM_SIMULATORS: readonly StreamSimulator[] = [noninOem3Format2, masimoAscii1];

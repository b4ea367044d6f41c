import { simulator as benderComtraxx } from "./bender-comtraxx/simulator.ts";
import { simulator as ladsIncubator } from "./lads-incubator/simulator.ts";
import type { LadsSimulator } from "./lads-simulator.ts";
import { simulator as masimoAscii1 } from "./masimo-ascii1/simulator.ts";
import type { ModbusSimulator } from "./modbus-simulator.ts";
import { simulator as noninOem3Format2 } from "./nonin-oem3-format2/simulator.ts";
import type { StreamSimulator } from "./simulator.ts";
import { simulator as tsiRpc30 } from "./tsi-rpc30/simulator.ts";

/** Every simulated stream device, one line a model. Apart from the catalog, so that the gateway does not load them. */
export const STREAM_SIMULATORS: readonly StreamSimulator[] = [noninOem3Format2, masimoAscii1];

/** Every simulated Modbus device. */
export const MODBUS_SIMULATORS: readonly ModbusSimulator[] = [tsiRpc30, benderComtraxx];

/** Every simulated LADS device. */
export const LADS_SIMULATORS: readonly LadsSimulator[] = [ladsIncubator];

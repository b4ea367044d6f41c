import {
  LADS_SIMULATORS,
  MODBUS_SIMULATORS,
  OPCUA_SIMULATORS,
  STREAM_SIMULATORS,
} from "../devices/simulators.ts";
import { WardError } from "../errors.ts";
import type { Simulator } from "./host.ts";
import { ladsSimulator, opcuaSimulator } from "./lads-host.ts";
import { modbusSimulator } from "./modbus-host.ts";
import { streamSimulator } from "./stream-host.ts";

/** Every model that can be simulated. What costs time or memory to load is loaded at `start`. */
export const SIMULATORS: readonly Simulator[] = [
  ...STREAM_SIMULATORS.map(streamSimulator),
  ...MODBUS_SIMULATORS.map(modbusSimulator),
  ...LADS_SIMULATORS.map(ladsSimulator),
  ...OPCUA_SIMULATORS.map(opcuaSimulator),
];

/** The simulator of a model; throws WardError `WARD_UNKNOWN_MODEL`. */
export function needSimulator(model: string): Simulator {
  const simulator = SIMULATORS.find((known) => known.model === model);
  if (simulator === undefined) {
    throw new WardError(
      "WARD_UNKNOWN_MODEL",
      `Cannot simulate model "${model.slice(0, 64)}": there is no simulator for it. wardgate devices list shows every model.`,
    );
  }
  return simulator;
}

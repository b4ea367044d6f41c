import type { LadsSimulator } from "../devices/lads-simulator.ts";
import type { Simulator } from "./host.ts";

/** Makes a pure LADS simulator start-able as an OPC-UA server; the server's code is loaded when it is started. */
export function ladsSimulator(simulator: LadsSimulator): Simulator {
  return {
    model: simulator.model,
    lines: ["opc.tcp"],
    start: async (request) => {
      const { startLadsServer } = await import("./opcua-server.ts");
      return startLadsServer(simulator, request);
    },
  };
}

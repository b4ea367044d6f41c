import type { LadsSimulator } from "../devices/lads-simulator.ts";
import type { OpcuaSimulator } from "../devices/opcua-simulator.ts";
import type { Simulator } from "./host.ts";

/** Makes a pure LADS simulator start-able as an OPC-UA server; the server's code is loaded when it is started. */
export function ladsSimulator(simulator: LadsSimulator): Simulator {
  return {
    model: simulator.model,
    lines: ["opc.tcp"],
    start: async (request) => {
      const [{ shownLads }, { startOpcuaServer }] = await Promise.all([
        import("./opcua-lads.ts"),
        import("./opcua-server.ts"),
      ]);
      return startOpcuaServer(shownLads(simulator), request);
    },
  };
}

/** The same for a device that follows no companion specification. */
export function opcuaSimulator(simulator: OpcuaSimulator): Simulator {
  return {
    model: simulator.model,
    lines: ["opc.tcp"],
    start: async (request) => {
      const [{ shownTable }, { startOpcuaServer }] = await Promise.all([
        import("./opcua-table.ts"),
        import("./opcua-server.ts"),
      ]);
      return startOpcuaServer(shownTable(simulator), request);
    },
  };
}

import type { DeviceOptions, ModbusDriver } from "../device.ts";
import { pollsOf } from "./map-polls.ts";
import { parseMap } from "./register-map.ts";

/**
 * A Modbus device that the site describes itself, in the option `map`: where its registers are and what they say. README.md says how;
 * register-map.schema.json is for editors.
 */
export const driver: ModbusDriver = {
  kind: "modbus",
  facts: {
    model: "generic-modbus",
    maker: "any",
    protocol: "Modbus registers, as the site describes them",
    lines: ["modbus-tcp", "modbus-rtu", "modbus-ascii", "modbus-rtu+tcp"],
    evidence: "B",
    mode: "active",
    source: "the document that the map names",
    quietMs: 15_000,
  },
  serial: { baud: 19_200, format: "8E1", flow: "none" },
  options: [
    {
      name: "map",
      doc: "Where the registers are and what they say: a JSON text, see README.md of generic-modbus",
      // No example: registers of another device would be read as what the example says.
      default: "",
      multiline: true,
    },
  ],
  problems: (options) => parseMap(mapText(options)).problems,
  polls: (options) => {
    const { map } = parseMap(mapText(options));
    return map === null ? [] : pollsOf(map);
  },
  limits: (options) => parseMap(mapText(options)).map?.limits ?? {},
};

function mapText(options: DeviceOptions): string {
  return String(options["map"] ?? "");
}

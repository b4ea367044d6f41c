import type { ModbusDriver } from "../device.ts";
import { pollsOf } from "../generic-modbus/map-polls.ts";
import type { RegisterMap } from "../generic-modbus/register-map.ts";
import { needMap } from "../generic-modbus/register-map.ts";
import description from "./map.json" with { type: "json" };

let map: RegisterMap | null = null;

/**
 * APC Smart-UPS with Modbus in the unit or in its network card: status, battery, load and mains, all with function 3. Its values count in
 * binary fractions (1/512 per cent of charge, 1/64 volt), which are decimals without rounding. Register map in map.json.
 */
export const driver: ModbusDriver = {
  kind: "modbus",
  facts: {
    model: "apc-smartups",
    maker: "APC by Schneider Electric",
    protocol: "Modbus, Smart-UPS register map (function 3)",
    lines: ["modbus-tcp", "modbus-rtu", "modbus-rtu+tcp"],
    evidence: "A",
    mode: "active",
    source:
      "APC Modbus Register Map: Smart-UPS, 990-9840; independent published code for its registers",
    quietMs: 15_000,
  },
  serial: { baud: 9600, format: "8N1", flow: "none" },
  options: [],
  polls: () => pollsOf(mapOf()),
  limits: () => mapOf().limits,
};

/** Read when the first device of this model is: most gateways have none. */
function mapOf(): RegisterMap {
  map ??= needMap(description);
  return map;
}

import type { DeviceOptions, ModbusDriver } from "../device.ts";
import { pollsOf } from "../generic-modbus/map-polls.ts";
import type { RegisterMap } from "../generic-modbus/register-map.ts";
import { needMap } from "../generic-modbus/register-map.ts";

/**
 * Thermo Scientific -86 degree freezers (TSX, TDE, Isotemp): Modbus ASCII, function 3, "Modbus ASCII Parameter Table" of their manuals. Their
 * addresses are no row of registers: a parameter of two registers has the addresses of four bytes, so each is asked for alone. Two
 * status words stand at other addresses in the table than in its own examples; the site says which of them its freezer answers.
 */
export const driver: ModbusDriver = {
  kind: "modbus",
  facts: {
    model: "thermo-freezer",
    maker: "Thermo Scientific",
    protocol: "Modbus ASCII, parameter table (function 3)",
    lines: ["modbus-ascii", "modbus-tcp"],
    evidence: "A",
    mode: "active",
    source:
      "Isotemp -86 C manual, appendix B, pages 24-34; TSX Series, appendix D; TDE Series, appendix B",
    quietMs: 30_000,
  },
  serial: { baud: 9600, format: "7E1", flow: "none" },
  options: [
    {
      name: "system-status",
      doc: 'Hexadecimal address of the system status: the manual says 671 in its table and 66F in its example; "none" leaves it out',
      default: "none",
      choices: ["none", "671", "66F"],
    },
    {
      name: "enclosure-status",
      doc: 'Hexadecimal address of the relay enclosure status with the doors: 674 in the table, 670 in the example; "none" leaves it out',
      default: "none",
      choices: ["none", "674", "670"],
    },
  ],
  polls: (options) => pollsOf(mapOf(options)),
  limits: (options) => mapOf(options).limits,
};

function mapOf(options: DeviceOptions): RegisterMap {
  return needMap({
    title: "Freezer",
    maker: "Thermo Scientific",
    model: "TSX, TDE, Isotemp -86 C",
    source: driver.facts.source,
    addressBase: 0,
    apart: true,
    pollMs: { normal: 5000, slow: 60_000 },
    points: [
      ...SETPOINTS.map(([code, address]) => setpoint(code, address)),
      ...Array.from({ length: THERMOCOUPLES }, (_, place) => thermocouple(place + 2)),
      ...systemStatus(addressOf(options["system-status"])),
      ...enclosureStatus(addressOf(options["enclosure-status"])),
    ],
  });
}

const SETPOINTS = [
  ["THERMO_CABINET_SETPOINT", 0x530],
  ["THERMO_CALIBRATION_OFFSET", 0x534],
  ["THERMO_WARM_ALARM_SETPOINT", 0x538],
  ["THERMO_COLD_ALARM_SETPOINT", 0x53c],
] as const;

/** TC2 to TC10. Which place each measures is in the service manual only, and the address of TC1 was not to be read. */
const THERMOCOUPLES = 9;
const TC2_ADDRESS = 0x4cc;
const PARAMETER_ADDRESSES = 4;

function setpoint(code: string, address: number): object {
  const scale = { numerator: 1, denominator: 10 };
  return { code, function: 3, address, type: "int32", scale, unit: "Cel", poll: "slow" };
}

/** The manuals show -127 where nothing seems to be connected. */
function thermocouple(number: number): object {
  return {
    code: `THERMO_TC${number}`,
    function: 3,
    address: TC2_ADDRESS + PARAMETER_ADDRESSES * (number - 2),
    type: "float32",
    unit: "Cel",
    invalid: [-127],
  };
}

const NO_YES = { 0: "no", 1: "yes" } as const;
const DOOR = { 0: "closed", 1: "open" } as const;

function systemStatus(address: number | null): object[] {
  const fields = [
    { code: "THERMO_PULL_DOWN_ATTAINED", bit: 0, words: NO_YES },
    { code: "THERMO_POWER_FAILURE", bit: 1, words: NO_YES },
    { code: "THERMO_SERVICE_MODE", bit: 3, words: NO_YES },
    { code: "THERMO_MAIN_SHUTDOWN", bit: 4, words: NO_YES },
  ];
  return address === null
    ? []
    : [{ code: "THERMO_SYSTEM_STATUS", function: 3, address, type: "bits", fields }];
}

function enclosureStatus(address: number | null): object[] {
  const fields = [
    { code: "THERMO_SHORT_CYCLE", bit: 6, words: NO_YES },
    { code: "THERMO_DOOR_1", bit: 9, words: DOOR },
    { code: "THERMO_DOOR_2", bit: 10, words: DOOR },
    { code: "THERMO_WARM_ALARM_TEST", bit: 11, words: NO_YES },
  ];
  return address === null
    ? []
    : [
        {
          code: "THERMO_ENCLOSURE_STATUS",
          function: 3,
          address,
          type: "bits",
          count: 2,
          fields,
        },
      ];
}

/** A hexadecimal address of an option, or null for "none". */
function addressOf(option: unknown): number | null {
  return typeof option === "string" && /^[0-9A-F]{3}$/.test(option)
    ? Number.parseInt(option, 16)
    : null;
}

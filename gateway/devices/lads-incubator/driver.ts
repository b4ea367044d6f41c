import { LADS_NAMESPACE as LADS, ladsState } from "../lads-states.ts";
import { OPCUA_NAMESPACE as OPC } from "../opcua-place.ts";
import { meaningOf } from "../status-code.ts";
import type {
  DeviceOptions,
  DriverFacts,
  Measured,
  OpcuaChange,
  OpcuaDriver,
  OpcuaPoint,
  OptionSpec,
  Output,
} from "../device.ts";

/**
 * An incubator that follows the OPC-UA companion specification LADS (OPC 30500-1): sensors of its first functional unit
 * (AnalogScalarSensorFunctionType) and its door (CoverFunctionType). LADS fixes the tree, the maker names
 * the device, the unit and the functions; those names are options.
 */
export const driver: OpcuaDriver = {
  kind: "opcua",
  facts: {
    model: "lads-incubator",
    maker: "LADS (OPC 30500-1)",
    protocol: "OPC-UA, companion specification LADS",
    lines: ["opc.tcp"],
    evidence: "B",
    mode: "active",
    source: "OPC 30500-1 LADS 1.0.0, nodeset of 2023-11-30",
    quietMs: 20_000,
  } satisfies DriverFacts,
  options: [
    { name: "device", doc: "Name of the device below DeviceSet; * for the only one", default: "*" },
    { name: "unit", doc: "Name of the functional unit; * for the only one", default: "*" },
    {
      name: "temperature",
      doc: "Name of the temperature sensor, or empty",
      default: "Temperature",
    },
    { name: "co2", doc: "Name of the CO2 sensor, or empty", default: "CO2" },
    { name: "humidity", doc: "Name of the humidity sensor, or empty", default: "Humidity" },
    { name: "door", doc: "Name of the door, or empty", default: "Door" },
  ] satisfies readonly OptionSpec[],
  samplingMs: 1000,
  points,
  decode,
};

const DI = "http://opcfoundation.org/UA/DI/";

/** UNECE unit ids that a sensor may declare in EngineeringUnits (OPC 10000-8, EUInformation), for the unit that we give. */
const DEGREES_CELSIUS = [4_408_652] as const;
const PERCENT = [20_529] as const;

const SENSORS = [
  { option: "temperature", code: "LADS_TEMPERATURE", unit: "Cel", unitIds: DEGREES_CELSIUS },
  { option: "co2", code: "LADS_CO2_CONCENTRATION", unit: "%", unitIds: PERCENT },
  { option: "humidity", code: "LADS_RELATIVE_HUMIDITY", unit: "%", unitIds: PERCENT },
] as const;
const DOOR = "LADS_DOOR";

function points(options: DeviceOptions): readonly OpcuaPoint[] {
  const steps = [
    `${DI};DeviceSet`,
    nameOf(options, "device"),
    `${LADS};FunctionalUnitSet`,
    nameOf(options, "unit"),
    `${LADS};FunctionSet`,
  ];
  const found: OpcuaPoint[] = [];
  for (const [place, { option, code, unit, unitIds }] of SENSORS.entries()) {
    const name = nameOf(options, option);
    if (name !== "") {
      const node = [...steps, name, `${LADS};SensorValue`].join(" > ");
      found.push({ node, code, mdc: null, unit, path: `1.1.${place + 1}`, unitIds });
    }
  }
  const door = nameOf(options, "door");
  if (door !== "") {
    const state = [`${LADS};CoverState`, `${OPC};CurrentState`, `${OPC};Id`];
    const node = [...steps, door, ...state].join(" > ");
    found.push({ node, code: DOOR, mdc: null, unit: "1", path: "1.2.1" });
  }
  return found;
}

function decode(point: OpcuaPoint, change: OpcuaChange): Output[] {
  const { code, mdc, unit, path } = point;
  const base = { code, mdc, unit, path, deviceAt: change.sourceAt };
  const { usable, quality } = meaningOf(change.statusCode);
  const value = usable ? valueOf(code, change.value) : null;
  const reading: Measured =
    value === null
      ? { ...base, value, text: "", quality: usable ? ["invalid"] : quality }
      : { ...base, value, text: String(value), quality };
  return [{ kind: "frame", readings: [reading], waves: [] }];
}

function valueOf(code: string, value: OpcuaChange["value"]): number | string | null {
  if (code === DOOR) {
    return typeof value === "string" ? ladsState(value) : null;
  }
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function nameOf(options: DeviceOptions, name: string): string {
  const fallback = driver.options.find((option) => option.name === name)?.default;
  return String(options[name] ?? fallback ?? "").trim();
}

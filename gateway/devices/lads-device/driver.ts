import type {
  DeviceOptions,
  DriverFacts,
  Measured,
  OpcuaChange,
  OpcuaDriver,
  OpcuaPoint,
  Output,
} from "../device.ts";
import { ladsState } from "../lads-states.ts";
import { meaningOf } from "../status-code.ts";
import { choosePoints, DEVICE_HEALTH, followsNode, ROOT } from "./lads-tree.ts";

/**
 * Any device that follows the OPC-UA companion specification LADS (OPC 30500-1): its functional units and their sensors, controls, covers and
 * states are found by the types of the specification, and named as the maker named them.
 */
export const driver: OpcuaDriver = {
  kind: "opcua",
  facts: {
    model: "lads-device",
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
    { name: "unit", doc: "Name of the functional unit; * for all", default: "*" },
  ],
  samplingMs: 1000,
  discovery: { root: ROOT, follows: followsNode, choose: choosePoints },
  points: () => [],
  decode,
};

function decode(point: OpcuaPoint, change: OpcuaChange, _options: DeviceOptions): Output[] {
  const { code, mdc, unit, path } = point;
  const { usable, quality } = meaningOf(change.statusCode);
  const value = usable ? valueOf(code, change.value) : null;
  const reading: Measured = {
    code,
    mdc,
    unit,
    path,
    value,
    text: value === null ? "" : String(value),
    quality: value === null && usable ? ["invalid"] : quality,
    deviceAt: change.sourceAt,
  };
  return [{ kind: "frame", readings: [reading], waves: [] }];
}

function valueOf(code: string, value: OpcuaChange["value"]): number | string | null {
  switch (typeof value) {
    case "number":
      return code === DEVICE_HEALTH ? (HEALTH[value] ?? null) : value;
    case "boolean":
      return String(value);
    case "string":
      // The node of a state: its name depends on the language of the server.
      return ladsState(value);
    default:
      return null;
  }
}

/** DeviceHealthEnumeration of OPC 10000-100, after NAMUR NE 107. */
const HEALTH: readonly string[] = [
  "normal",
  "failure",
  "check-function",
  "off-spec",
  "maintenance-required",
];

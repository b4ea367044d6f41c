import type {
  DeviceOptions,
  Measured,
  OpcuaChange,
  OpcuaDriver,
  OpcuaPoint,
  OpcuaWatching,
  Output,
} from "../device.ts";
import { meaningOf } from "../status-code.ts";
import type { TablePoint } from "./point-table.ts";
import { parseTable } from "./point-table.ts";
import example from "./tables/example-fridge.json" with { type: "json" };

/**
 * Any device with an OPC-UA server, read by a table of points that the site writes itself, in the option `points`: which node is what,
 * in which unit. README.md says how; point-table.schema.json is for editors.
 */
export const driver: OpcuaDriver = {
  kind: "opcua",
  facts: {
    model: "generic-opcua",
    maker: "any",
    protocol: "OPC-UA, points as the site describes them",
    lines: ["opc.tcp"],
    evidence: "B",
    mode: "active",
    source: "the document that the table names",
    quietMs: 20_000,
  },
  options: [
    {
      name: "points",
      doc: "What to read: a JSON text, see README.md of generic-opcua. The default is an example",
      default: JSON.stringify(example, null, 2),
      multiline: true,
    },
    {
      name: "sampling",
      doc: "The server looks at each variable this often",
      default: 1000,
      minimum: 50,
      maximum: 60_000,
      unit: "ms",
    },
    {
      name: "publishing",
      doc: "The server tells what has changed this often; 0 for a quarter of the sampling",
      default: 0,
      minimum: 0,
      maximum: 5000,
      unit: "ms",
    },
    {
      name: "queue",
      doc: "Values of one variable that the server keeps until it tells them",
      default: 10,
      minimum: 1,
      maximum: 1000,
    },
    {
      name: "call",
      doc: "Variables in one request to the server, at most; what the server states itself counts too",
      default: 100,
      minimum: 1,
      maximum: 1000,
    },
  ],
  problems: (options) => parseTable(textOf(options)).problems,
  samplingMs: 1000,
  watching,
  points,
  decode,
};

function watching(options: DeviceOptions): OpcuaWatching {
  const publishingMs = numberOf(options, "publishing", 0);
  return {
    samplingMs: numberOf(options, "sampling", driver.samplingMs),
    ...(publishingMs > 0 ? { publishingMs } : {}),
    queueSize: numberOf(options, "queue", 10),
    itemsPerCall: numberOf(options, "call", 100),
  };
}

function points(options: DeviceOptions): readonly OpcuaPoint[] {
  const { table } = parseTable(textOf(options));
  return (table?.points ?? []).map((row) => {
    const { node, code, mdc, unit, path, unitIds, deadband } = row;
    const point: OpcuaPoint = {
      node,
      code,
      mdc,
      unit,
      path,
      ...(unitIds.length > 0 ? { unitIds, unitMayMiss: true } : {}),
      ...(deadband === null ? {} : { deadband }),
    };
    rows.set(point, row);
    return point;
  });
}

/** The row of the table that each point was made of. */
const rows = new WeakMap<OpcuaPoint, TablePoint>();

function decode(point: OpcuaPoint, change: OpcuaChange): Output[] {
  const { code, mdc, unit, path } = point;
  const { usable, quality } = meaningOf(change.statusCode);
  const value = usable ? valueOf(change.value, rows.get(point), unit) : null;
  const reading: Measured = {
    code,
    mdc,
    unit,
    path,
    value,
    text: value === null ? "" : String(value),
    quality: value === null && usable ? INVALID : quality,
    deviceAt: change.sourceAt,
  };
  return [{ kind: "frame", readings: [reading], waves: [] }];
}

function valueOf(
  value: OpcuaChange["value"],
  row: TablePoint | undefined,
  unit: string,
): number | string | null {
  if (value === null || (typeof value === "number" && !Number.isFinite(value))) {
    return null;
  }
  if (row?.words !== null && row?.words !== undefined) {
    return row.words.get(String(value)) ?? null;
  }
  if (typeof value === "number") {
    const range = row?.range ?? null;
    return range !== null && (value < range.low || value > range.high) ? null : value;
  }
  // Words have no unit: a text where a measurement was promised is none.
  return unit === "1" && value !== "" ? String(value) : null;
}

function textOf(options: DeviceOptions): string {
  return String(options["points"] ?? driver.options[0]?.default ?? "");
}

function numberOf(options: DeviceOptions, name: string, fallback: number): number {
  const value = options[name];
  return typeof value === "number" && Number.isFinite(value) ? value : fallback;
}

const INVALID: Measured["quality"] = ["invalid"];

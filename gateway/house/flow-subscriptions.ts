import type { Subscription } from "../rooms.ts";

/** Node-RED types that read a device, and those that hold a line. */
const SOURCES: ReadonlySet<string> = new Set(["ward-serial", "ward-modbus", "ward-opcua"]);

/**
 * The devices that a flow reads, without running it: what its source nodes and their line nodes say. Disabled nodes and tabs, and
 * nodes that are not filled in, are left out.
 */
export function flowSubscriptions(flow: readonly unknown[]): Subscription[] {
  const nodes = flow.filter(
    (node): node is Record<string, unknown> => typeof node === "object" && node !== null,
  );
  const byId = new Map(nodes.map((node) => [node["id"], node]));
  return nodes
    .filter((node) => SOURCES.has(String(node["type"])) && isEnabled(node, byId))
    .map((node) => subscriptionOf(node, byId.get(node["line"])))
    .filter((subscription) => subscription !== null);
}

function isEnabled(
  node: Record<string, unknown>,
  byId: ReadonlyMap<unknown, Record<string, unknown>>,
): boolean {
  return node["d"] !== true && byId.get(node["z"])?.["disabled"] !== true;
}

function subscriptionOf(
  node: Record<string, unknown>,
  line: Record<string, unknown> | undefined,
): Subscription | null {
  const { device, model, unit } = node;
  const url = line?.["url"];
  if (typeof device !== "string" || typeof model !== "string" || typeof url !== "string") {
    return null;
  }
  const number = unit === undefined || unit === "" ? Number.NaN : Number(unit);
  return {
    device,
    model,
    line: url,
    unit: node["type"] === "ward-modbus" && Number.isInteger(number) ? number : null,
    options: optionsOf(node["options"]),
  };
}

function optionsOf(rows: unknown): Subscription["options"] {
  const options: Record<string, string | number | boolean> = {};
  for (const row of Array.isArray(rows) ? rows : []) {
    const name: unknown = Reflect.get(Object(row), "name");
    const value: unknown = Reflect.get(Object(row), "value");
    if (
      typeof name === "string" &&
      (typeof value === "string" || typeof value === "number" || typeof value === "boolean")
    ) {
      options[name] = value;
    }
  }
  return options;
}

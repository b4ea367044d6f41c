import { isRecord, type Fields } from "./message-shape.ts";

/**
 * The built-in flow that runs when the engineer's flow keeps crashing: every source node of that flow, and the notices, wired
 * straight to one seal and one outbox. Values are stored, but neither checked nor filtered nor shown.
 *
 * Takes any value; what is not a usable source node in it is left out. Of several nodes for one device the first one counts.
 */
export function collectorFlow(flow: unknown): Fields[] {
  const nodes = Array.isArray(flow) ? flow.filter((node) => isRecord(node)) : [];
  const off = new Set(nodes.filter(isDisabledTab).map(idOf));
  const devices = new Set<unknown>();
  const sources = nodes.filter((node) => {
    const { type, device, z } = node;
    if (!SOURCE_TYPES.has(type) || isOff(node) || off.has(String(z)) || devices.has(device)) {
      return false;
    }
    devices.add(device);
    return true;
  });
  const wanted = new Set(sources.map((source) => source["line"]));
  const lines = nodes.filter(
    (node) => LINE_TYPES.has(node["type"]) && wanted.has(node["id"]) && !isOff(node),
  );
  return [
    { id: COLLECTOR_TAB, type: "tab", label: "Collector only", disabled: false, info: INFO },
    ...lines.map((line) => withoutPlace(line)),
    ...sources.map((source, row) => ({
      ...withoutPlace(source),
      z: COLLECTOR_TAB,
      x: COLUMNS.source,
      y: FIRST_ROW + ROW * (row + 1),
      wires: [[SEAL]],
    })),
    onTab({ id: "collector-notices", type: "ward-notices", wires: [[SEAL]] }, COLUMNS.source),
    onTab({ id: SEAL, type: "ward-seal", wires: [["collector-outbox"]] }, COLUMNS.seal),
    onTab({ id: "collector-outbox", type: "ward-outbox", wires: [] }, COLUMNS.outbox),
  ];
}

/** The tab that only the collector flow has. */
export const COLLECTOR_TAB = "collector-tab";

const SOURCE_TYPES: ReadonlySet<unknown> = new Set(["ward-serial", "ward-modbus", "ward-opcua"]);
const LINE_TYPES: ReadonlySet<unknown> = new Set([
  "ward-serial-line",
  "ward-modbus-line",
  "ward-opcua-line",
]);
const SEAL = "collector-seal";
const COLUMNS = { source: 180, seal: 480, outbox: 720 } as const;
const FIRST_ROW = 80;
const ROW = 60;
const INFO =
  "The gateway runs this flow because its own flow ended again and again. Correct the flow and restart the gateway.";

function onTab(node: Fields, x: number): Fields {
  return { ...node, z: COLLECTOR_TAB, x, y: FIRST_ROW, name: "" };
}

/** Group, tab and subflow of the old flow do not exist here. */
function withoutPlace(node: Fields): Fields {
  const { z: _tab, g: _group, ...rest } = node;
  return rest;
}

/** Disabled, or it takes a value from an environment that does not exist here. */
function isOff(node: Fields): boolean {
  return node["d"] === true || Object.values(node).some(isFromEnvironment);
}

function isFromEnvironment(value: unknown): boolean {
  return typeof value === "string" && value.includes("${");
}

function isDisabledTab(node: Fields): boolean {
  return node["type"] === "tab" && node["disabled"] === true;
}

function idOf(node: Fields): string {
  return String(node["id"]);
}

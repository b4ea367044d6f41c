/** One device of a generated flow. */
export interface FlowDevice {
  /** Device id; the part before the first of two slashes names the ward: `ward-3/bed-12/monitor`. */
  readonly device: string;
  /** Model id of the catalog. */
  readonly model: string;
  readonly line: string;
  /** Modbus unit, else null. */
  readonly unit: number | null;
  /** Kind of driver, which decides the type of source node. */
  readonly kind: "stream" | "modbus" | "opcua";
}

/**
 * A ward flow for these devices as Node-RED keeps it: one tab per ward, on it a source node per device, then check,
 * filter, seal and outbox; the board beside the way, what was refused and what went wrong to debug nodes, and the notices on
 * the first tab. Devices on one line share its config node. The same devices give the same ids.
 */
export function demoFlow(devices: readonly FlowDevice[]): object[] {
  const wards = Map.groupBy(devices, ({ device }) => wardOf(device));
  const tabs = wards.size === 0 ? [["", []] as const] : [...wards];
  return [
    ...tabs.flatMap(([ward, own], place) => wardTab(ward, own, place === 0)),
    ...lineNodes(devices),
  ];
}

/** Where the columns of a tab stand, and how far apart its rows are (pixels on the editor's grid of 20). */
const COLUMNS = { source: 160, check: 380, filter: 540, seal: 700, outbox: 860 } as const;
const TOP = 120;
const ROW = 60;

const SOURCES = {
  stream: { type: "ward-serial", line: "ward-serial-line" },
  modbus: { type: "ward-modbus", line: "ward-modbus-line" },
  opcua: { type: "ward-opcua", line: "ward-opcua-line" },
} as const;

function wardTab(ward: string, devices: readonly FlowDevice[], first: boolean): object[] {
  const z = idOf("tab", ward);
  const id = (role: string): string => idOf(role, ward);
  const node = (role: string, fields: object): object => ({ id: id(role), z, ...fields });
  const middle = TOP + Math.floor(((devices.length - 1) * ROW) / 40) * 20;
  const below = Math.max(TOP + devices.length * ROW, middle + 3 * ROW);
  const at = (column: keyof typeof COLUMNS, y: number): object => ({ x: COLUMNS[column], y });
  const label = ward === "" ? "Ward" : `Ward ${ward}`;
  return [
    { id: z, type: "tab", label, disabled: false, info: TAB_INFO, env: [] },
    node("title", { type: "comment", name: TITLE, info: "", x: 280, y: 60, wires: [] }),
    ...devices.map((device, row) => sourceNode(device, { z, y: TOP + row * ROW, to: id("check") })),
    node("check", {
      type: "ward-check",
      name: "",
      allowDemo: false,
      ...at("check", middle),
      wires: [[id("filter"), id("board")], [id("refused")]],
    }),
    node("board", { type: "ward-board", name: "", ...at("filter", middle - ROW), wires: [] }),
    node("filter", { ...FILTER, ...at("filter", middle), wires: [[id("seal")]] }),
    ...(first ? [noticesNode(z, id("seal"), at("filter", middle + ROW))] : []),
    node("refused", debugNode("refused", at("filter", middle + (first ? 2 : 1) * ROW))),
    node("seal", { ...SEAL, ...at("seal", middle), wires: [[id("outbox")]] }),
    node("outbox", { type: "ward-outbox", name: "", ...at("outbox", middle), wires: [] }),
    node("errors", { ...CATCH, ...at("source", below), wires: [[id("wrong")]] }),
    node("wrong", debugNode("errors", at("check", below))),
  ];
}

function sourceNode(
  { device, model, line, unit, kind }: FlowDevice,
  { z, y, to }: { readonly z: string; readonly y: number; readonly to: string },
): object {
  const { type } = SOURCES[kind];
  const common = { id: idOf("device", device), z, type, name: "", line: idOf("line", line) };
  const own = kind === "modbus" ? { unit: String(unit ?? 1) } : {};
  const place = { x: COLUMNS.source, y, wires: [[to]] };
  return { ...common, device, model, ...own, options: [], ...place };
}

function noticesNode(z: string, to: string, place: object): object {
  return { id: idOf("notices", ""), z, type: "ward-notices", name: "", ...place, wires: [[to]] };
}

function lineNodes(devices: readonly FlowDevice[]): object[] {
  const lines = new Map<string, object>();
  for (const { line, kind } of devices) {
    const id = idOf("line", line);
    lines.set(id, { id, type: SOURCES[kind].line, name: "", url: line });
  }
  return [...lines.values()];
}

function debugNode(name: string, place: object): object {
  return { type: "debug", name, ...DEBUG, ...place, wires: [] };
}

const TITLE = "Devices are read, checked, filtered, sealed and put into the outbox";
const TAB_INFO =
  "What a device gives goes to ward-check and ward-filter, is sealed by ward-seal and stored by ward-outbox. Nothing reaches the outbox unsealed.";
const FILTER = {
  type: "ward-filter",
  name: "",
  deadBand: "none",
  size: "0",
  minimumIntervalMs: "0",
  heartbeatMs: "30000",
  trend: false,
} as const;
const SEAL = {
  type: "ward-seal",
  name: "",
  windowMs: "100",
  waveMs: "1000",
  itemsMax: "5000",
} as const;
const CATCH = { type: "catch", name: "", scope: null, uncaught: false } as const;
const DEBUG = {
  active: true,
  tosidebar: true,
  console: false,
  tostatus: false,
  complete: "true",
  targetType: "full",
  statusVal: "",
  statusType: "auto",
} as const;

function wardOf(device: string): string {
  const steps = device.split("/");
  return steps.length > 2 ? (steps[0] ?? "") : "";
}

/** 16 hex digits, as Node-RED makes them: FNV-1a of what the node is for. They never equal a field's value. */
function idOf(role: string, name: string): string {
  let hash = 0xcb_f2_9c_e4_84_22_23_25n;
  for (const byte of new TextEncoder().encode(`${role} ${name}`)) {
    hash = ((hash ^ BigInt(byte)) * 0x1_00_00_00_01_b3n) & 0xff_ff_ff_ff_ff_ff_ff_ffn;
  }
  return hash.toString(16).padStart(16, "0");
}

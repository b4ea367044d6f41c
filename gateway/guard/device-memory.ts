import { type BaselineState, LEARN_LOOKS, UNLEARNED } from "./baseline.ts";
import { LEAD_UNKNOWN, type LeadState } from "./clock-lead.ts";

/** What is looked at as a number a minute. */
export const METRICS = ["rate", "shape", "faults", "refused"] as const;
export type Metric = (typeof METRICS)[number];

/** What the keeper remembers of one device over restarts. Bounded, and no value of a patient. */
export interface DeviceMemory {
  readonly line: string;
  readonly asked: string;
  readonly identity: string | null;
  /** Hardware address of its network card, or null. */
  readonly hardware: string | null;
  readonly strangers: readonly number[];
  readonly metrics: Readonly<Record<Metric, BaselineState>>;
  readonly lead: LeadState;
}

/** Nothing known of a device but how it is read. */
export function newMemory(line: string, asked: string): DeviceMemory {
  return {
    line,
    asked,
    identity: null,
    hardware: null,
    strangers: [],
    metrics: { rate: UNLEARNED, shape: UNLEARNED, faults: UNLEARNED, refused: UNLEARNED },
    lead: LEAD_UNKNOWN,
  };
}

/** Writes what is remembered as JSON. */
export function writeMemories(memories: ReadonlyMap<string, DeviceMemory>): string {
  return JSON.stringify({ version: 1, devices: Object.fromEntries(memories) }, rounded);
}

/** Reads it back; what is not as it was written is forgotten, and learned again. */
export function readMemories(text: string): Map<string, DeviceMemory> {
  const memories = new Map<string, DeviceMemory>();
  try {
    const value: unknown = JSON.parse(text);
    const devices: unknown = Reflect.get(Object(value), "devices");
    for (const [device, memory] of Object.entries(Object(devices))) {
      if (isMemory(memory)) {
        memories.set(device, memory);
      }
    }
  } catch {
    // As if there were none.
  }
  return memories;
}

/** Nine digits of a logarithm are plenty. */
function rounded(_name: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value)
    ? Number(value.toPrecision(9))
    : value;
}

function isMemory(value: unknown): value is DeviceMemory {
  if (!isRecord(value) || !isRecord(value["metrics"])) {
    return false;
  }
  const { line, asked, identity, hardware, strangers, metrics, lead } = value;
  return (
    typeof line === "string" &&
    typeof asked === "string" &&
    (identity === null || typeof identity === "string") &&
    (hardware === null || typeof hardware === "string") &&
    isNumbers(strangers) &&
    METRICS.every((metric) => isBaseline(metrics[metric])) &&
    isLead(lead)
  );
}

function isBaseline(value: unknown): value is BaselineState {
  return (
    isRecord(value) &&
    isNumbers(value["first"]) &&
    typeof value["isLearned"] === "boolean" &&
    ["level", "spread", "far", "farSum", "changed", "changedLevel", "usual"].every((name) =>
      Number.isFinite(value[name]),
    )
  );
}

function isLead(value: unknown): value is LeadState {
  return (
    isRecord(value) &&
    isNumbers(value["first"]) &&
    (value["level"] === null || Number.isFinite(value["level"])) &&
    Number.isFinite(value["far"]) &&
    Number.isFinite(value["farLead"])
  );
}

function isNumbers(value: unknown): value is readonly number[] {
  return (
    Array.isArray(value) &&
    value.length <= LEARN_LOOKS &&
    value.every((one) => Number.isFinite(one))
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

import type { OptionSpec } from "../devices/device.ts";
import { WardError } from "../errors.ts";
import type { ModelChoice } from "../flow-services.ts";
import { isGatewayId } from "../reading.ts";
import { type Fields, isCount, isListOf, isRecord, isText } from "./message-shape.ts";
import type { FlowMode } from "./storage.ts";

/** What main tells the flow host at its start. */
export interface FlowhostConfig {
  readonly gateway: string;
  readonly mode: FlowMode;
  /** Items without any end this long after their take was handed to the flow count as dropped (milliseconds). */
  readonly droppedAfterMs: number;
  /** An account without a batch waits this long for one (milliseconds). */
  readonly tallyMs: number;
  /** Takes in the flow, at most. */
  readonly unsettledMax: number;
  /** Line URLs that the signed settings allow, for the editor. */
  readonly allowedLines: readonly string[];
  /** Models a source node can read, for the editor. */
  readonly models: readonly ModelChoice[];
  /** Directory of the ward nodes, or null for the program's own. */
  readonly nodesDirectory: string | null;
}

/** Reads main's start message. Throws WardError `WARD_ROOM_START` naming what is wrong. */
export function parseFlowhostConfig(value: unknown): FlowhostConfig {
  const fields: Fields = isRecord(value) ? value : {};
  const { gateway, mode, allowedLines = [], models = [], nodesDirectory = null } = fields;
  if (typeof gateway !== "string" || !isGatewayId(gateway)) {
    throw wrong("gateway");
  }
  if (mode !== "flows" && mode !== "collector") {
    throw wrong("mode");
  }
  if (!isListOf(allowedLines, isLine, LIST_MAX)) {
    throw wrong("allowedLines");
  }
  if (!isListOf(models, isModelChoice, LIST_MAX)) {
    throw wrong("models");
  }
  if (nodesDirectory !== null && !isText(nodesDirectory, TEXT_MAX)) {
    throw wrong("nodesDirectory");
  }
  return {
    gateway,
    mode,
    allowedLines,
    models,
    nodesDirectory,
    droppedAfterMs: numberOf(fields, "droppedAfterMs", 30_000),
    tallyMs: numberOf(fields, "tallyMs", 250),
    unsettledMax: numberOf(fields, "unsettledMax", 20_000),
  };
}

const LIST_MAX = 10_000;
const TEXT_MAX = 4096;
const KINDS: ReadonlySet<unknown> = new Set(["stream", "modbus", "opcua"]);
const MODES: ReadonlySet<unknown> = new Set(["passive", "active"]);
const EVIDENCE: ReadonlySet<unknown> = new Set(["A", "B"]);

function numberOf(fields: Fields, name: string, otherwise: number): number {
  const value = fields[name] ?? otherwise;
  if (!isCount(value) || value === 0) {
    throw wrong(name);
  }
  return value;
}

function isLine(value: unknown): value is string {
  return isText(value, TEXT_MAX);
}

function isModelChoice(value: unknown): value is ModelChoice {
  return (
    isRecord(value) &&
    isLine(value["model"]) &&
    isLine(value["maker"]) &&
    isLine(value["protocol"]) &&
    isListOf(value["lines"], isLine, LIST_MAX) &&
    KINDS.has(value["kind"]) &&
    MODES.has(value["mode"]) &&
    EVIDENCE.has(value["evidence"]) &&
    isLine(value["serial"]) &&
    isListOf(value["options"], isOptionSpec, LIST_MAX)
  );
}

function isOptionSpec(value: unknown): value is OptionSpec {
  return isRecord(value) && isLine(value["name"]) && isLine(value["doc"]) && "default" in value;
}

function wrong(name: string): WardError {
  return new WardError(
    "WARD_ROOM_START",
    `Cannot start the flow host: ${name} in its start message is not usable.`,
  );
}

import { LINE_STATES } from "../devices/device.ts";
import { QUALITIES } from "../reading.ts";
import type { ProbeFault, ProbeNode, ProbeReading, ProbeView, ProbeWave } from "../rooms.ts";
import { isCount, isListOf, isRecord, isText } from "./message-shape.ts";

/** True for a well-formed view of what an engineer looks at. */
export function isProbeView(value: unknown): value is ProbeView {
  return (
    isRecord(value) &&
    PROBE_STATES.has(value["state"]) &&
    isText(value["text"], TEXT_MAX) &&
    LINE_STATES.some((state) => state === value["line"]) &&
    (value["shared"] === null || isText(value["shared"], TEXT_MAX)) &&
    (value["serial"] === null || isText(value["serial"], TEXT_MAX)) &&
    isCount(value["frames"]) &&
    isListOf(value["readings"], isShownReading, PROBE_LIST_MAX) &&
    isListOf(value["waves"], isShownWave, PROBE_LIST_MAX) &&
    isListOf(value["faults"], isShownFault, PROBE_LIST_MAX) &&
    isListOf(value["registers"], isShownRegister, PROBE_LIST_MAX) &&
    isListOf(value["nodes"], isShownNode, PROBE_LIST_MAX)
  );
}

const PROBE_STATES: ReadonlySet<unknown> = new Set(["running", "done", "failed"]);
const PROBE_LIST_MAX = 1000;

function isShownReading(value: unknown): value is ProbeReading {
  return (
    isRecord(value) &&
    isText(value["code"], TEXT_MAX) &&
    isText(value["path"], TEXT_MAX) &&
    isText(value["text"], TEXT_MAX) &&
    isText(value["unit"], TEXT_MAX) &&
    isListOf(value["quality"], isQuality, PROBE_LIST_MAX)
  );
}

function isQuality(value: unknown): value is string {
  return QUALITIES.some((quality) => quality === value);
}

function isShownWave(value: unknown): value is ProbeWave {
  return (
    isRecord(value) &&
    isText(value["code"], TEXT_MAX) &&
    isText(value["path"], TEXT_MAX) &&
    Number.isFinite(value["samplesPerSecond"])
  );
}

function isShownFault(value: unknown): value is ProbeFault {
  return (
    isRecord(value) &&
    isText(value["fault"], TEXT_MAX) &&
    isText(value["text"], TEXT_MAX) &&
    isCount(value["count"]) &&
    isCount(value["bytes"])
  );
}

function isShownRegister(value: unknown): value is ProbeView["registers"][number] {
  return (
    isRecord(value) &&
    isCount(value["address"]) &&
    (value["value"] === null || isCount(value["value"]))
  );
}

function isShownNode(value: unknown): value is ProbeNode {
  return (
    isRecord(value) &&
    isText(value["node"], TEXT_MAX) &&
    isText(value["name"], TEXT_MAX) &&
    NODE_CLASSES.has(value["class"]) &&
    isTextOrNull(value["type"]) &&
    isTextOrNull(value["dataType"]) &&
    isTextOrNull(value["unit"]) &&
    isTextOrNull(value["status"]) &&
    isPlain(value["value"])
  );
}

const NODE_CLASSES: ReadonlySet<unknown> = new Set(["object", "variable", "method"]);
const TEXT_MAX = 512;

function isTextOrNull(value: unknown): boolean {
  return value === null || isText(value, TEXT_MAX);
}

function isPlain(value: unknown): boolean {
  return isTextOrNull(value) || typeof value === "boolean" || Number.isFinite(value);
}

import { OPTION_TEXT_MAX } from "../devices/device.ts";
import { WardError } from "../errors.ts";
import { isDeviceId } from "../reading.ts";
import type { Probe, ReadProbe, ScanProbe, Subscription } from "../rooms.ts";
import { SCAN_COUNT_MAX } from "../rooms.ts";
import { type Fields, isCount, isRecord, isText } from "./message-shape.ts";

/** Reads what a browser wants looked at. Throws WardError `WARD_PROBE` that says which field of the form to fill in. */
export function readProbe(wanted: unknown): Probe {
  const fields = isRecord(wanted) ? wanted : {};
  const { kind, line } = fields;
  if (!isText(line, TEXT_MAX) || line === "") {
    throw unusable("choose a line");
  }
  switch (kind) {
    case "scan":
      return readScan(fields, line);
    case "browse":
      return { kind, line, node: readNode(fields["node"]) };
    default:
      return readRead(fields, line);
  }
}

function readRead({ device, model, unit, options }: Fields, line: string): ReadProbe {
  if (!isText(model, TEXT_MAX) || model === "") {
    throw unusable("choose a model");
  }
  if (!isOptions(options)) {
    throw unusable("correct its options");
  }
  const known = typeof device === "string" && isDeviceId(device);
  return {
    kind: "read",
    subscription: { device: known ? device : UNNAMED, model, line, unit: readUnit(unit), options },
  };
}

function readScan({ unit, function: code, address, count }: Fields, line: string): ScanProbe {
  if (code !== 1 && code !== 2 && code !== 3 && code !== 4) {
    throw unusable("choose a function from 1 to 4");
  }
  const last = isCount(address) && isCount(count) ? address + count - 1 : Number.NaN;
  if (!isCount(address) || !isCount(count) || count < 1 || !(last <= REGISTER_MAX)) {
    throw unusable(`enter registers from 0 to ${REGISTER_MAX}`);
  }
  if (count > SCAN_COUNT_MAX) {
    throw unusable(`enter a count of at most ${SCAN_COUNT_MAX}`);
  }
  return { kind: "scan", line, unit: readUnit(unit), function: code, address, count };
}

function readUnit(unit: unknown): number | null {
  if (unit === null) {
    return null;
  }
  if (!isCount(unit) || unit > UNIT_MAX) {
    throw unusable(`enter a unit from 0 to ${UNIT_MAX}`);
  }
  return unit;
}

function readNode(node: unknown): string {
  if (!isText(node, TEXT_MAX)) {
    throw unusable("choose a node");
  }
  return node;
}

/** A device can be tested before it has a place. */
const UNNAMED = "test";
const TEXT_MAX = 512;
const UNIT_MAX = 255;
const REGISTER_MAX = 0xff_ff;
const OPTIONS_MAX = 64;

function isOptions(value: unknown): value is Subscription["options"] {
  return (
    isRecord(value) &&
    Object.keys(value).length <= OPTIONS_MAX &&
    Object.values(value).every(
      (option) =>
        isText(option, OPTION_TEXT_MAX) || typeof option === "boolean" || Number.isFinite(option),
    )
  );
}

function unusable(whatToDo: string): WardError {
  return new WardError("WARD_PROBE", `Cannot look at this device: ${whatToDo} first.`);
}

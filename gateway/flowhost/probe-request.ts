import { OPTION_TEXT_MAX } from "../devices/device.ts";
import { WardError } from "../errors.ts";
import { isDeviceId } from "../reading.ts";
import type { Probe, Subscription } from "../rooms.ts";
import { isCount, isRecord, isText } from "./message-shape.ts";

/** Reads what a browser wants tested. Throws WardError `WARD_PROBE` that says which field of the form to fill in. */
export function readProbe(wanted: unknown): Probe {
  const { device, model, line, unit, options } = isRecord(wanted) ? wanted : {};
  if (!isText(model, TEXT_MAX) || model === "") {
    throw unusable("choose a model");
  }
  if (!isText(line, TEXT_MAX) || line === "") {
    throw unusable("choose a line");
  }
  if (unit !== null && !(isCount(unit) && unit <= UNIT_MAX)) {
    throw unusable(`enter a unit from 0 to ${UNIT_MAX}`);
  }
  if (!isOptions(options)) {
    throw unusable("correct its options");
  }
  const known = typeof device === "string" && isDeviceId(device);
  return {
    kind: "read",
    subscription: { device: known ? device : UNNAMED, model, line, unit, options },
  };
}

/** A device can be tested before it has a place. */
const UNNAMED = "test";
const TEXT_MAX = 512;
const UNIT_MAX = 255;
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
  return new WardError("WARD_PROBE", `Cannot test this device: ${whatToDo} first.`);
}

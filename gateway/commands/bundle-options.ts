import { readFileSync } from "node:fs";

import { WardError } from "../errors.ts";
import { readError } from "./read-error.ts";

/** An option that must be there. Throws WardError `WARD_USAGE`. */
export function needOption(name: string, value: string | undefined): string {
  if (value === undefined || value === "") {
    throw new WardError(
      "WARD_USAGE",
      `Cannot do that: --${name} is missing. Run: wardgate bundle --help`,
    );
  }
  return value;
}

/** A whole number among the options. Throws WardError `WARD_USAGE`. */
export function numberOption(
  name: string,
  value: string,
  { least, most }: { readonly least: number; readonly most: number },
): number {
  const number = Number(value);
  if (!/^\d{1,10}$/.test(value) || number < least || number > most) {
    throw new WardError(
      "WARD_USAGE",
      `Cannot do that: --${name} must be a whole number from ${least} to ${most}.`,
    );
  }
  return number;
}

/** The bytes of a file. Throws WardError `WARD_READ_FILE`. */
export function fileBytes(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    throw readError(file, error);
  }
}

/** The JSON of a file. Throws WardError `WARD_READ_FILE` or `WARD_USAGE`. */
export function fileJson(file: string): unknown {
  const text = Buffer.from(fileBytes(file)).toString("utf8");
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch (error) {
    throw new WardError("WARD_USAGE", `Cannot use ${file}: it is no JSON.`, { cause: error });
  }
}

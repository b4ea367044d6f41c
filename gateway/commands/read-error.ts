import { errorCode, errorText, WardError } from "../errors.ts";

/** A file that cannot be read as WardError `WARD_READ_FILE`; any other error as it is. */
export function readError(file: string, error: unknown): unknown {
  return errorCode(error).startsWith("E")
    ? new WardError("WARD_READ_FILE", `Cannot read ${file}: ${errorText(error)}.`, { cause: error })
    : error;
}

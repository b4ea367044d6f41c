import { errorCode, errorText, WardError } from "../errors.ts";

/** Why a line could not be opened, in plain words that say what to do. A WardError is handed through. */
export function openError(line: string, error: unknown): WardError {
  if (error instanceof WardError) {
    return error;
  }
  const text = errorText(error);
  const known = REASONS.find(([pattern]) => pattern.test(`${errorCode(error)} ${text}`));
  const [, why, whatToDo] = known ?? [null, text, "Check the line"];
  return new WardError("WARD_LINE_OPEN", `Cannot open ${line}: ${why}. ${whatToDo}.`, {
    cause: error,
  });
}

/** The serial binding gives only the text of strerror, sockets give a code. */
const REASONS: readonly (readonly [RegExp, string, string])[] = [
  [
    /lock port|EBUSY|resource busy/i,
    "another program has it open",
    "End the other program or use another port",
  ],
  [/ENOENT|No such file|ENXIO|No such device/i, "there is none", "Check that it is plugged in"],
  [
    /EACCES|EPERM|Permission denied/i,
    "permission denied",
    "Give the user of this service access, for a serial port the group dialout",
  ],
  [/ENOTTY|Inappropriate ioctl/i, "it is no serial port", "Check the path in the line URL"],
  [/ECONNREFUSED/, "connection refused", "Check that the device server is on, and its port number"],
  [
    /ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN/,
    "the host does not answer",
    "Check network, cable and address",
  ],
  [/ENOTFOUND|EAI_AGAIN/, "the host name is unknown", "Check the name or write the address"],
  [/EADDRINUSE/, "another program uses this port", "End the other program or use another port"],
  [/EADDRNOTAVAIL/, "this machine has no such address", "Check the host in the line URL"],
];

import { WardError } from "../errors.ts";
import { isDeviceId } from "../reading.ts";
import { type ListenerToFlowhost, WATCHED_DEVICES_MAX } from "../rooms.ts";
import { sameVersion } from "./bedside-messages.ts";
import { isCount, isListOf, isRecord } from "./message-shape.ts";

/**
 * Checks a message of the listener to the flow host. Throws WardError `WARD_ROOM_MESSAGE`, or `WARD_ROOM_VERSION` when the listener
 * speaks another version of rooms.ts.
 */
export function parseListenerToFlowhost(value: unknown): ListenerToFlowhost {
  if (isRecord(value)) {
    const { t, version, on, waves } = value;
    if (t === "hello" && isCount(version)) {
      return { t, version: sameVersion(version) };
    }
    if (
      t === "watch" &&
      typeof on === "boolean" &&
      isListOf(waves, isDevice, WATCHED_DEVICES_MAX)
    ) {
      return { t, on, waves };
    }
  }
  throw new WardError(
    "WARD_ROOM_MESSAGE",
    "Cannot use a message of the listener to the flow host: unknown form.",
  );
}

function isDevice(value: unknown): value is string {
  return typeof value === "string" && isDeviceId(value);
}

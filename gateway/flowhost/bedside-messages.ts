import { LINE_STATES } from "../devices/device.ts";
import { WardError } from "../errors.ts";
import { isDeviceId } from "../reading.ts";
import { type HeardFromBedside, type LineStatus, ROOMS_VERSION } from "../rooms.ts";
import type { TakeReader } from "../takes/take-reader.ts";
import { isTakeGap } from "./gap-shape.ts";
import { isProbeView } from "./probe-shape.ts";
import { isCount, isListOf, isRecord, isText } from "./message-shape.ts";

/**
 * Makes the check of bedside's messages for one link, whose takes `takes` reads. Throws WardError `WARD_ROOM_MESSAGE`, or
 * `WARD_ROOM_VERSION` when bedside speaks another version of rooms.ts.
 */
export function bedsideParser(
  takes: TakeReader,
): (value: unknown, blobs: readonly Uint8Array[]) => HeardFromBedside {
  return (value, blobs) => parseBedsideToFlowhost(value, blobs, takes);
}

function parseBedsideToFlowhost(
  value: unknown,
  blobs: readonly Uint8Array[],
  reader: TakeReader,
): HeardFromBedside {
  if (isRecord(value)) {
    const { t, version, boot, generation, gaps, device, line, id, view } = value;
    if (t === "hello" && isCount(version) && isText(boot, BOOT_CHARS) && BOOT.test(boot)) {
      return { t, version: sameVersion(version), boot };
    }
    const [bytes] = blobs;
    if (t === "takes" && isCount(generation) && bytes !== undefined) {
      return { t, generation, takes: reader.read(bytes) };
    }
    if (t === "gaps" && isListOf(gaps, isTakeGap, GAPS_MAX)) {
      return { t, gaps };
    }
    if (t === "line" && typeof device === "string" && isDeviceId(device) && isLineStatus(line)) {
      return { t, device, line };
    }
    if (t === "probed" && isCount(id) && isProbeView(view)) {
      return { t, id, view };
    }
  }
  throw new WardError(
    "WARD_ROOM_MESSAGE",
    "Cannot use a message of bedside to the flow host: unknown form.",
  );
}

/** Both ends of a link must speak the same version. Throws WardError `WARD_ROOM_VERSION`. */
export function sameVersion(version: number): number {
  if (version !== ROOMS_VERSION) {
    throw new WardError(
      "WARD_ROOM_VERSION",
      `Cannot talk to a room of version ${version}: this one has version ${ROOMS_VERSION}. Restart the gateway.`,
    );
  }
  return version;
}

const BOOT = /^[0-9a-f]{16}$/;
const BOOT_CHARS = 16;
const GAPS_MAX = 100_000;
const TEXT_MAX = 512;

function isLineStatus(value: unknown): value is LineStatus {
  return (
    isRecord(value) &&
    LINE_STATES.some((state) => state === value["state"]) &&
    isText(value["text"], TEXT_MAX) &&
    Number.isFinite(value["since"]) &&
    Number.isFinite(value["rate"]) &&
    isCount(value["badBytes"])
  );
}

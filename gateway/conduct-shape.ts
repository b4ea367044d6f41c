import { isDeviceId } from "./reading.ts";
import type { Conduct, DeviceConduct } from "./conduct.ts";

/** Devices in one report, at most: as many as bedside reads in one run. */
export const CONDUCT_DEVICES_MAX = 1000;
/** Units of Modbus that answered unasked, of one device, at most. */
export const STRANGERS_MAX = 8;

/** True for a report of bedside in the form that rooms.ts gives it. */
export function isConduct(value: unknown): value is Conduct {
  if (!isRecord(value) || !Array.isArray(value["devices"])) {
    return false;
  }
  const { boot, steadyMs, clockSteps, isClockGood } = value;
  const devices: readonly unknown[] = value["devices"];
  return (
    typeof boot === "string" &&
    /^[0-9a-f]{16}$/.test(boot) &&
    isCount(steadyMs) &&
    isCount(clockSteps) &&
    typeof isClockGood === "boolean" &&
    devices.length <= CONDUCT_DEVICES_MAX &&
    devices.every(isDeviceConduct)
  );
}

function isDeviceConduct(value: unknown): value is DeviceConduct {
  if (!isRecord(value)) {
    return false;
  }
  const { device, line, asked, identity, clockLeadMs, strangers, isOnline } = value;
  return (
    typeof device === "string" &&
    isDeviceId(device) &&
    typeof line === "string" &&
    line.length <= LINE_MAX &&
    typeof asked === "string" &&
    HASH.test(asked) &&
    (identity === null || (typeof identity === "string" && HASH.test(identity))) &&
    (clockLeadMs === null || Number.isSafeInteger(clockLeadMs)) &&
    typeof isOnline === "boolean" &&
    COUNTS.every((name) => isCount(value[name])) &&
    Array.isArray(strangers) &&
    strangers.length <= STRANGERS_MAX &&
    strangers.every((unit: unknown) => isCount(unit) && unit <= 255)
  );
}

const COUNTS = ["opened", "frames", "items", "refused", "faults", "certificates"] as const;
const HASH = /^[0-9a-f]{16}$/;
const LINE_MAX = 512;

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

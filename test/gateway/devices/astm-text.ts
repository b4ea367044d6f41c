import { driver } from "../../../gateway/devices/astm-e1394/driver.ts";
import type { DeviceOptions, Output } from "../../../gateway/devices/device.ts";
import { decodeWhole, framesOf } from "./captures.ts";

/** A frame after E1381 6.3, apart from the simulator. */
export function frame(number: number | "", text: string, end = "\x03"): string {
  const body = `${number}${text}${end}`;
  const sum = Buffer.from(body, "latin1").reduce((total, byte) => (total + byte) % 256, 0);
  return `\x02${body}${sum.toString(16).toUpperCase().padStart(2, "0")}\r\n`;
}

export const HEADER = "H|\\^&|||LAB^1.0|||||||P|1|20261126094100";
export const result = (value: string, more = "||N||F||||20261126094000"): string =>
  `R|1|^^^GLU|${value}|mmol/L${more}`;

export function decode(text: string, options: DeviceOptions = {}): Output[] {
  return decodeWhole(driver, Buffer.from(text, "latin1"), { options });
}

export function read(text: string, options: DeviceOptions = {}): string[] {
  return framesOf(decode(text, options)).flatMap(({ readings }) =>
    readings.map((one) => `${one.code}=${one.text}`),
  );
}

export function faultsOf(outputs: readonly Output[]): string[] {
  return outputs.flatMap((output) => (output.kind === "fault" ? [output.fault] : []));
}

/** One R record in a frame. */
export function resultOf(
  record: string,
  before = HEADER,
): { text: string; value: unknown; unit: string; quality: string; deviceAt: number | null } {
  const [found] = framesOf(decode(`\x05${frame(1, `${before}\r${record}\rL|1|N\r`)}\x04`));
  const { text = "", value, unit = "", quality, deviceAt = null } = found?.readings.at(-1) ?? {};
  return { text, value, unit, quality: quality?.join(" ") ?? "", deviceAt };
}

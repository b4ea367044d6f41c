import type { SerialFormat } from "../devices/device.ts";
import type { HostLine, PortLine } from "./line-url.ts";
import type { RequestCost } from "./modbus-plan.ts";
import { serialCost, TCP_COST } from "./modbus-plan.ts";

/** What the wire of a Modbus line is like. */
export interface LineTiming {
  readonly framing: "tcp" | "rtu" | "ascii";
  /** Time that one byte of a frame takes on the wire; 0 on TCP (milliseconds). */
  readonly byteMs: number;
  /** Silence between two frames: 3.5 characters, at least 1.75 ms (Serial Line V1.02 §2.5.1.1); 0 on TCP (milliseconds). */
  readonly gapMs: number;
  readonly cost: RequestCost;
}

/** The settings of a Modbus serial line where neither its URL nor a driver says anything else. */
export const MODBUS_SERIAL: SerialFormat = { baud: 19_200, format: "8E1", flow: "none" };

/** The timing of a line. What a port's URL leaves open comes from `serial`. */
export function timingOf(line: PortLine | HostLine, serial: SerialFormat): LineTiming {
  if (line.scheme === "modbus-tcp") {
    return { framing: "tcp", byteMs: 0, gapMs: 0, cost: TCP_COST };
  }
  const framing = line.scheme === "modbus-ascii" ? "ascii" : "rtu";
  const { baud, format } = serialOf(line, serial);
  const charMs = (1000 * bitsOf(format)) / baud;
  const gapMs = Math.max(GAP_CHARACTERS * charMs, GAP_MIN_MS);
  return {
    framing,
    byteMs: framing === "ascii" ? 2 * charMs : charMs,
    gapMs,
    cost: serialCost({ framing, charMs, gapMs }),
  };
}

/** What the URL says, and what it leaves open from `serial`. */
export function serialOf(line: PortLine | HostLine, serial: SerialFormat): SerialFormat {
  return "serial" in line ? { ...serial, ...line.serial } : serial;
}

/** Bits of one character on the wire: start bit, data bits, parity and stop bits. */
function bitsOf(format: SerialFormat["format"]): number {
  const parity = format.charAt(1) === "N" ? 0 : 1;
  return 1 + Number(format.charAt(0)) + parity + Number(format.charAt(2));
}

const GAP_CHARACTERS = 3.5;
const GAP_MIN_MS = 1.75;

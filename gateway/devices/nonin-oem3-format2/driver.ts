import type { StreamDriver } from "../device.ts";
import { SERIAL_LINES } from "../device.ts";
import type { NoninFormat } from "../nonin-packets.ts";
import { NoninPackets } from "../nonin-packets.ts";

/**
 * Nonin OEM III and Xpod modules, serial data format 2.
 *
 * Frame: 01, STATUS, PLETH, DATA, CHECK = sum of the four before it modulo 256. How frames make packets is the same in
 * format 7: see nonin-packets.ts.
 */
export const driver: StreamDriver = {
  kind: "stream",
  facts: {
    model: "nonin-oem3-format2",
    maker: "Nonin",
    protocol: "OEM III / Xpod serial data format 2",
    lines: SERIAL_LINES,
    evidence: "A",
    mode: "passive",
    source: "Nonin OEM III Module Specification and Technical Information, serial data format 2",
    quietMs: 3000,
  },
  serial: { baud: 9600, format: "8N1", flow: "none" },
  verbs: [],
  demographics: "none",
  options: [],
  open: () => new NoninPackets(FORMAT_2),
};

const FORMAT_2: NoninFormat = { start: 0x01, plethOf: (bytes, at) => bytes[at + 2] ?? 0 };

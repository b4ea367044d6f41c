import type { StreamDriver } from "../device.ts";
import { SERIAL_LINES } from "../device.ts";
import type { NoninFormat } from "../nonin-packets.ts";
import { NoninPackets } from "../nonin-packets.ts";

/**
 * Nonin WristOx2 3150, Onyx II 9560, Xpod and OEM modules, serial data format 7: format 2 with the waveform in full resolution.
 *
 * Frame: STATUS, PLETH (16 bits, high byte first), DATA, CHECK = sum of the four before it modulo 256. There is no start byte, so
 * a frame is found by bit 7 of STATUS and by its checksum; that 25 of them follow each other makes the packet certain.
 */
export const driver: StreamDriver = {
  kind: "stream",
  facts: {
    model: "nonin-format7",
    maker: "Nonin",
    protocol: "Serial data format 7",
    lines: SERIAL_LINES,
    evidence: "A",
    mode: "passive",
    source: "Nonin Onyx II 9560 Bluetooth specification, p. 12-15, serial data format 7",
    quietMs: 3000,
  },
  serial: { baud: 9600, format: "8N1", flow: "none" },
  verbs: [],
  demographics: "none",
  options: [],
  open: () => new NoninPackets(FORMAT_7),
};

const FORMAT_7: NoninFormat = {
  start: null,
  plethOf: (bytes, at) => ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0),
};

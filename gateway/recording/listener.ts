import type { StreamDriver } from "../devices/device.ts";
import { SERIAL_LINES } from "../devices/device.ts";

/** Listens to a line whose device is not known: every byte is as good as any other, and nothing is ever said. */
export const LISTENER: StreamDriver = {
  kind: "stream",
  facts: {
    model: "listener",
    maker: "any",
    protocol: "unknown",
    lines: SERIAL_LINES,
    evidence: "B",
    mode: "passive",
    source: "none",
    // The line of a silent device is opened again after a while, and meanwhile nothing would be heard.
    quietMs: 24 * 3_600_000,
  },
  serial: { baud: 9600, format: "8N1", flow: "none" },
  verbs: [],
  options: [],
  open: () => ({
    push: () => [{ kind: "frame", readings: [], waves: [] }],
    tick: () => [],
  }),
};

import type { PacketContent } from "../nonin-stream.ts";
import { makePacket, NONIN_TICK_MS, NoninStream } from "../nonin-stream.ts";
import type { StreamSimulator } from "../simulator.ts";

/** Speaks Nonin serial data format 7: 75 frames a second, 25 frames a packet, samples of 16 bits. */
export const simulator: StreamSimulator = {
  model: "nonin-format7",
  tickMs: NONIN_TICK_MS,
  open: ({ seed }) => new NoninStream(seed, { plethMax: 0xff_ff, packetOf }),
};

function packetOf(content: PacketContent): Uint8Array {
  return makePacket(content, ({ status, pleth, data }) => [status, pleth >> 8, pleth & 0xff, data]);
}

import type { PacketContent } from "../nonin-stream.ts";
import { makePacket, NONIN_TICK_MS, NoninStream } from "../nonin-stream.ts";
import type { StreamSimulator } from "../simulator.ts";

/** Speaks Nonin serial data format 2: 75 frames a second, 25 frames a packet, samples of 8 bits. */
export const simulator: StreamSimulator = {
  model: "nonin-oem3-format2",
  tickMs: NONIN_TICK_MS,
  open: ({ seed }) => new NoninStream(seed, { plethMax: 0xff, packetOf }),
};

/** One packet of 25 frames, 125 bytes. Also used for test captures. */
export function packetOf(content: PacketContent): Uint8Array {
  return makePacket(content, ({ status, pleth, data }) => [0x01, status, pleth, data]);
}

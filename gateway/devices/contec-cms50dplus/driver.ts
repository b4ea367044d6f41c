import type { BadBytes, Output, StreamDecoder, StreamDriver } from "../device.ts";
import { SERIAL_LINES } from "../device.ts";
import { BeatBlocks, PACKET_MS } from "./beat-blocks.ts";
import { PACKET_BYTES, packetOf } from "./packet.ts";

/**
 * Contec CMS50D+ finger oximeter (older firmware) and its sisters CMS50E and CMS50D: packets of 5 bytes, 60 a second. Bit 7 is set
 * in the first byte of a packet and in no other. There is no checksum; therefore a packet counts only when the next one starts right
 * behind it, and values only when two packets one after the other have them.
 */
export const driver: StreamDriver = {
  kind: "stream",
  facts: {
    model: "contec-cms50dplus",
    maker: "Contec",
    protocol: "Real-time data, 5 bytes a packet (communication protocol V5.0A)",
    lines: SERIAL_LINES,
    evidence: "A",
    mode: "passive",
    source:
      "Contec communication protocol V5.0A, section 1.2; atbrask/CMS50Dplus and its unit tests",
    quietMs: 5000,
  },
  serial: { baud: 19200, format: "8O1", flow: "none" },
  verbs: [],
  demographics: "none",
  options: [],
  open: () => new ContecDecoder(),
};

const SYNC = 0x80;
/** Given-up bytes are told at the latest after this many, so that endless noise is seen. */
const LOST_BYTES_MAX = 1000;
/** After so long without a byte the device is off, and what comes then belongs to another time (milliseconds). */
const PAUSE_MS = 500;

class ContecDecoder implements StreamDecoder {
  readonly #blocks = new BeatBlocks();
  /** Bytes since the last one with bit 7, up to one packet. */
  readonly #packet = new Uint8Array(PACKET_BYTES);
  #filled = 0;
  #lost = 0;
  #heardAt = 0;

  push(bytes: Uint8Array, heardAt: number): Output[] {
    const outputs = this.tick(heardAt);
    this.#heardAt = heardAt;
    const { length } = bytes;
    for (let at = 0; at < length; at += 1) {
      const byte = bytes[at] ?? 0;
      if (byte >= SYNC) {
        this.#endPacket(outputs, 1);
      } else if (this.#filled === 0 || this.#filled === PACKET_BYTES) {
        // Before the first packet, or one byte too many: then nobody knows which of the bytes belong to the packet.
        this.#giveUp(this.#filled + 1, outputs);
        this.#filled = 0;
        continue;
      }
      this.#packet[this.#filled] = byte;
      this.#filled += 1;
    }
    return outputs;
  }

  /** Nothing came for a while: what is there is given, so that it does not wait and is not joined to what comes later. */
  tick(at: number): Output[] {
    const outputs: Output[] = [];
    const quietMs = at - this.#heardAt;
    if (quietMs >= PAUSE_MS) {
      this.#endPacket(outputs, quietMs / PACKET_MS);
      this.#blocks.interrupt(quietMs / PACKET_MS, outputs);
    }
    return outputs;
  }

  end(): Output[] {
    const outputs: Output[] = [];
    let bytesLeft = this.#filled;
    if (bytesLeft === PACKET_BYTES) {
      this.#endPacket(outputs, 0);
      bytesLeft = 0;
    }
    this.#filled = 0;
    this.#tellLost(outputs);
    this.#blocks.end(bytesLeft, outputs);
    return outputs;
  }

  /** What was collected is followed by the start of the next packet, or by nothing. It has been complete for `packetsAgo` packets. */
  #endPacket(outputs: Output[], packetsAgo: number): void {
    if (this.#filled === PACKET_BYTES) {
      this.#tellLost(outputs);
      this.#blocks.add(packetOf(this.#packet), packetsAgo, outputs);
    } else if (this.#filled > 0) {
      this.#giveUp(this.#filled, outputs);
    }
    this.#filled = 0;
  }

  #giveUp(bytes: number, outputs: Output[]): void {
    this.#blocks.interrupt(1, outputs);
    this.#lost += bytes;
    if (this.#lost >= LOST_BYTES_MAX) {
      this.#tellLost(outputs);
    }
  }

  #tellLost(outputs: Output[]): void {
    if (this.#lost > 0) {
      outputs.push(noise(this.#lost));
      this.#lost = 0;
    }
  }
}

function noise(bytes: number): BadBytes {
  return { kind: "fault", fault: "noise", bytes, text: "bytes that are no packet" };
}

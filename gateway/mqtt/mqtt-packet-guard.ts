/**
 * Watches the fixed headers (MQTT 5 section 2.1) of a byte stream cut anywhere, so that no packet longer than allowed
 * is ever collected in memory. It understands nothing else of MQTT.
 */
export class PacketGuard {
  readonly #packetBytesMax: number;
  /** Bytes of the running packet that are still to come after its fixed header. */
  #rest = 0;
  #place: "type" | "length" = "type";
  #length = 0;
  #lengthBytes = 0;

  /** @param packetBytesMax the longest remaining length that passes (bytes) */
  constructor(packetBytesMax: number) {
    this.#packetBytesMax = packetBytesMax;
  }

  /** Takes the next bytes; false as soon as a packet is too long or its length is malformed. */
  accept(bytes: Uint8Array): boolean {
    let at = 0;
    while (at < bytes.length) {
      if (this.#rest > 0) {
        const step = Math.min(this.#rest, bytes.length - at);
        this.#rest -= step;
        at += step;
      } else if (this.#place === "type") {
        this.#place = "length";
        at += 1;
      } else if (this.#takeLength(bytes[at] ?? 0)) {
        at += 1;
      } else {
        return false;
      }
    }
    return true;
  }

  /** One byte of the variable byte integer (MQTT 5 section 1.5.5): 7 bits each, lowest first, at most four bytes. */
  #takeLength(byte: number): boolean {
    this.#length += (byte & 0x7f) * 128 ** this.#lengthBytes;
    this.#lengthBytes += 1;
    if (byte >= 0x80) {
      return this.#lengthBytes < 4;
    }
    this.#rest = this.#length;
    this.#place = "type";
    this.#length = 0;
    this.#lengthBytes = 0;
    return this.#rest <= this.#packetBytesMax;
  }
}

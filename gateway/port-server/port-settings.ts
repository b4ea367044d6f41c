import type { SerialFormat } from "../devices/device.ts";

/**
 * What a client of RFC 2217 has asked a port to be, and how it is answered. Pure. A value that no port can be is answered
 * with the one that stands, as the standard has it (§3), and the client decides.
 */
export class PortSettings {
  #baud = 9600;
  #bits = 8;
  #parity = 1;
  #stops = 1;
  #flow = 1;

  /** Null for a combination that no device on a ward has, and for those on the way from one format to another. */
  get serial(): SerialFormat | null {
    const name = `${this.#bits}${PARITIES.charAt(this.#parity - 1)}${this.#stops}`;
    const format = FORMATS.find((known) => known === name);
    const flow = FLOWS[this.#flow - 1];
    return format === undefined || flow === undefined ? null : { baud: this.#baud, format, flow };
  }

  /**
   * Takes a command of a client. Returns how its value stands now, or null for a command that sets nothing of the port: then
   * there is nothing to answer.
   */
  take(command: number, value: Uint8Array): readonly number[] | null {
    const [first = 0] = value;
    switch (command) {
      case SET_BAUD: {
        const baud = value.length === 4 ? Buffer.from(value).readUInt32BE() : 0;
        this.#baud = baud >= BAUD_MIN && baud <= BAUD_MAX ? baud : this.#baud;
        return baudBytes(this.#baud);
      }
      case SET_DATASIZE:
        this.#bits = [7, 8].includes(first) ? first : this.#bits;
        return [this.#bits];
      case SET_PARITY:
        this.#parity = [1, 2, 3].includes(first) ? first : this.#parity;
        return [this.#parity];
      case SET_STOPSIZE:
        this.#stops = [1, 2].includes(first) ? first : this.#stops;
        return [this.#stops];
      case SET_CONTROL:
        this.#flow = [1, 2, 3].includes(first) ? first : this.#flow;
        return [this.#flow];
      default:
        return null;
    }
  }
}

const SET_BAUD = 1;
const SET_DATASIZE = 2;
const SET_PARITY = 3;
const SET_STOPSIZE = 4;
const SET_CONTROL = 5;
const BAUD_MIN = 50;
const BAUD_MAX = 4_000_000;
const FORMATS = ["8N1", "8E1", "8O1", "7E1", "7O1", "8N2"] as const;
/** Both in the order of their numbers, from 1. */
const PARITIES = "NOE";
const FLOWS = ["none", "xonxoff", "rtscts"] as const;

function baudBytes(baud: number): number[] {
  return [baud >>> 24, (baud >>> 16) & 0xff, (baud >>> 8) & 0xff, baud & 0xff];
}

import type { SerialFormat } from "../devices/device.ts";

/**
 * The bytes of RFC 2217 ("Telnet Com Port Control Option") and of the parts of Telnet that it stands on (RFC 854, 855, 856,
 * 858). Pure: bytes in, data and events out.
 */

/** What the other side said beside data. */
export type TelnetEvent =
  /** It will (`true`) or will not use an option itself. */
  | { readonly kind: "will"; readonly option: number; readonly on: boolean }
  /** It asks us to use (`true`) or not to use an option. */
  | { readonly kind: "do"; readonly option: number; readonly on: boolean }
  /** A COM port command of the server (100 and above), with its value. */
  | { readonly kind: "com-port"; readonly command: number; readonly value: Uint8Array };

export interface TelnetInput {
  readonly data: Uint8Array;
  readonly events: readonly TelnetEvent[];
}

/** Takes a Telnet stream apart, cut anywhere. Keeps at most one unfinished sequence of `SUBNEGOTIATION_MAX` bytes. */
export class TelnetReader {
  #state: "data" | "iac" | "option" | "sub" | "sub-iac" = "data";
  #verb = 0;
  #sub: number[] = [];

  push(bytes: Uint8Array): TelnetInput {
    if (this.#state === "data" && !bytes.includes(IAC)) {
      return { data: bytes, events: NONE };
    }
    const data: number[] = [];
    const events: TelnetEvent[] = [];
    for (const byte of bytes) {
      this.#take(byte, data, events);
    }
    return { data: Uint8Array.from(data), events };
  }

  #take(byte: number, data: number[], events: TelnetEvent[]): void {
    switch (this.#state) {
      case "data":
        if (byte === IAC) {
          this.#state = "iac";
        } else {
          data.push(byte);
        }
        return;
      case "iac":
        this.#command(byte, data);
        return;
      case "option":
        this.#state = "data";
        events.push(
          this.#verb === WILL || this.#verb === WONT
            ? { kind: "will", option: byte, on: this.#verb === WILL }
            : { kind: "do", option: byte, on: this.#verb === DO },
        );
        return;
      case "sub":
        if (byte === IAC) {
          this.#state = "sub-iac";
        } else {
          this.#keep(byte);
        }
        return;
      case "sub-iac":
        this.#endOrKeep(byte, events);
    }
  }

  #command(byte: number, data: number[]): void {
    this.#state = "data";
    if (byte === IAC) {
      data.push(IAC);
    } else if (byte === SB) {
      this.#state = "sub";
      this.#sub = [];
    } else if (byte >= WILL && byte <= DONT) {
      this.#state = "option";
      this.#verb = byte;
    }
    // Every other command (NOP, break, ...) stands alone and means nothing here.
  }

  #endOrKeep(byte: number, events: TelnetEvent[]): void {
    if (byte === IAC) {
      this.#state = "sub";
      this.#keep(IAC);
      return;
    }
    this.#state = "data";
    const [option, command, ...value] = this.#sub;
    this.#sub = [];
    if (byte === SE && option === COM_PORT && command !== undefined) {
      events.push({ kind: "com-port", command, value: Uint8Array.from(value) });
    }
  }

  #keep(byte: number): void {
    if (this.#sub.length < SUBNEGOTIATION_MAX) {
      this.#sub.push(byte);
    }
  }
}

/** Data as it travels: every FF doubled. */
export function telnetData(bytes: Uint8Array): Uint8Array {
  return bytes.includes(IAC) ? Uint8Array.from([...bytes].flatMap(doubled)) : bytes;
}

/** "We will use" and "please use" an option, or the refusals. */
export function telnetOption(verb: "will" | "wont" | "do" | "dont", option: number): Uint8Array {
  return Uint8Array.of(IAC, { will: WILL, wont: WONT, do: DO, dont: DONT }[verb], option);
}

/** A COM port command to the server. */
export function comPort(command: number, value: readonly number[]): Uint8Array {
  return Uint8Array.from([IAC, SB, COM_PORT, command, ...value.flatMap(doubled), IAC, SE]);
}

/** One setting of the port: the command that asks for it, and the value that the server must answer with. */
export interface PortSetting {
  readonly name: string;
  readonly command: number;
  readonly value: readonly number[];
}

/** The settings of a serial port as COM port commands (RFC 2217 §3). */
export function portSettings({ baud, format, flow }: SerialFormat): readonly PortSetting[] {
  const baudBytes = [baud >>> 24, (baud >>> 16) & 0xff, (baud >>> 8) & 0xff, baud & 0xff];
  return [
    { name: `baud ${baud}`, command: 1, value: baudBytes },
    { name: `data bits of ${format}`, command: 2, value: [Number(format.charAt(0))] },
    { name: `parity of ${format}`, command: 3, value: [PARITIES[format.charAt(1)] ?? 1] },
    { name: `stop bits of ${format}`, command: 4, value: [Number(format.charAt(2))] },
    { name: `flow control ${flow}`, command: 5, value: [FLOWS[flow]] },
  ];
}

/** A server answers command n with n + 100. */
export const ANSWER = 100;
/** Telnet options: 8-bit data (RFC 856), no go-ahead (RFC 858), COM port control (RFC 2217). */
export const BINARY = 0;
export const SUPPRESS_GO_AHEAD = 3;
export const COM_PORT = 44;

const IAC = 255;
const DONT = 254;
const DO = 253;
const WONT = 252;
const WILL = 251;
const SB = 250;
const SE = 240;
const SUBNEGOTIATION_MAX = 256;
const NONE: readonly TelnetEvent[] = [];
const PARITIES: Readonly<Record<string, number>> = { N: 1, O: 2, E: 3 };
const FLOWS = { none: 1, xonxoff: 2, rtscts: 3 } as const;

function doubled(byte: number): number[] {
  return byte === IAC ? [IAC, IAC] : [byte];
}

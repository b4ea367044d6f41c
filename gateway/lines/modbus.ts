import ModbusRTU from "modbus-serial";

import type { BadBytes, SerialFormat } from "../devices/device.ts";
import { errorText, WardError } from "../errors.ts";
import type { Line } from "./line.ts";
import type { HostLine, PortLine } from "./line-url.ts";
import { parseLineUrl } from "./line-url.ts";
import { ModbusBus } from "./modbus-bus.ts";
import type { ReadRequest } from "./modbus-frames.ts";
import { countMax } from "./modbus-frames.ts";
import type { BusLink, ReadResult } from "./modbus-link.ts";
import { ReadOnlyPort } from "./modbus-port.ts";
import { SerialLink } from "./modbus-serial-link.ts";
import type { SerialMaster } from "./modbus-serial-link.ts";
import { TcpLink } from "./modbus-tcp-link.ts";
import { serialOf, timingOf } from "./modbus-timing.ts";
import type { Wire } from "./modbus-wire.ts";
import { openWireOf } from "./modbus-wire.ts";

/** Times of one bus, in milliseconds. */
export interface BusTiming {
  /** A device has this long to answer. @default 1000 */
  readonly replyMs: number;
  /** After anything unexpected a serial bus must be quiet for this long. @default 300 */
  readonly quietMs: number;
  /** A unit that does not answer is asked at least this often. @default 30000 */
  readonly unitBackoffMs: number;
}

const TIMING: BusTiming = { replyMs: 1000, quietMs: 300, unitBackoffMs: 30_000 };

/**
 * Opens a Modbus bus for reading: `modbus-tcp`, `modbus-rtu`, `modbus-ascii`, `modbus-rtu+tcp`. Throws WardError
 * `WARD_LINE_URL` for any other URL. See README.md in this folder for how wrong values are kept out.
 */
export function openModbusLine(url: string, timing: Partial<BusTiming> = {}): Line {
  const line = parseLineUrl(url);
  switch (line.scheme) {
    case "modbus-tcp":
    case "modbus-rtu":
    case "modbus-ascii":
    case "modbus-rtu+tcp": {
      const times = { ...TIMING, ...timing };
      return new ModbusBus({
        line,
        unitBackoffMs: times.unitBackoffMs,
        makeLink: (serial) => makeLink(line, serial, times),
      });
    }
    default:
      throw new WardError(
        "WARD_LINE_URL",
        `Cannot open ${line.scheme} line as Modbus. Use modbus-tcp, modbus-rtu, modbus-ascii or modbus-rtu+tcp.`,
      );
  }
}

function makeLink(
  line: PortLine | HostLine,
  serial: SerialFormat,
  { replyMs, quietMs }: BusTiming,
): BusLink {
  const openWire = openWireOf(line, serialOf(line, serial));
  return line.scheme === "modbus-tcp"
    ? new TcpLink({ openWire, replyMs })
    : new SerialLink({
        openWire,
        timing: timingOf(line, serial),
        makeMaster: (wire, framing) => new ModbusMaster(wire, framing),
        replyMs,
        quietMs,
      });
}

/**
 * One conversation with a serial bus. It is the only place that touches `modbus-serial`, which encodes the request and decodes
 * the reply; of the library's functions only the four reads are called, and `ReadOnlyPort` lets nothing else out.
 */
export class ModbusMaster implements SerialMaster {
  readonly #port: ReadOnlyPort;
  readonly #client: ModbusRTU.default;
  #isLost = false;
  #settle: ((result: ReadResult) => void) | null = null;

  constructor(wire: Wire, framing: "rtu" | "ascii") {
    this.#port = new ReadOnlyPort(wire, framing, (fault: BadBytes) => {
      this.#end({ kind: "bad", fault });
    });
    wire.onEnd = (why) => {
      this.#isLost = true;
      this.#end({ kind: "lost", why });
    };
    this.#client = new ModbusRTU.default(this.#port);
    this.#client.open();
  }

  get strayBytes(): number {
    return this.#port.strayBytes;
  }

  get lastByteAt(): number {
    return this.#port.lastByteAt;
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  /** Asks once. Resolves always, at the latest after `deadlineMs`; never throws. */
  async read(request: ReadRequest, deadlineMs: number): Promise<ReadResult> {
    const { promise, resolve } = Promise.withResolvers<ReadResult>();
    const late = setTimeout(() => {
      this.#end({ kind: "timeout", bytes: this.#port.giveUp() });
    }, deadlineMs);
    this.#settle = resolve;
    try {
      this.#send(request);
    } catch (error) {
      this.#end({ kind: "lost", why: errorText(error) });
    }
    const result = await promise;
    clearTimeout(late);
    return result;
  }

  abandon(): void {
    this.#end({ kind: "abandoned" });
  }

  #send({ unit, function: code, address, count }: ReadRequest): void {
    if (count > countMax(code)) {
      throw new WardError("WARD_MODBUS_NOT_A_READ", `Cannot ask for ${count} values at once.`);
    }
    const answer = (error: unknown, result?: { data: readonly (number | boolean)[] }): void => {
      this.#end(resultOf(error, result?.data.slice(0, count)));
    };
    switch (code) {
      case 1:
        return this.#client.writeFC1(unit, address, count, answer);
      case 2:
        return this.#client.writeFC2(unit, address, count, answer);
      case 3:
        return this.#client.writeFC3(unit, address, count, answer);
      case 4:
        return this.#client.writeFC4(unit, address, count, answer);
    }
  }

  #end(result: ReadResult): void {
    const settle = this.#settle;
    this.#settle = null;
    settle?.(result);
  }
}

function resultOf(error: unknown, data?: readonly (number | boolean)[]): ReadResult {
  if (error instanceof Error && "modbusCode" in error && typeof error.modbusCode === "number") {
    return { kind: "exception", code: error.modbusCode };
  }
  if (error !== null || data === undefined) {
    const fault = { kind: "fault", fault: "foreign", bytes: 0, text: errorText(error) } as const;
    return { kind: "bad", fault };
  }
  return { kind: "values", values: data.map(Number) };
}

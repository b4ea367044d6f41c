import ModbusRTU from "modbus-serial";

import type { BadBytes } from "../devices/device.ts";
import { errorText, WardError } from "../errors.ts";
import type { Line } from "./line.ts";
import { parseLineUrl } from "./line-url.ts";
import { ModbusBus } from "./modbus-bus.ts";
import type { BusTiming } from "./modbus-bus.ts";
import type { BusMaster, ReadResult } from "./modbus-connection.ts";
import type { Framing, ReadRequest } from "./modbus-frames.ts";
import { countMax } from "./modbus-frames.ts";
import { ReadOnlyPort } from "./modbus-port.ts";
import type { Wire } from "./modbus-wire.ts";

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
    case "modbus-rtu+tcp":
      return new ModbusBus({
        line,
        timing,
        makeMaster: (wire, framing) => new ModbusMaster(wire, framing),
      });
    default:
      throw new WardError(
        "WARD_LINE_URL",
        `Cannot open ${line.scheme} line as Modbus. Use modbus-tcp, modbus-rtu, modbus-ascii or modbus-rtu+tcp.`,
      );
  }
}

/**
 * One conversation with a bus. It is the only place that touches `modbus-serial`, which encodes the request and decodes the
 * reply; of the library's functions only the four reads are called, and `ReadOnlyPort` lets nothing else out.
 */
export class ModbusMaster implements BusMaster {
  readonly #port: ReadOnlyPort;
  readonly #client: ModbusRTU.default;
  #isLost = false;
  #settle: ((result: ReadResult) => void) | null = null;

  constructor(wire: Wire, framing: Framing) {
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

  get spent(): boolean {
    return this.#isLost || this.#port.spent;
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
    this.#end({ kind: "lost", why: "the line was closed" });
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

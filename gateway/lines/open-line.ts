import type { Line } from "./line.ts";
import { parseLineUrl } from "./line-url.ts";

/** What a line may need beside its URL. */
export interface LineContext {
  /** PEM certificates of OPC-UA servers that may be read; every other server is refused. */
  readonly opcuaTrust: readonly string[];
  /** Directory for the OPC-UA client's own certificate, or null when no OPC-UA line may be opened. */
  readonly opcuaPki: string | null;
  /** Name of this gateway, for servers that show who is connected. */
  readonly gateway: string;
}

/**
 * Makes the line for a URL; it opens when the first device is attached. The code of each kind of line is loaded when
 * first needed: node-opcua-client alone costs a second and 60 MB. Throws WardError `WARD_LINE_URL` for a URL that is none.
 */
export async function openLine(url: string, context: LineContext): Promise<Line> {
  const { scheme } = parseLineUrl(url);
  switch (scheme) {
    case "serial":
    case "rfc2217":
    case "unix":
    case "tcp":
    case "udp": {
      const { openStreamLine } = await import("./serial.ts");
      return openStreamLine(url);
    }
    case "modbus-tcp":
    case "modbus-rtu":
    case "modbus-ascii":
    case "modbus-rtu+tcp": {
      const { openModbusLine } = await import("./modbus.ts");
      return openModbusLine(url);
    }
    case "opc.tcp": {
      const { openOpcuaLine } = await import("./opcua.ts");
      return openOpcuaLine(url, context);
    }
  }
}

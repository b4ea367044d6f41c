import type { SerialFormat } from "../devices/device.ts";
import { errorText, WardError } from "../errors.ts";
import type { HostLine, PortLine } from "./line-url.ts";
import { lineKey } from "./line-url.ts";
import { openPort } from "./open-port.ts";
import { openStreamSocket } from "./stream-socket.ts";
import type { Transport, TransportEvents } from "./transport.ts";

/** The raw bytes between a Modbus master and its bus. Whoever owns the master sets the two handlers. */
export interface Wire {
  /** Called with every piece of bytes that arrives; bytes that come before it is set are thrown away. */
  onBytes: (bytes: Uint8Array) => void;
  /** Called once when the wire ended by itself; `why` is plain words. */
  onEnd: (why: string) => void;
  write(bytes: Uint8Array): void;
  /** Ends the wire at once; neither handler is called any more. */
  close(): Promise<void>;
}

/** Opens a wire; throws WardError `WARD_LINE_OPEN` or `WARD_PORT_TAKEN`. */
export type OpenWire = (signal: AbortSignal) => Promise<Wire>;

/** How to open the wire of a line: a TCP socket or a serial port. */
export function openWireOf(line: PortLine | HostLine, serial: SerialFormat): OpenWire {
  const key = lineKey(line);
  const open = (events: TransportEvents): Promise<Transport> =>
    "host" in line
      ? openStreamSocket({ host: line.host, port: line.port }, key, events)
      : openPort({ path: line.path, serial, line: key }, events);
  return async (signal) => {
    let wire: TransportWire | null = null;
    const transport = await open({
      onBytes: (bytes) => wire?.onBytes(bytes),
      onEnd: (why) => wire?.onEnd(why),
    });
    if (signal.aborted) {
      await transport.close();
      throw new WardError("WARD_LINE_OPEN", `Cannot open ${key}: the line was closed.`);
    }
    wire = new TransportWire(transport);
    return wire;
  };
}

class TransportWire implements Wire {
  onBytes: (bytes: Uint8Array) => void = ignore;
  onEnd: (why: string) => void = ignore;
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  write(bytes: Uint8Array): void {
    this.#transport.write(bytes).catch((error: unknown) => this.onEnd(errorText(error)));
  }

  async close(): Promise<void> {
    this.onBytes = ignore;
    this.onEnd = ignore;
    await this.#transport.close();
  }
}

function ignore(): void {}

import { openRemotePort } from "./remote-port.ts";
import { openSerialPort, type SerialPortOptions } from "./serial-port.ts";
import type { Transport, TransportEvents } from "./transport.ts";

/**
 * Opens a port of this machine: the port itself, or the socket (`.sock`) under which `wardgate ports` shares it, where this process
 * has no rights to the port. Throws WardError `WARD_LINE_OPEN` or `WARD_PORT_TAKEN`.
 */
export function openPort(options: SerialPortOptions, events: TransportEvents): Promise<Transport> {
  return options.path.endsWith(".sock")
    ? openRemotePort(options, events)
    : openSerialPort(options, events);
}

import type { SerialFormat, StreamDriver } from "../devices/device.ts";
import { openDatagramSocket } from "./datagram-socket.ts";
import type { DeviceSink, DeviceSpec, Line } from "./line.ts";
import type { LineTap } from "./line-tap.ts";
import { tapped } from "./line-tap.ts";
import type { LineUrl } from "./line-url.ts";
import { lineKey, parseLineUrl } from "./line-url.ts";
import type { LineClock } from "./machine.ts";
import { SYSTEM_CLOCK } from "./machine.ts";
import { openPort } from "./open-port.ts";
import { openRemotePort } from "./remote-port.ts";
import { StreamReader } from "./stream-reader.ts";
import { openStreamSocket } from "./stream-socket.ts";
import type { Transport, TransportEvents } from "./transport.ts";

/** What tests and recordings change. */
export interface StreamLineOptions {
  /** Sees every byte that crosses the line. */
  readonly tap?: LineTap;
  readonly clock?: LineClock;
  /** First and longest wait between attempts (milliseconds). @default 500 and 15000 */
  readonly firstRetryMs?: number;
  readonly maxRetryMs?: number;
}

/**
 * A line that carries a stream of bytes from one device: `serial:`, `rfc2217:`, `tcp:`, `unix:` and `udp:`. It opens at the first device
 * and refuses a second one. Throws WardError `WARD_LINE_URL` for a URL that is none of these.
 */
export function openStreamLine(url: string, options: StreamLineOptions = {}): Line {
  return new StreamLine(parseLineUrl(url), options);
}

class StreamLine implements Line {
  readonly #url: LineUrl;
  readonly #options: StreamLineOptions;
  readonly #readers = new Set<StreamReader>();
  #attached = false;
  /** The last detached device's end; the next one is opened after it. */
  #closing: Promise<void> = Promise.resolve();

  constructor(url: LineUrl, options: StreamLineOptions) {
    this.#url = url;
    this.#options = options;
  }

  attach(spec: DeviceSpec, sink: DeviceSink): () => void {
    const { driver } = spec;
    const key = lineKey(this.#url);
    const refuse = (why: string): (() => void) => {
      const clock = this.#options.clock ?? SYSTEM_CLOCK;
      sink.state("closed", `Cannot read ${spec.device} over ${key}: ${why}`, clock.now());
      return () => undefined;
    };
    if (driver.kind !== "stream" || !driver.facts.lines.includes(this.#url.scheme)) {
      return refuse(`${driver.facts.model} is read over ${driver.facts.lines.join(", ")}`);
    }
    if (this.#attached) {
      return refuse("this line already serves another device; a stream has only one");
    }
    const opener = openerOf(this.#url, driver);
    if (opener === null) {
      return refuse("this is no line for a stream of bytes");
    }
    this.#attached = true;
    let detached = false;
    const { tap, ...options } = this.#options;
    const reader = new StreamReader({
      key,
      scheme: this.#url.scheme,
      driver,
      deviceOptions: spec.options,
      sink,
      opener: tap === undefined ? opener : tapped(opener, tap),
      ...options,
    });
    this.#readers.add(reader);
    void this.#closing.then(() => reader.start());
    return () => {
      if (!detached) {
        detached = true;
        this.#attached = false;
        this.#closing = reader.close().finally(() => this.#readers.delete(reader));
      }
    };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#readers].map((reader) => reader.close()));
  }
}

function openerOf(
  url: LineUrl,
  driver: StreamDriver,
): ((events: TransportEvents) => Promise<Transport>) | null {
  const line = lineKey(url);
  switch (url.scheme) {
    case "serial": {
      const serial: SerialFormat = { ...driver.serial, ...url.serial };
      return (events) => openPort({ path: url.path, serial, line }, events);
    }
    case "rfc2217": {
      const { host, port } = url;
      const serial: SerialFormat = { ...driver.serial, ...url.serial };
      return (events) => openRemotePort({ host, port, serial, line }, events);
    }
    case "unix":
      return (events) => openStreamSocket({ path: url.path }, line, events);
    case "tcp":
      return (events) => openStreamSocket({ host: url.host, port: url.port }, line, events);
    case "udp": {
      const { host, port } = url;
      const { mode } = driver.facts;
      return (events) => openDatagramSocket({ host, port, mode, line }, events);
    }
    case "modbus-tcp":
    case "modbus-rtu":
    case "modbus-ascii":
    case "modbus-rtu+tcp":
    case "opc.tcp":
      return null;
  }
}

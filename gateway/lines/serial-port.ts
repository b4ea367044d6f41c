import { closeSync, constants, openSync } from "node:fs";
import { ReadStream } from "node:tty";

import { SerialPort } from "serialport";

import type { SerialFormat } from "../devices/device.ts";
import { errorText, WardError } from "../errors.ts";
import { openError } from "./open-error.ts";
import { claimPort, portFree } from "./port-owner.ts";
import type { Transport, TransportEvents } from "./transport.ts";
import {
  CLOSE_DEADLINE_MS,
  OPEN_DEADLINE_MS,
  WRITE_DEADLINE_MS,
  withDeadline,
} from "./transport.ts";

/** Where and how to open a serial port. */
export interface SerialPortOptions {
  /** Absolute path of the port. */
  readonly path: string;
  readonly serial: SerialFormat;
  /** Plain name of the line, for errors. */
  readonly line: string;
}

/**
 * Opens a serial port for one owner: no second line of this process and no other process that asks for the lock gets it.
 *
 * The `serialport` package opens, locks and sets the port and writes to it; the bytes are read by Node.js itself through a
 * second descriptor of the same port, which costs a fraction of the processor time and notices an unplug at once.
 * Throws WardError `WARD_LINE_OPEN` or `WARD_PORT_TAKEN`.
 */
export async function openSerialPort(
  { path, serial, line }: SerialPortOptions,
  events: TransportEvents,
): Promise<Transport> {
  await portFree(path, CLOSE_DEADLINE_MS);
  const release = claimPort(path, line);
  let port: Binding | undefined;
  try {
    port = await openBinding(path, serial);
    const reader = openReader(path, events);
    return new PortTransport({ port, reader, release }, events);
  } catch (error) {
    await port?.close().catch(() => undefined);
    release();
    throw openError(line, error);
  }
}

type Binding = Awaited<ReturnType<typeof SerialPort.binding.open>>;

interface PortParts {
  readonly port: Binding;
  readonly reader: ReadStream;
  readonly release: () => void;
}

class PortTransport implements Transport {
  readonly #parts: PortParts;
  readonly #events: TransportEvents;
  #ended = false;

  constructor(parts: PortParts, events: TransportEvents) {
    this.#parts = parts;
    this.#events = events;
    const { reader } = parts;
    reader.on("error", (error) => this.#end(`unplugged (${errorText(error)})`));
    reader.on("end", () => this.#end("unplugged"));
    reader.on("close", () => this.#end("unplugged"));
    reader.resume();
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#ended) {
      throw new WardError("WARD_LINE_WRITE", "Cannot ask the device: the port is closed.");
    }
    await withDeadline(
      this.#parts.port.write(Buffer.from(bytes)),
      WRITE_DEADLINE_MS,
      () => new WardError("WARD_LINE_WRITE", "Cannot ask the device: the port takes no bytes."),
    );
  }

  async close(): Promise<void> {
    this.#ended = true;
    await this.#release();
  }

  #end(why: string): void {
    if (!this.#ended) {
      this.#ended = true;
      this.#events.onEnd(why);
    }
  }

  async #release(): Promise<void> {
    const { port, reader, release } = this.#parts;
    reader.destroy();
    try {
      if (port.isOpen) {
        await withDeadline(port.close(), CLOSE_DEADLINE_MS, () => new Error("late"));
      }
    } catch {
      // A port that cannot be closed is gone; the next attempt opens a new one.
    } finally {
      release();
    }
  }
}

async function openBinding(path: string, serial: SerialFormat): Promise<Binding> {
  const opening: Promise<Binding> = SerialPort.binding.open({
    path,
    baudRate: serial.baud,
    dataBits: serial.format.startsWith("7") ? 7 : 8,
    parity: PARITIES[serial.format.charAt(1)] ?? "none",
    stopBits: serial.format.endsWith("2") ? 2 : 1,
    rtscts: serial.flow === "rtscts",
    xon: serial.flow === "xonxoff",
    xoff: serial.flow === "xonxoff",
    lock: true,
  });
  try {
    return await withDeadline(opening, OPEN_DEADLINE_MS, () => new Error("the port does not open"));
  } catch (error) {
    // A port that opens after its deadline must not stay open without an owner.
    void opening.then((late) => late.close()).catch(() => undefined);
    throw error;
  }
}

const PARITIES: Readonly<Record<string, "none" | "even" | "odd">> = {
  N: "none",
  E: "even",
  O: "odd",
};

/** All ports are read into the same memory, one after the other; what is handed on is a copy of its own. */
const READ_BYTES = new Uint8Array(4096);

/**
 * A terminal that is read as soon as `resume()` is called. Past the machinery of a stream, which would stop and start the
 * descriptor around every few bytes: that is more than half of what a small read costs.
 */
function openReader(path: string, events: TransportEvents): ReadStream {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOCTTY | constants.O_NONBLOCK);
  try {
    const callback = (length: number): boolean => {
      events.onBytes(READ_BYTES.slice(0, length));
      return true;
    };
    const reader = new ReadStream(descriptor, { onread: { buffer: READ_BYTES, callback } });
    // libuv opens a terminal once more and reads that; the descriptor it was given stays open until somebody closes it.
    if (descriptorOf(reader) !== descriptor) {
      closeSync(descriptor);
    }
    return reader;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** The descriptor that a stream really reads. Throws when it cannot be told: to close another's would be worse. */
function descriptorOf(reader: ReadStream): number {
  const handle: unknown = Reflect.get(reader, "_handle");
  const descriptor: unknown = Object(handle).fd;
  if (typeof descriptor !== "number") {
    throw new WardError("WARD_LINE_OPEN", "Cannot read a port: this Node.js hides its descriptor.");
  }
  return descriptor;
}

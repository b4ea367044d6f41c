import type { SerialFormat } from "../devices/device.ts";
import { errorText, WardError } from "../errors.ts";
import { openStreamSocket } from "./stream-socket.ts";
import {
  ANSWER,
  BINARY,
  COM_PORT,
  comPort,
  type PortSetting,
  portSettings,
  SUPPRESS_GO_AHEAD,
  telnetData,
  type TelnetEvent,
  telnetOption,
  TelnetReader,
} from "./telnet.ts";
import type { Transport, TransportEvents } from "./transport.ts";
import { withDeadline } from "./transport.ts";

/** Where a device server is, and how its port is to be set. */
export type RemotePortOptions = PortSetup &
  ({ readonly host: string; readonly port: number } | { readonly path: string });

interface PortSetup {
  readonly serial: SerialFormat;
  /** Plain name of the line, for errors. */
  readonly line: string;
}

/**
 * Opens the serial port of a device server over RFC 2217: sets baud rate, format and flow control, and makes sure that the
 * server has set them, because a port with other settings gives bytes that look like a broken device. Throws WardError
 * `WARD_LINE_OPEN`.
 */
export async function openRemotePort(
  options: RemotePortOptions,
  events: TransportEvents,
): Promise<Transport> {
  const { serial, line } = options;
  const place =
    "path" in options ? { path: options.path } : { host: options.host, port: options.port };
  const negotiation = new Negotiation(serial, line);
  const reader = new TelnetReader();
  let ended: string | null = null;
  const socket = await openStreamSocket(place, line, {
    onBytes: (bytes) => {
      const input = reader.push(bytes);
      for (const event of input.events) {
        const answer = negotiation.take(event);
        if (answer !== null) {
          socket.write(answer).catch(() => undefined);
        }
      }
      // What comes before the port is set came over a port with other settings.
      if (input.data.length > 0 && negotiation.isDone) {
        events.onBytes(input.data);
      }
    },
    onEnd: (why) => {
      ended = why;
      if (negotiation.isDone) {
        events.onEnd(why);
      } else {
        negotiation.fail(cannotOpen(line, why, CHECK_SERVER));
      }
    },
  });
  try {
    await socket.write(negotiation.opening());
    await withDeadline(negotiation.done, NEGOTIATION_MS, () => {
      const why = "the device server does not speak RFC 2217";
      return cannotOpen(line, why, "Switch RFC 2217 on for this port, or use tcp://");
    });
  } catch (error) {
    await socket.close();
    // A server that hangs up at once may be met in the middle of the first write.
    throw error instanceof WardError
      ? error
      : cannotOpen(line, ended ?? errorText(error), CHECK_SERVER);
  }
  if (ended !== null) {
    throw cannotOpen(line, ended, CHECK_SERVER);
  }
  return {
    write: (bytes) => socket.write(telnetData(bytes)),
    close: () => socket.close(),
  };
}

/** The talk about options and settings, from connecting to the moment when every setting is confirmed. */
class Negotiation {
  readonly done: Promise<void>;
  readonly #line: string;
  readonly #settings: readonly PortSetting[];
  readonly #open: Set<number>;
  readonly #resolve: () => void;
  readonly #reject: (error: Error) => void;
  #asked = false;
  #isDone = false;

  constructor(serial: SerialFormat, line: string) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.done = promise;
    promise.catch(() => undefined);
    this.#line = line;
    this.#settings = portSettings(serial);
    this.#open = new Set(this.#settings.map(({ command }) => command));
    this.#resolve = resolve;
    this.#reject = reject;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  fail(error: Error): void {
    this.#reject(error);
  }

  /** What we say first. */
  opening(): Uint8Array {
    return Buffer.concat([
      telnetOption("will", COM_PORT),
      telnetOption("will", BINARY),
      telnetOption("do", BINARY),
      telnetOption("will", SUPPRESS_GO_AHEAD),
      telnetOption("do", SUPPRESS_GO_AHEAD),
    ]);
  }

  /** What to answer, or null. */
  take(event: TelnetEvent): Uint8Array | null {
    switch (event.kind) {
      case "do":
        return this.#asks(event.option, event.on);
      case "will":
        return this.#offers(event.option, event.on);
      case "com-port":
        this.#told(event.command, event.value);
        return null;
    }
  }

  #asks(option: number, on: boolean): Uint8Array | null {
    if (option === COM_PORT) {
      if (!on) {
        const why = "the device server refuses RFC 2217";
        this.fail(cannotOpen(this.#line, why, "Switch RFC 2217 on for this port, or use tcp://"));
        return null;
      }
      if (this.#asked) {
        return null;
      }
      this.#asked = true;
      return Buffer.concat(this.#settings.map(({ command, value }) => comPort(command, value)));
    }
    return on && !OURS.has(option) ? telnetOption("wont", option) : null;
  }

  #offers(option: number, on: boolean): Uint8Array | null {
    return on && !OURS.has(option) && option !== COM_PORT ? telnetOption("dont", option) : null;
  }

  #told(answer: number, value: Uint8Array): void {
    const setting = this.#settings.find(({ command }) => command + ANSWER === answer);
    if (setting === undefined || !this.#open.has(setting.command)) {
      return;
    }
    if (!Buffer.from(setting.value).equals(value)) {
      const why = `the device server does not set ${setting.name}`;
      this.fail(cannotOpen(this.#line, why, "Check what its port can do"));
      return;
    }
    this.#open.delete(setting.command);
    if (this.#open.size === 0) {
      this.#isDone = true;
      this.#resolve();
    }
  }
}

/** Options that we ask for ourselves: their confirmation needs no answer (RFC 854, option negotiation). */
const OURS: ReadonlySet<number> = new Set([BINARY, SUPPRESS_GO_AHEAD]);
const NEGOTIATION_MS = 5000;
/** What a server that hangs up may mean: most let only one program have a port. */
const CHECK_SERVER = "Check the device server, and that nobody else has this port open";

function cannotOpen(line: string, why: string, whatToDo: string): WardError {
  return new WardError("WARD_LINE_OPEN", `Cannot open ${line}: ${why}. ${whatToDo}.`);
}

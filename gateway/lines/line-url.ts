import type { LineScheme, SerialFormat } from "../devices/device.ts";
import { LINE_SCHEMES } from "../devices/device.ts";
import { WardError } from "../errors.ts";

/**
 * Line URLs: where a device is plugged in.
 *
 * `serial:/dev/ttyUSB0?baud=9600&format=8N1&flow=none`, `modbus-rtu:/dev/ttyUSB0?baud=19200&format=8E1`,
 * `modbus-ascii:/dev/ttyUSB0`, `rfc2217://host:port?baud=9600`, `unix:/run/port.sock`, `tcp://host:port`, `udp://host:port`, `modbus-tcp://host:port`,
 * `modbus-rtu+tcp://host:port`, `opc.tcp://host:port/path`.
 */
export type LineUrl = PortLine | RemotePortLine | SocketLine | HostLine | OpcuaLine;

/** A line on a serial port of this machine. What the URL leaves open comes from the driver. */
export interface PortLine {
  readonly scheme: "serial" | "modbus-rtu" | "modbus-ascii";
  /** Absolute path of the port, best one of `/dev/serial/by-path/`. */
  readonly path: string;
  readonly serial: Partial<SerialFormat>;
}

/** A serial port of a device server that is set up over the network (RFC 2217). What the URL leaves open comes from the driver. */
export interface RemotePortLine {
  readonly scheme: "rfc2217";
  readonly host: string;
  readonly port: number;
  readonly serial: Partial<SerialFormat>;
}

/** A line on a Unix socket of this machine. */
interface SocketLine {
  readonly scheme: "unix";
  readonly path: string;
}

/** A line over the network. */
export interface HostLine {
  readonly scheme: "tcp" | "udp" | "modbus-tcp" | "modbus-rtu+tcp";
  /** Host name or address, lower case, without brackets. */
  readonly host: string;
  /** 1-65535. */
  readonly port: number;
}

/** An OPC-UA server. */
interface OpcuaLine {
  readonly scheme: "opc.tcp";
  readonly host: string;
  readonly port: number;
  /** "" or starts with "/". */
  readonly path: string;
}

/** Reads a line URL. Throws WardError `WARD_LINE_URL` that says what is wrong and what to write instead. */
export function parseLineUrl(text: string): LineUrl {
  const { scheme, rest, query } = splitUrl(text);
  switch (scheme) {
    case "serial":
    case "modbus-rtu":
    case "modbus-ascii":
      return { scheme, path: parsePath(text, rest), serial: parseSerial(text, query) };
    case "unix":
      refuseQuery(text, query);
      return { scheme, path: parsePath(text, rest) };
    case "rfc2217":
      return { scheme, ...parseHost(text, scheme, rest), serial: parseSerial(text, query) };
    case "tcp":
    case "udp":
    case "modbus-tcp":
    case "modbus-rtu+tcp":
      refuseQuery(text, query);
      return { scheme, ...parseHost(text, scheme, rest) };
    case "opc.tcp":
      refuseQuery(text, query);
      return { scheme, ...parsePlace(text, rest, DEFAULT_PORTS[scheme]) };
  }
}

/** Writes a line URL in its one normal form; `parseLineUrl` reads it back to the same. */
export function formatLineUrl(url: LineUrl): string {
  if (!("serial" in url)) {
    return lineKey(url);
  }
  const query: string[] = [];
  for (const name of ["baud", "format", "flow"] as const) {
    if (url.serial[name] !== undefined) {
      query.push(`${name}=${url.serial[name]}`);
    }
  }
  return query.length === 0 ? lineKey(url) : `${lineKey(url)}?${query.join("&")}`;
}

/**
 * The line without its settings, in one normal form: `serial:/dev/ttyUSB0`, `tcp://10.0.0.7:4001`. Two URLs with the
 * same key mean the same line; the signed settings list keys. Throws as `parseLineUrl` does.
 */
export function lineKey(line: LineUrl | string): string {
  const url = typeof line === "string" ? parseLineUrl(line) : line;
  if (!("host" in url)) {
    return `${url.scheme}:${url.path}`;
  }
  const host = url.host.includes(":") ? `[${url.host}]` : url.host;
  return `${url.scheme}://${host}:${url.port}${"path" in url ? url.path : ""}`;
}

const DEFAULT_PORTS = {
  rfc2217: null,
  tcp: null,
  udp: null,
  "modbus-tcp": 502,
  "modbus-rtu+tcp": null,
  "opc.tcp": 4840,
} as const;
const FORMATS = ["8N1", "8E1", "8O1", "7E1", "7O1", "8N2"] as const;
const FLOWS = ["none", "rtscts", "xonxoff"] as const;
const BAUD_MIN = 50;
const BAUD_MAX = 4_000_000;
const URL_LENGTH_MAX = 512;
/** Printable ASCII without blanks, quotes, backslash: nothing that a shell, a log line or a file system could misread. */
const URL_TEXT = /^[!#-&(-[\]-_a-~]+$/;
const HOST =
  /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?))(?::([0-9]{1,5}))?$/;

function splitUrl(text: string): { scheme: LineScheme; rest: string; query: URLSearchParams } {
  if (text.length > URL_LENGTH_MAX || !URL_TEXT.test(text)) {
    throw bad(text, "it is empty, too long or has blanks or special characters", EXAMPLES);
  }
  const colon = text.indexOf(":");
  const word = text.slice(0, Math.max(colon, 0)).toLowerCase();
  const scheme = LINE_SCHEMES.find((known) => known === word);
  if (scheme === undefined) {
    throw bad(text, `"${word}" is no kind of line`, EXAMPLES);
  }
  const mark = text.indexOf("?");
  const rest = text.slice(colon + 1, mark === -1 ? undefined : mark);
  return { scheme, rest, query: new URLSearchParams(mark === -1 ? "" : text.slice(mark + 1)) };
}

function parsePath(text: string, rest: string): string {
  const path = rest.replace(/^\/\/(?=\/)/, "");
  if (!/^\/[^/]/.test(path) || path.endsWith("/")) {
    throw bad(text, "the path is not absolute", "Write for example serial:/dev/ttyUSB0");
  }
  if (path.split("/").some((step, place) => place > 0 && ["", ".", ".."].includes(step))) {
    throw bad(text, 'the path has an empty step, "." or ".."', "Write the direct path");
  }
  return path;
}

function parseSerial(text: string, query: URLSearchParams): Partial<SerialFormat> {
  const serial: { -readonly [Name in keyof SerialFormat]?: SerialFormat[Name] } = {};
  for (const [name, value] of query) {
    if (name === "baud") {
      serial.baud = parseBaud(text, value);
    } else if (name === "format") {
      serial.format = choose(text, name, value.toUpperCase(), FORMATS);
    } else if (name === "flow") {
      serial.flow = choose(text, name, value.toLowerCase(), FLOWS);
    } else {
      throw bad(text, `"${name}" is no setting of a serial line`, "Use baud, format and flow");
    }
  }
  return serial;
}

function parseBaud(text: string, value: string): number {
  const baud = /^[0-9]{1,7}$/.test(value) ? Number(value) : 0;
  if (baud < BAUD_MIN || baud > BAUD_MAX) {
    throw bad(text, `baud "${value}" is not ${BAUD_MIN} to ${BAUD_MAX}`, "Use for example 9600");
  }
  return baud;
}

function choose<Choice extends string>(
  text: string,
  name: string,
  value: string,
  choices: readonly Choice[],
): Choice {
  const found = choices.find((choice) => choice === value);
  if (found === undefined) {
    throw bad(text, `${name} "${value}" is unknown`, `Use one of ${choices.join(", ")}`);
  }
  return found;
}

function refuseQuery(text: string, query: URLSearchParams): void {
  for (const name of query.keys()) {
    throw bad(text, `this kind of line has no setting "${name}"`, "Leave out what follows the ?");
  }
}

function parseHost(
  text: string,
  scheme: Exclude<keyof typeof DEFAULT_PORTS, "opc.tcp">,
  rest: string,
): { host: string; port: number } {
  const { host, port, path } = parsePlace(text, rest, DEFAULT_PORTS[scheme]);
  if (path !== "" && path !== "/") {
    throw bad(text, `${scheme} has no path`, `Write ${scheme}://host:port`);
  }
  return { host, port };
}

function parsePlace(
  text: string,
  rest: string,
  defaultPort: number | null,
): { host: string; port: number; path: string } {
  const slash = rest.indexOf("/", 2);
  const authority = rest.slice(2, slash === -1 ? undefined : slash);
  if (authority.includes("@")) {
    throw bad(text, "it carries a user name", "Leave out what stands before the @");
  }
  const match = HOST.exec(authority);
  const host = match?.[1] ?? match?.[2];
  if (!rest.startsWith("//") || host === undefined) {
    throw bad(text, "there is no host", "Write //host:port after the colon");
  }
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  if (port === null || port < 1 || port > 65_535) {
    throw bad(text, "there is no port from 1 to 65535", "Write //host:port after the colon");
  }
  return { host: host.toLowerCase(), port, path: slash === -1 ? "" : rest.slice(slash) };
}

const EXAMPLES =
  "Write for example serial:/dev/ttyUSB0?baud=9600&format=8N1, tcp://10.0.0.7:4001, modbus-tcp://10.0.0.8:502 or opc.tcp://10.0.0.9:4840";

function bad(text: string, why: string, whatToDo: string): WardError {
  const shown = text.slice(0, 80).replaceAll(/[^ -~]/g, "?");
  return new WardError("WARD_LINE_URL", `Cannot use line "${shown}": ${why}. ${whatToDo}.`);
}

import type { Quality } from "../reading.ts";

/**
 * The contract between a device driver and the house. Decoding is pure: bytes, words or values and the time come in,
 * readings, waveforms and faults go out. A driver opens nothing, knows no clock and imports only this file and
 * reading.ts. Devices are only ever read: whatever a driver asks of a device is one of its compiled-in read verbs.
 */

/** What every driver says about itself; the device matrix in the docs is made of it. */
export interface DriverFacts {
  /** `<maker>-<model>`, for example `nonin-oem3-format2`. */
  readonly model: string;
  readonly maker: string;
  /** The name of the protocol as its manual calls it. */
  readonly protocol: string;
  /** Schemes of line this driver can be read over. */
  readonly lines: readonly LineScheme[];
  /** A: byte-exact from two sources or known answers; B: from one good source. */
  readonly evidence: "A" | "B";
  /** Passive drivers only listen (they work on a tap); active ones ask. */
  readonly mode: "passive" | "active";
  /** Where the protocol is specified: manual and page, standard and clause. */
  readonly source: string;
  /** Without a good frame for this long the device counts as silent (milliseconds). */
  readonly quietMs: number;
}

export const LINE_SCHEMES = [
  "serial",
  "rfc2217",
  "tcp",
  "unix",
  "udp",
  "modbus-tcp",
  "modbus-rtu",
  "modbus-ascii",
  "modbus-rtu+tcp",
  "opc.tcp",
] as const;
export type LineScheme = (typeof LINE_SCHEMES)[number];

/** Every kind of line that carries the bytes of a serial port: the port itself, and device servers in front of it. */
export const SERIAL_LINES = ["serial", "rfc2217", "tcp", "unix", "udp"] as const;

/** closed -> connecting -> negotiating -> online; online -> stale when no good frame comes; any -> backoff on failure. */
export const LINE_STATES = [
  "closed",
  "connecting",
  "negotiating",
  "online",
  "stale",
  "backoff",
] as const;
export type LineState = (typeof LINE_STATES)[number];

/** A reading before bedside gives it its identity and gateway time. Fields as in reading.ts. */
export interface Measured {
  readonly code: string;
  readonly mdc: number | null;
  readonly value: number | string | null;
  readonly text: string;
  readonly unit: string;
  readonly quality: readonly Quality[];
  readonly path: string;
  readonly deviceAt: number | null;
}

/** A waveform block before bedside gives it its identity. The first sample was taken `spanMs` before the frame ended. */
export interface MeasuredWave {
  readonly code: string;
  readonly mdc: number | null;
  readonly unit: string;
  readonly period: { readonly ms: number; readonly samples: number };
  readonly scale: number;
  readonly offset: number;
  readonly samples: readonly (number | null)[];
  readonly gap: boolean;
  readonly quality: readonly Quality[];
  readonly path: string;
  /** How long before the arrival of the block its first sample was taken (milliseconds). */
  readonly spanMs: number;
}

/** What one poll or frame gave. */
export interface Frame {
  readonly kind: "frame";
  readonly readings: readonly Measured[];
  readonly waves: readonly MeasuredWave[];
}

/** Bytes given up, and why. */
export interface BadBytes {
  readonly kind: "fault";
  readonly fault: string;
  readonly bytes: number;
  readonly text: string;
}

/**
 * One thing that a driver may say to its device, ever: a question, or the acknowledgement that a protocol demands. `matches`
 * looks at the bytes themselves and is written apart from whatever encodes them. The line asks it before bytes leave, so
 * what no read verb matches cannot be sent, whoever encoded it.
 */
export interface ReadVerb {
  /** Stable name, for example `poll-numerics`. */
  readonly verb: string;
  /** One sentence: what it asks for, and why it changes nothing in the device. */
  readonly doc: string;
  matches(bytes: Uint8Array): boolean;
}

/** Bytes for the device. `verb` names the driver's read verb that must match them. */
export interface Ask {
  readonly kind: "ask";
  readonly verb: string;
  readonly bytes: Uint8Array;
}

/** The device proved who it is; a change on the same port is a notice. */
export interface IdentityFound {
  readonly kind: "identity";
  readonly serial: string;
}

export type Output = Frame | BadBytes | Ask | IdentityFound;

/** Options of one device, complete and checked by option-check.ts before a driver sees them. */
export type DeviceOptions = Readonly<Record<string, string | number | boolean>>;

/** One option of a driver: name, unit, range and default, shown in the editor and checked before use. */
export interface OptionSpec {
  readonly name: string;
  readonly doc: string;
  readonly default: string | number | boolean;
  readonly choices?: readonly (string | number)[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly unit?: string;
  /** The value is text of several lines (a register map, say), up to `OPTION_TEXT_MAX` characters. */
  readonly multiline?: boolean;
}

/** Characters of an option's text, at most. */
export const OPTION_TEXT_MAX = 65_536;

/** A device that sends a stream of bytes: serial, raw TCP, UDP. */
export interface StreamDriver {
  readonly kind: "stream";
  readonly facts: DriverFacts;
  /** Default line settings. */
  readonly serial: SerialFormat;
  /** The read verbs: all that this driver may ever send; empty for a passive one. */
  readonly verbs: readonly ReadVerb[];
  readonly options: readonly OptionSpec[];
  /** What is wrong with a text that holds more than a word (a register map, say): every problem at once, with what to do. */
  readonly problems?: (options: DeviceOptions) => readonly string[];
  /** A fresh decoder for one connection. `line` matters to protocols that are framed otherwise in datagrams. */
  open(options: DeviceOptions, line: LineScheme): StreamDecoder;
}

/**
 * Keeps what is needed between bytes of one connection. Memory is bounded by the longest legal frame. `at` is in milliseconds
 * from an arbitrary start and never jumps (it is not the time of day), so it is good for spans and deadlines only.
 */
export interface StreamDecoder {
  /** Takes bytes as they came, cut anywhere (a datagram always whole). Never throws on any bytes. */
  push(bytes: Uint8Array, at: number): Output[];
  /**
   * Called at once when the line is open and then at least every 100 ms for active drivers: what to ask now. Passive drivers
   * return nothing. Whatever comes out of `push` as an ask is sent at once, for protocols that demand an acknowledgement.
   */
  tick(at: number): Output[];
  /** The stream has ended: what was complete but held back until its successor would confirm it, and unused bytes. */
  end?(at: number): Output[];
}

export interface SerialFormat {
  readonly baud: number;
  readonly format: "8N1" | "8E1" | "8O1" | "7E1" | "7O1" | "8N2";
  readonly flow: "none" | "rtscts" | "xonxoff";
}

/** A block of registers read in one request. Only read functions exist. */
export interface RegisterBlock {
  /** Modbus function: 1 coils, 2 discrete inputs, 3 holding registers, 4 input registers. */
  readonly function: 1 | 2 | 3 | 4;
  /** Zero-based protocol address. */
  readonly address: number;
  /** 1-125 registers, or 1-2000 bits. */
  readonly count: number;
}

/** A Modbus device: a table of blocks and a pure decoder for each poll. */
export interface ModbusDriver {
  readonly kind: "modbus";
  readonly facts: DriverFacts;
  readonly serial: SerialFormat;
  readonly options: readonly OptionSpec[];
  /** What is wrong with a text that holds more than a word (a register map, say): every problem at once, with what to do. */
  readonly problems?: (options: DeviceOptions) => readonly string[];
  /** How often to poll (milliseconds). */
  readonly pollMs: number;
  /** What to read in one poll. */
  blocks(options: DeviceOptions): readonly RegisterBlock[];
  /** One poll's words, one array per block in the same order. Never throws on any words. */
  decode(words: readonly (readonly number[])[], options: DeviceOptions): Output[];
}

/** One variable of an OPC-UA server, found by browse path below Objects so that node ids may differ between servers. */
export interface OpcuaPoint {
  /**
   * Browse path below Objects: steps joined by " > ", each `namespace-uri;name`, a name alone (any namespace), or `*` (whichever
   * leads on; in the end exactly one node must be found). Or a node id `nsu=<uri>;s=...`.
   */
  readonly node: string;
  /** When given, the EngineeringUnits that the server declares for the variable must have one of these unit ids. */
  readonly unitIds?: readonly number[];
  readonly code: string;
  readonly mdc: number | null;
  readonly unit: string;
  readonly path: string;
}

export interface OpcuaDriver {
  readonly kind: "opcua";
  readonly facts: DriverFacts;
  readonly options: readonly OptionSpec[];
  /** What is wrong with a text that holds more than a word (a register map, say): every problem at once, with what to do. */
  readonly problems?: (options: DeviceOptions) => readonly string[];
  readonly samplingMs: number;
  points(options: DeviceOptions): readonly OpcuaPoint[];
  /** One changed variable to readings. `value` is what JSON can carry; `statusCode` is the OPC-UA StatusCode (u32). */
  decode(point: OpcuaPoint, change: OpcuaChange, options: DeviceOptions): Output[];
}

export interface OpcuaChange {
  readonly value: number | string | boolean | null;
  readonly statusCode: number;
  /** Source timestamp, epoch milliseconds, or null. */
  readonly sourceAt: number | null;
}

export type Driver = StreamDriver | ModbusDriver | OpcuaDriver;

/** What a simulator can be told to do wrong, all of them at any time. */
export const SIMULATED_FAULTS = ["silence", "noise", "checksum", "sensor-off", "restart"] as const;
export type SimulatedFault = (typeof SIMULATED_FAULTS)[number];

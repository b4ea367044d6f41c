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
  /** The Modbus unit that answered in place of the one that was asked, where that is certain. */
  readonly unit?: number;
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

/**
 * The option of a device whose quiet time depends on the site: it prints once a minute, or only when there is something to
 * say. `defaultS` in seconds; 0 means that silence is nothing to be told.
 */
export function quietOption(defaultS: number): OptionSpec {
  return {
    name: "quiet-seconds",
    doc: "Told as silent after this long without a good message; 0 for a device that speaks only when it has something to say.",
    default: defaultS,
    minimum: 0,
    maximum: 86_400,
    unit: "s",
  };
}

/** How long a device may be quiet (milliseconds): what its options say, else its driver. May be infinite. */
export function quietMsOf({ facts }: Driver, options: DeviceOptions): number {
  const seconds = options["quiet-seconds"];
  if (typeof seconds !== "number") {
    return facts.quietMs;
  }
  return seconds === 0 ? Number.POSITIVE_INFINITY : 1000 * seconds;
}

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
  /** "none": nothing that the device sends says who the patient is. */
  readonly demographics?: "none";
  /**
   * For protocols that say who the patient is: a filter for recordings. Where neither this nor `demographics` is given, nobody has
   * looked, and no recording of the device counts as anonymous.
   */
  anonymise?(line: LineScheme): Anonymiser;
}

/**
 * Masks who the patient is in what one device sends. Pure, like decoding; memory is bounded by the longest legal frame. Fields are masked
 * character by character and checksums corrected, so that frames keep their length and their meaning to a decoder.
 */
export interface Anonymiser {
  /** Takes bytes as they came and gives what may be kept by now: what is no whole frame yet is held back, what is none left out. */
  push(bytes: Uint8Array): Uint8Array;
  /** The stream has ended: what was held back, if it may be kept. */
  end(): Uint8Array;
}

/**
 * Keeps what is needed between bytes of one connection. Memory is bounded by the longest legal frame. `at` is in milliseconds
 * from an arbitrary start and never jumps (it is not the time of day), so it is good for spans and deadlines only.
 */
export interface StreamDecoder {
  /** Takes bytes as they came, cut anywhere (a datagram always whole). Never throws on any bytes. */
  push(bytes: Uint8Array, at: number): Output[];
  /**
   * Called at once when the line is open and then at least every 100 ms for active drivers, every 500 ms for passive ones: what to
   * ask now, and what was held back for a successor that does not come. Passive drivers ask nothing. Whatever comes out of `push` as
   * an ask is sent at once, for protocols that demand an acknowledgement.
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

/** Registers (or bits) that belong together: their words always come from one reply. Only read functions exist. */
export interface RegisterBlock {
  /** Modbus function: 1 coils, 2 discrete inputs, 3 holding registers, 4 input registers. */
  readonly function: 1 | 2 | 3 | 4;
  /** Zero-based protocol address. */
  readonly address: number;
  /** 1-125 registers, or 1-2000 bits. */
  readonly count: number;
}

/** What is read of a device at one pace. The line decides which requests that takes. */
export interface RegisterPoll {
  /** How often (milliseconds). */
  readonly everyMs: number;
  readonly blocks: readonly RegisterBlock[];
  /** One poll's words (or bits), one array per block in the same order, null for one that the device refused. Never throws on any words. */
  readonly decode: (words: readonly (readonly number[] | null)[]) => Output[];
}

/** What a device bears to be asked. What is left out is as Modbus allows it. */
export interface RegisterLimits {
  /** Registers in one request, at most. @default 125 */
  readonly registersMax?: number;
  /** Bits in one request, at most. @default 2000 */
  readonly bitsMax?: number;
  /** Registers that are never asked for, not even to bridge a gap. */
  readonly forbidden?: readonly RegisterRange[];
  /** Each block is asked for alone, where addresses are no row of registers. @default false */
  readonly apart?: boolean;
  /** Modbus TCP: requests under way at once on one connection, 1-16. @default 1 */
  readonly inFlight?: number;
  /** Modbus TCP: connections at once, 1-4. @default 1 */
  readonly connections?: number;
}

export interface RegisterRange {
  readonly function: RegisterBlock["function"];
  readonly first: number;
  readonly last: number;
}

/** A Modbus device: tables of blocks and a pure decoder for each poll. */
export interface ModbusDriver {
  readonly kind: "modbus";
  readonly facts: DriverFacts;
  readonly serial: SerialFormat;
  readonly options: readonly OptionSpec[];
  /** What is wrong with a text that holds more than a word (a register map, say): every problem at once, with what to do. */
  readonly problems?: (options: DeviceOptions) => readonly string[];
  /** What to read of a device with these options, one poll for each pace. */
  polls(options: DeviceOptions): readonly RegisterPoll[];
  readonly limits?: (options: DeviceOptions) => RegisterLimits;
}

/** One variable of an OPC-UA server, found by browse path below Objects so that node ids may differ between servers. */
export interface OpcuaPoint {
  /**
   * Browse path below Objects: steps joined by " > ", each `namespace-uri;name`, a name alone (any namespace), or `*` (whichever
   * leads on; in the end exactly one node must be found). Or a node id `nsu=<uri>;s=...`, or `i=...` for one of OPC-UA itself.
   */
  readonly node: string;
  /** When given, the EngineeringUnits that the server declares for the variable must have one of these unit ids. */
  readonly unitIds?: readonly number[];
  /** Whether a variable that declares no unit at all may be read. @default false */
  readonly unitMayMiss?: boolean;
  /** Smaller changes need not be told. All values are read now and then all the same, so that this starves nobody. */
  readonly deadband?: OpcuaDeadband;
  readonly code: string;
  readonly mdc: number | null;
  readonly unit: string;
  readonly path: string;
}

/** A filter that the server applies, if it can. */
export interface OpcuaDeadband {
  /** In the unit of the variable, or per cent of the EURange that the server declares for it. */
  readonly kind: "absolute" | "percent";
  readonly value: number;
}

/** How a server is to watch the variables of one device. */
export interface OpcuaWatching {
  /** The server looks at each variable this often (milliseconds). */
  readonly samplingMs: number;
  /** The server tells what has changed this often (milliseconds). @default a quarter of samplingMs, at most 1000 */
  readonly publishingMs?: number;
  /** Values of one variable that the server keeps until it tells them. @default 10 */
  readonly queueSize?: number;
  /** Variables in one request, at most. What the server states itself counts too. @default 100 */
  readonly itemsPerCall?: number;
}

/** A node of a server as a line has found it by browsing. */
export interface OpcuaNode {
  /** Node id, for example `nsu=http://opcfoundation.org/UA/DI/;i=5001`. */
  readonly node: string;
  /** The two parts of the browse name. */
  readonly namespace: string;
  readonly name: string;
  readonly isVariable: boolean;
  /** Type definition and what that is derived from, the nearest first, as node ids. */
  readonly types: readonly string[];
  /** UNECE unit id of the EngineeringUnits among its children, or null. */
  readonly unitId: number | null;
  /** Empty where discovery did not go on. */
  readonly children: readonly OpcuaNode[];
}

/** How a driver finds its points in a server whose tree follows a companion specification. The line browses, this decides. */
export interface OpcuaDiscovery {
  /** Browse path below Objects of the node to start from. */
  readonly root: string;
  /** Whether to look at the children of a node, which it does not have yet; `above` are the nodes over it, the root first. */
  follows(node: OpcuaNode, above: readonly OpcuaNode[], options: DeviceOptions): boolean;
  /** The points in what was found, and what is not read and why, one sentence each. */
  choose(root: OpcuaNode, options: DeviceOptions): OpcuaChoice;
}

export interface OpcuaChoice {
  readonly points: readonly OpcuaPoint[];
  readonly skipped: readonly string[];
}

export interface OpcuaDriver {
  readonly kind: "opcua";
  readonly facts: DriverFacts;
  readonly options: readonly OptionSpec[];
  /** What is wrong with a text that holds more than a word (a register map, say): every problem at once, with what to do. */
  readonly problems?: (options: DeviceOptions) => readonly string[];
  readonly samplingMs: number;
  /** How one device is watched, for drivers that leave that to the engineer. @default every samplingMs, the rest as usual */
  watching?(options: DeviceOptions): OpcuaWatching;
  /** For drivers that find their points in the server; `points` then gives those that need not be found. */
  readonly discovery?: OpcuaDiscovery;
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

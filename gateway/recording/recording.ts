import type { SerialFormat } from "../devices/device.ts";
import { WardError } from "../errors.ts";

/**
 * A recording of what crossed one line: README.md is its specification. One JSON object a line: first the header, then every piece of
 * bytes with its time and direction.
 */
export interface RecordingHeader {
  /** Key of the line, without settings and without credentials, for example `serial:/dev/ttyUSB0`. */
  readonly line: string;
  /** The driver that read the device, or null for a line that was only listened to. */
  readonly model: string | null;
  /** When the recording began, epoch milliseconds. */
  readonly startedAt: number;
  /** How the port was set; null for lines that have no settings. */
  readonly serial: SerialFormat | null;
  /** Who the patient is was masked. */
  readonly anonymised: boolean;
}

/** Bytes that crossed the line together: what one read of the line gave, a whole datagram, or one question. */
export interface Piece {
  /** Milliseconds since the recording began. */
  readonly ms: number;
  readonly from: PieceFrom;
  /** 1 to `PIECE_BYTES_MAX`. */
  readonly bytes: Uint8Array;
}

export type PieceFrom = "device" | "gateway";

/** The largest datagram there is, and more than one read of a line gives. */
export const PIECE_BYTES_MAX = 65_536;
/** Characters of one line of a recording without its end, at most. */
export const LINE_CHARACTERS_MAX = 2 * PIECE_BYTES_MAX + 100;
/** How every recording begins, so that it can be told from raw bytes. */
export const RECORDING_START = '{"kind":"wardgate-recording",';

/** The first line of a recording, with its end. */
export function headerLine({
  line,
  model,
  startedAt,
  serial,
  anonymised,
}: RecordingHeader): string {
  const started = new Date(startedAt).toISOString();
  const header = { kind: KIND, version: VERSION, line, model, started, serial, anonymised };
  return `${JSON.stringify(header)}\n`;
}

/** One piece as a line with its end. */
export function pieceLine({ ms, from, bytes }: Piece): string {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
  return `{"ms":${Math.round(ms)},"from":"${from}","hex":"${hex}"}\n`;
}

/** Reads the first line. Throws WardError `WARD_RECORDING`. */
export function parseHeader(text: string): RecordingHeader {
  const header = objectOf(text, 1);
  if (header["kind"] !== KIND) {
    throw bad(1, "it is no header of a recording", `Its kind must be "${KIND}"`);
  }
  if (header["version"] !== VERSION) {
    const why = `it has another version of the format than ${VERSION}`;
    throw bad(1, why, "Use the wardgate that wrote it, or a newer one");
  }
  const { line, model, serial, anonymised } = header;
  if (typeof line !== "string" || !LINE_KEY.test(line)) {
    throw bad(1, "line is no key of a line", 'Write for example "serial:/dev/ttyUSB0"');
  }
  if (model !== null && (typeof model !== "string" || !MODEL.test(model))) {
    throw bad(1, "model is neither a model nor null", 'Write for example "masimo-ascii1"');
  }
  if (serial !== null && !isSerialFormat(serial)) {
    throw bad(1, "serial has no baud, format and flow", "Write null for a line without settings");
  }
  if (typeof anonymised !== "boolean") {
    throw bad(1, "anonymised is neither true nor false", "Write false when nothing was masked");
  }
  return { line, model, startedAt: instantOf(header["started"]), serial, anonymised };
}

/** Reads a later line; `after` is the time of the piece before. Throws WardError `WARD_RECORDING`. */
export function parsePiece(text: string, number: number, after: number): Piece {
  const { ms, from, hex } = objectOf(text, number);
  if (typeof ms !== "number" || !(ms >= 0 && ms <= MS_MAX)) {
    throw bad(number, "ms is no time", "Write milliseconds since the start");
  }
  if (ms < after) {
    throw bad(number, "ms is before that of the line above", "Put the pieces in their order");
  }
  if (from !== "device" && from !== "gateway") {
    throw bad(number, "from is neither device nor gateway", 'Write "device" or "gateway"');
  }
  if (typeof hex !== "string" || hex.length > 2 * PIECE_BYTES_MAX || !HEX.test(hex)) {
    throw bad(
      number,
      "hex is no bytes",
      `Write two hex digits for each of 1 to ${PIECE_BYTES_MAX}`,
    );
  }
  return { ms, from, bytes: Buffer.from(hex, "hex") };
}

/** What is wrong with one line of a recording. */
export function bad(number: number, why: string, whatToDo: string): WardError {
  const message = `Cannot read the recording: line ${number}: ${why}. ${whatToDo}.`;
  return new WardError("WARD_RECORDING", message);
}

const KIND = "wardgate-recording";
const VERSION = 1;
/** About four months. */
const MS_MAX = 10_000_000_000;
/** Kind of line and place, without a user name. */
const LINE_KEY = /^[a-z][a-z0-9+.]{1,20}:(?!\/\/[^/]*@)[!-~]{1,500}$/;
const MODEL = /^[a-z0-9][a-z0-9-]{0,63}$/;
const HEX = /^(?:[0-9a-fA-F]{2})+$/;
const STARTED = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?Z$/;
const FORMATS: ReadonlySet<unknown> = new Set(["8N1", "8E1", "8O1", "7E1", "7O1", "8N2"]);
const FLOWS: ReadonlySet<unknown> = new Set(["none", "rtscts", "xonxoff"]);

function objectOf(text: string, number: number): Readonly<Record<string, unknown>> {
  let value: unknown = null;
  try {
    value = JSON.parse(text);
  } catch {
    throw bad(number, "it is no JSON", "It may be cut off or damaged");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw bad(number, "it is no JSON object", "It may be damaged");
  }
  return { ...value };
}

function instantOf(started: unknown): number {
  const at = typeof started === "string" && STARTED.test(started) ? Date.parse(started) : NaN;
  if (Number.isNaN(at)) {
    throw bad(1, "started is no time in UTC", 'Write for example "2026-11-23T10:00:00.000Z"');
  }
  return at;
}

function isSerialFormat(value: unknown): value is SerialFormat {
  if (typeof value !== "object" || value === null) {
    return false;
  }
  const { baud, format, flow }: Partial<Record<string, unknown>> = { ...value };
  return Number.isSafeInteger(baud) && FORMATS.has(format) && FLOWS.has(flow);
}

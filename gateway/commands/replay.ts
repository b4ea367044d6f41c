import { createReadStream } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import { driverOf, needDriver } from "../devices/catalog.ts";
import type { SerialFormat, StreamDriver } from "../devices/device.ts";
import { WardError } from "../errors.ts";
import type { InputPart } from "../recording/input.ts";
import { readInput } from "../recording/input.ts";
import type { Played } from "../recording/player.ts";
import { play, timedBytes } from "../recording/player.ts";
import type { RecordingHeader } from "../recording/recording.ts";
import { openOutlet } from "../simulate/outlet.ts";
import type { Command, CommandIo } from "./command.ts";
import { writeLine } from "./ndjson.ts";
import { readError } from "./read-error.ts";
import { readyLine } from "./ready-line.ts";

const HELP = `wardgate replay FILE [--line LINE] [options]

Plays what a device sent, from a recording (wardgate record) or a file of raw bytes, on a line of this machine, so that it
can be read as if the device were there. Prints one ready line with the line URL to read it from, and ends when all is
played. What a reader sends is not answered: a device that has to be asked says what it said when it was recorded.

  --line LINE       pty (default), tcp, unix or udp, or a URL such as tcp://127.0.0.1:4001, unix:/tmp/port.sock
  --speed N         N times as fast, 0.01 to 1000 (default 1: with the recorded times)
  --loop            begin again at the end, until stopped
  --delay SECONDS   on pty and udp, where nobody can tell who listens: how long to wait for the first question before
                    playing (default 2). On tcp and unix playing begins with the first reader
  --model MODEL     whose bytes these are; for raw bytes also their pace, which is the model's baud rate (default 9600)
  --bytes-per-second N  pace of raw bytes
  --json            print the ready line and what was played as JSON
`;

/** `wardgate replay`: a recording as a device on a line. */
export const command: Command = {
  summary: "play a recording as a device on a line",
  help: HELP,
  run: (args, io) => replay(readOptions(args), io),
};

interface Options {
  readonly file: string;
  readonly line: string;
  readonly speed: number;
  readonly loop: boolean;
  readonly delayMs: number;
  readonly driver: StreamDriver | null;
  readonly bytesPerSecond: number | null;
  readonly json: boolean;
}

async function replay(options: Options, io: CommandIo): Promise<number> {
  const header = await headerOf(options.file);
  const driver = options.driver ?? driverIn(header);
  const { promise: reader, resolve: onReader } = Promise.withResolvers<void>();
  const isAsked = driver?.facts.mode === "active" || !options.line.startsWith("udp");
  const outlet = await openOutlet(options.line, {
    onReader,
    onBytes: isAsked ? () => onReader() : undefined,
  });
  try {
    const model = driver?.facts.model ?? header?.model ?? "unknown";
    const ready = [{ model, line: outlet.url, unit: null }];
    io.stdout.write(readyLine(`replaying ${options.file}`, ready, options.json));
    const played = await playAll(options, {
      bytesPerSecond: options.bytesPerSecond ?? bytesPerSecondOf(driver?.serial ?? USUAL),
      send: outlet.send,
      reader: canTell(outlet.url)
        ? reader
        : Promise.race([reader, pause(options.delayMs, io.stop)]),
      stop: io.stop,
    });
    await pause(io.stop.aborted ? 0 : LINGER_MS, io.stop);
    if (options.json) {
      writeLine(io.stdout, { kind: "replayed", ...played });
    } else {
      io.stdout.write(`replayed ${played.bytes} bytes in ${played.pieces} pieces\n`);
    }
  } finally {
    await outlet.close();
  }
  return 0;
}

interface Stage {
  readonly bytesPerSecond: number;
  readonly send: (bytes: Uint8Array) => void;
  /** Resolves when playing is to begin. */
  readonly reader: Promise<void>;
  readonly stop: AbortSignal;
}

async function playAll(
  { file, speed, loop }: Options,
  { bytesPerSecond, send, reader, stop }: Stage,
): Promise<Played> {
  await Promise.race([reader, aborted(stop)]);
  const all = { pieces: 0, bytes: 0 };
  for (let again = true; again; again = loop && !stop.aborted) {
    const parts = timedBytes(inputOf(file), bytesPerSecond);
    const { pieces, bytes } = await play(parts, send, { speed, signal: stop });
    if (pieces === 0 && !stop.aborted) {
      const why = `Cannot replay ${file}: there are no bytes of a device in it. Record another.`;
      throw new WardError("WARD_RECORDING", why);
    }
    all.pieces += pieces;
    all.bytes += bytes;
    await pause(loop ? LOOP_GAP_MS / speed : 0, stop);
  }
  return all;
}

/** Between the end of a recording and its next beginning. */
const LOOP_GAP_MS = 1000;
/** What was sent last still has to arrive before the line is closed. */
const LINGER_MS = 1000;
const USUAL: SerialFormat = { baud: 9600, format: "8N1", flow: "none" };

async function* inputOf(file: string): AsyncGenerator<InputPart> {
  try {
    yield* readInput(createReadStream(file));
  } catch (error) {
    throw readError(file, error);
  }
}

/** The header of a recording; null for raw bytes. */
async function headerOf(file: string): Promise<RecordingHeader | null> {
  for await (const part of inputOf(file)) {
    return part.kind === "header" ? part.header : null;
  }
  return null;
}

function driverIn(header: RecordingHeader | null): StreamDriver | null {
  const driver = driverOf(header?.model ?? "");
  return driver?.kind === "stream" ? driver : null;
}

/** A character on the line is a start bit, data bits, perhaps a parity bit, and stop bits. */
function bytesPerSecondOf({ baud, format }: SerialFormat): number {
  const parityBits = format.charAt(1) === "N" ? 0 : 1;
  return baud / (1 + Number(format.charAt(0)) + parityBits + Number(format.charAt(2)));
}

/** Whether it is seen when somebody begins to read. */
function canTell(url: string): boolean {
  return url.startsWith("tcp:") || url.startsWith("unix:");
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0) {
    await sleep(ms, undefined, { signal }).catch(() => undefined);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
    }
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      line: { type: "string", default: "pty" },
      speed: { type: "string", default: "1" },
      loop: { type: "boolean", default: false },
      delay: { type: "string", default: "2" },
      model: { type: "string" },
      "bytes-per-second": { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) {
    throw usage("name one file", "wardgate replay FILE --line LINE");
  }
  const pace = values["bytes-per-second"];
  return {
    file,
    line: values.line,
    speed: numberOf("--speed", values.speed, 0.01, 1000),
    loop: values.loop,
    delayMs: 1000 * numberOf("--delay", values.delay, 0, 3600),
    driver: values.model === undefined ? null : streamDriver(values.model),
    bytesPerSecond:
      pace === undefined ? null : numberOf("--bytes-per-second", pace, 1, 100_000_000),
    json: values.json,
  };
}

function streamDriver(model: string): StreamDriver {
  const driver = needDriver(model);
  if (driver.kind !== "stream") {
    throw usage(`${model} is no stream of bytes`, "a model that is");
  }
  return driver;
}

function numberOf(name: string, text: string, low: number, high: number): number {
  const value = /^\d{1,9}(?:\.\d{1,6})?$/.test(text) ? Number(text) : NaN;
  if (!(value >= low && value <= high)) {
    throw usage(`${name} ${text} is no number from ${low} to ${high}`, `${name} 10`);
  }
  return value;
}

function usage(why: string, write: string): WardError {
  return new WardError("WARD_USAGE", `Cannot replay: ${why}. Write ${write}.`);
}

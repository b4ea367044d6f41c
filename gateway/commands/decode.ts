import { createReadStream } from "node:fs";
import { addAbortSignal, Readable } from "node:stream";
import { parseArgs } from "node:util";

import { needDriver } from "../devices/catalog.ts";
import type {
  DeviceOptions,
  LineScheme,
  Output,
  StreamDecoder,
  StreamDriver,
} from "../devices/device.ts";
import { WardError } from "../errors.ts";
import type { Fault } from "../reading.ts";
import { TakeNumberer } from "../bedside/take.ts";
import type { InputPart } from "../recording/input.ts";
import { readInput } from "../recording/input.ts";
import type { RecordingHeader } from "../recording/recording.ts";
import type { Command, CommandIo } from "./command.ts";
import { parseDeviceOptions } from "./device-options.ts";
import { caughtUp, writeLine } from "./ndjson.ts";
import { readError } from "./read-error.ts";

const HELP = `wardgate decode <model> [FILE] [options]

Turns the bytes that a device sent (FILE, or stdin: raw bytes, or a recording of wardgate record) into readings, waveforms
and faults: one JSON object a line on stdout. Nothing is checked or filtered; this is what the driver says. Times are those of
decoding, for a recording those of the recording.

  --option k=v      an option of the driver; may be repeated
  --over KIND       the kind of line the bytes came over (default: the recorded one, else serial), for protocols that are
                    framed otherwise in datagrams
`;

/** `wardgate decode`: bytes in, NDJSON out, in bounded memory. */
export const command: Command = {
  summary: "turn a device's raw bytes into readings",
  help: HELP,
  async run(args, io) {
    const options = readOptions(args);
    const { file } = options;
    // Not Readable.from: that waits for the next bytes before it can be ended.
    const input = file === null ? new Readable().wrap(io.stdin) : createReadStream(file);
    addAbortSignal(io.stop, input);
    try {
      await decode(readInput(input), options, io);
    } catch (error) {
      if (io.stop.aborted) {
        return 0;
      }
      throw file === null ? error : readError(file, error);
    } finally {
      io.stdin.pause();
    }
    return 0;
  },
};

async function decode(
  parts: AsyncIterable<InputPart>,
  { driver, options, over }: Options,
  io: CommandIo,
): Promise<void> {
  const printer = new Printer(io);
  let decoder: StreamDecoder | null = null;
  let startedAt = 0;
  let lastMs = 0;
  for await (const part of parts) {
    if (part.kind === "header") {
      decoder = driver.open(options, over ?? lineOf(driver, part.header));
      startedAt = part.header.startedAt;
    } else if (part.kind === "bytes") {
      decoder ??= driver.open(options, over ?? usualLine(driver));
      for (let from = 0; from < part.bytes.length; from += PIECE_BYTES) {
        const at = Date.now();
        await printer.print(decoder.push(part.bytes.subarray(from, from + PIECE_BYTES), at), at);
        lastMs = at;
      }
    } else if (part.piece.from === "device") {
      const { ms, bytes } = part.piece;
      // A piece is a whole datagram where the line has such, so it is not cut.
      await printer.print(decoder?.push(bytes, ms) ?? [], startedAt + ms);
      lastMs = ms;
    }
  }
  await printer.print(decoder?.end?.(lastMs) ?? [], startedAt + lastMs);
}

/** Bytes decoded before the output is waited for. */
const PIECE_BYTES = 4096;
const DEVICE = "decode";
const BOOT = "0000000000000000";

interface Options {
  readonly driver: StreamDriver;
  readonly file: string | null;
  readonly options: DeviceOptions;
  /** Null when it was not said. */
  readonly over: LineScheme | null;
}

function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      option: { type: "string", multiple: true, default: [] },
      over: { type: "string" },
      json: { type: "boolean", default: true },
    },
  });
  const [model, file = "-", ...more] = positionals;
  if (model === undefined || more.length > 0) {
    throw new WardError("WARD_USAGE", "Cannot decode: write wardgate decode <model> [FILE].");
  }
  const driver = needDriver(model);
  if (driver.kind !== "stream") {
    throw new WardError(
      "WARD_USAGE",
      `Cannot decode ${model}: it is asked for its values and sends no stream of bytes. Use wardgate devices read.`,
    );
  }
  const options = parseDeviceOptions(values.option, driver);
  const over = driver.facts.lines.find((scheme) => scheme === values.over) ?? null;
  if (over === null && values.over !== undefined) {
    throw new WardError(
      "WARD_USAGE",
      `Cannot decode ${model} over "${values.over}": use one of ${driver.facts.lines.join(", ")}.`,
    );
  }
  return { driver, file: file === "-" ? null : file, options, over };
}

function usualLine(driver: StreamDriver): LineScheme {
  return driver.facts.lines[0] ?? "serial";
}

/** The kind of line that was recorded, if this driver can be read over it. */
function lineOf(driver: StreamDriver, { line }: RecordingHeader): LineScheme {
  const kind = line.slice(0, line.indexOf(":"));
  return driver.facts.lines.find((scheme) => scheme === kind) ?? usualLine(driver);
}

class Printer {
  readonly #io: CommandIo;
  readonly #numberer = new TakeNumberer(BOOT);

  constructor(io: CommandIo) {
    this.#io = io;
  }

  async print(outputs: readonly Output[], at: number): Promise<void> {
    const { stdout, stderr, stop } = this.#io;
    for (const output of outputs) {
      if (output.kind === "frame") {
        const takes = this.#numberer.number(DEVICE, output, at, "unsynchronised");
        takes.flatMap(({ items }) => items).forEach((item) => writeLine(stdout, item));
      } else if (output.kind === "fault") {
        const { fault, bytes, text } = output;
        const line: Fault = { kind: "fault", device: DEVICE, at, fault, bytes, text };
        writeLine(stdout, line);
      } else if (output.kind === "identity") {
        stderr.write(`serial number ${output.serial}\n`);
      }
      await caughtUp(stdout, stop);
    }
  }
}

import { createReadStream } from "node:fs";
import { addAbortSignal, Readable } from "node:stream";
import { parseArgs } from "node:util";

import { needDriver } from "../devices/catalog.ts";
import type { LineScheme, Output, StreamDriver } from "../devices/device.ts";
import { errorCode, errorText, WardError } from "../errors.ts";
import type { Fault } from "../reading.ts";
import { TakeNumberer } from "../bedside/take.ts";
import type { Command, CommandIo } from "./command.ts";
import { parseDeviceOptions } from "./device-options.ts";
import { caughtUp, writeLine } from "./ndjson.ts";

const HELP = `wardgate decode <model> [FILE] [options]

Turns the raw bytes that a device sent (FILE, or stdin) into readings, waveforms and faults: one JSON object a line
on stdout. Nothing is checked or filtered; this is what the driver says. Times are those of decoding.

  --option k=v      an option of the driver; may be repeated
  --over KIND       the kind of line the bytes came over (default serial), for protocols that are framed otherwise in datagrams
`;

/** `wardgate decode`: bytes in, NDJSON out, in bounded memory. */
export const command: Command = {
  summary: "turn a device's raw bytes into readings",
  help: HELP,
  async run(args, io) {
    const { driver, file, options, over } = readOptions(args);
    const decoder = driver.open(options, over);
    const printer = new Printer(io);
    const input = file === null ? Readable.from(io.stdin) : createReadStream(file);
    addAbortSignal(io.stop, input);
    try {
      for await (const chunk of input) {
        const bytes = typeof chunk === "string" ? Buffer.from(chunk, "latin1") : chunk;
        for (let from = 0; from < bytes.length; from += PIECE_BYTES) {
          const at = Date.now();
          await printer.print(decoder.push(bytes.subarray(from, from + PIECE_BYTES), at), at);
        }
      }
    } catch (error) {
      if (io.stop.aborted) {
        return 0;
      }
      throw readError(file, error);
    } finally {
      io.stdin.pause();
    }
    const at = Date.now();
    await printer.print(decoder.end?.(at) ?? [], at);
    return 0;
  },
};

/** Bytes decoded before the output is waited for. */
const PIECE_BYTES = 4096;
const DEVICE = "decode";
const BOOT = "0000000000000000";

interface Options {
  readonly driver: StreamDriver;
  readonly file: string | null;
  readonly options: ReturnType<typeof parseDeviceOptions>;
  readonly over: LineScheme;
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
  const over = driver.facts.lines.find(
    (scheme) => scheme === (values.over ?? driver.facts.lines[0]),
  );
  if (over === undefined) {
    throw new WardError(
      "WARD_USAGE",
      `Cannot decode ${model} over "${values.over}": use one of ${driver.facts.lines.join(", ")}.`,
    );
  }
  return { driver, file: file === "-" ? null : file, options, over };
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

function readError(file: string | null, error: unknown): unknown {
  if (file === null || !errorCode(error).startsWith("E")) {
    return error;
  }
  return new WardError("WARD_READ_FILE", `Cannot read ${file}: ${errorText(error)}.`, {
    cause: error,
  });
}

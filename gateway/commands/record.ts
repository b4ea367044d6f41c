import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import { needDriver } from "../devices/catalog.ts";
import type { Anonymiser, DeviceOptions, StreamDriver } from "../devices/device.ts";
import { WardError } from "../errors.ts";
import type { LineUrl } from "../lines/line-url.ts";
import { lineKey, parseLineUrl } from "../lines/line-url.ts";
import { openStreamLine } from "../lines/serial.ts";
import { LISTENER } from "../recording/listener.ts";
import { RecordingWriter } from "../recording/recording-writer.ts";
import type { Command, CommandIo } from "./command.ts";
import { parseDeviceOptions } from "./device-options.ts";
import { writeLine } from "./ndjson.ts";

const HELP = `wardgate record --line URL [--model MODEL] [options] FILE

Records what really crosses a line, every byte with its time and direction, to a new FILE on this machine. Nothing is sent
anywhere. wardgate decode and wardgate replay read such files; gateway/recording/README.md says what is in them.

  --line URL        serial:/dev/ttyUSB0?baud=9600&format=8N1, rfc2217://host:port, tcp://host:port, unix:/run/port.sock,
                    udp://host:port
  --model MODEL     let the driver of this model talk to the device as it does in the gateway, which is read only all the
                    same; without it the line is only listened to (default 9600 8N1: say how the device is set)
  --option k=v      an option of the driver; may be repeated
  --seconds N       end after N seconds (default: when stopped)
  --megabytes N     end when the file is this big (default 100)
  --anonymise       mask who the patient is; for models that are known to say it, or to say nothing of the kind
  --json            print what was recorded as JSON

How the line is doing goes to stderr. Exit code 0 when the device sent something, 1 when it did not.
`;

/** `wardgate record`: a line's bytes into a file. */
export const command: Command = {
  summary: "record what crosses a device's line",
  help: HELP,
  run: (args, io) => record(readOptions(args), io),
};

interface Options {
  readonly line: string;
  readonly url: LineUrl;
  readonly driver: StreamDriver;
  readonly deviceOptions: DeviceOptions;
  readonly file: string;
  readonly seconds: number | null;
  readonly bytesMax: number;
  readonly anonymiser: Anonymiser | null;
  readonly anonymised: boolean;
  readonly json: boolean;
}

async function record(options: Options, io: CommandIo): Promise<number> {
  const { url, driver, file, anonymiser } = options;
  const writer = await RecordingWriter.open(
    file,
    {
      line: lineKey(url),
      model: driver === LISTENER ? null : driver.facts.model,
      startedAt: Date.now(),
      serial: "serial" in url ? { ...driver.serial, ...url.serial } : null,
      anonymised: options.anonymised,
    },
    options.bytesMax,
  );
  const from = performance.now();
  const ms = (): number => performance.now() - from;
  const bytes = { device: 0, gateway: 0 };
  const line = openStreamLine(options.line, {
    tap: (side, piece) => {
      bytes[side] += piece.length;
      const kept = side === "device" && anonymiser !== null ? anonymiser.push(piece) : piece;
      writer.write(side, kept, ms());
    },
  });
  const frames = await listen(line, options, writer, io);
  await line.close();
  writer.write("device", anonymiser?.end() ?? new Uint8Array(0), ms());
  await writer.close();
  const seconds = Math.round(ms() / 100) / 10;
  const { pieces } = writer;
  if (options.json) {
    const { device: deviceBytes, gateway: gatewayBytes } = bytes;
    writeLine(io.stdout, {
      kind: "recorded",
      file,
      pieces,
      deviceBytes,
      gatewayBytes,
      frames,
      seconds,
    });
  } else {
    const read = driver === LISTENER ? "" : `; ${frames} good frames`;
    io.stdout.write(
      `recorded ${seconds} s: ${bytes.device} bytes from the device, ${bytes.gateway} to it, in ${pieces} pieces${read}\n`,
    );
  }
  return bytes.device > 0 ? 0 : 1;
}

/** Reads the line until it is time to end; gives the number of good frames. */
async function listen(
  line: ReturnType<typeof openStreamLine>,
  { driver, deviceOptions, seconds, file, line: url }: Options,
  writer: RecordingWriter,
  io: CommandIo,
): Promise<number> {
  const { promise: refused, resolve: refuse } = Promise.withResolvers<void>();
  let frames = 0;
  io.stderr.write(`recording ${url} to ${file}\n`);
  line.attach(
    { device: driver.facts.model, driver, unit: null, options: deviceOptions },
    {
      frame: () => (frames += 1),
      fault: () => undefined,
      identity: () => undefined,
      state: (state, text) => {
        io.stderr.write(`${state}: ${text}\n`);
        if (state === "closed") {
          refuse();
        }
      },
    },
  );
  const over = new AbortController();
  const signal = AbortSignal.any([io.stop, over.signal]);
  const time =
    seconds === null ? untilAborted(signal) : sleep(1000 * seconds, undefined, { signal });
  const full = writer.full.then((why) => void io.stderr.write(`recording ends: ${why}\n`));
  await Promise.race([time.catch(() => undefined), refused, full]);
  over.abort();
  return frames;
}

function untilAborted(signal: AbortSignal): Promise<void> {
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
      line: { type: "string" },
      model: { type: "string" },
      option: { type: "string", multiple: true, default: [] },
      seconds: { type: "string" },
      megabytes: { type: "string", default: "100" },
      anonymise: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0 || values.line === undefined) {
    throw usage("name one line and one file", "wardgate record --line URL FILE");
  }
  const url = parseLineUrl(values.line);
  const driver = driverFor(values.model, url);
  const anonymiser = values.anonymise ? anonymiserOf(driver, url) : null;
  return {
    line: values.line,
    url,
    driver,
    deviceOptions: parseDeviceOptions(values.option, driver),
    file,
    seconds: values.seconds === undefined ? null : wholeNumber("--seconds", values.seconds),
    bytesMax: 1e6 * wholeNumber("--megabytes", values.megabytes),
    anonymiser,
    anonymised: values.anonymise,
    json: values.json,
  };
}

function driverFor(model: string | undefined, { scheme }: LineUrl): StreamDriver {
  const driver = model === undefined ? LISTENER : needDriver(model);
  if (driver.kind !== "stream") {
    throw usage(`${model} is no stream of bytes`, "a model that is, or use wardgate devices read");
  }
  if (!driver.facts.lines.includes(scheme)) {
    throw usage(`${scheme} is no line for this`, `one of ${driver.facts.lines.join(", ")}`);
  }
  return driver;
}

/** Null for a driver whose device says nothing about the patient. */
function anonymiserOf(driver: StreamDriver, { scheme }: LineUrl): Anonymiser | null {
  if (driver === LISTENER) {
    throw usage(
      "only what is known can be masked",
      "--model MODEL as well, or leave out --anonymise",
    );
  }
  if (driver.anonymise !== undefined) {
    return driver.anonymise(scheme);
  }
  if (driver.demographics === "none") {
    return null;
  }
  const why = `the driver of ${driver.facts.model} does not know where its device says who the patient is`;
  throw usage(why, "it without --anonymise, and keep the file as you keep patient data");
}

const WHOLE_MAX = 2_000_000;

function wholeNumber(name: string, text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text) || Number(text) > WHOLE_MAX) {
    throw usage(`${name} ${text} is no whole number`, `${name} with 1 to ${WHOLE_MAX}`);
  }
  return Number(text);
}

function usage(why: string, write: string): WardError {
  return new WardError("WARD_USAGE", `Cannot record: ${why}. Write ${write}.`);
}

import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import { Clock } from "../bedside/clock.ts";
import { needDriver } from "../devices/catalog.ts";
import type { Driver } from "../devices/device.ts";
import { WardError } from "../errors.ts";
import type { DeviceSink } from "../lines/line.ts";
import { parseLineUrl } from "../lines/line-url.ts";
import { openLine } from "../lines/open-line.ts";
import { isDeviceId } from "../reading.ts";
import { TakeNumberer } from "../bedside/take.ts";
import type { CommandIo } from "./command.ts";
import { parseDeviceOptions } from "./device-options.ts";
import { DevicePrinter } from "./device-printer.ts";
import { withOpcuaFiles } from "./opcua-context.ts";

/** `wardgate devices read`: one device on one line, printed as it comes. */
export async function readDevice(args: readonly string[], io: CommandIo): Promise<number> {
  const options = readOptions(args);
  return withOpcuaFiles(options, async (opcua) => {
    const line = await openLine(options.line, { ...opcua, gateway: "wardgate-devices-read" });
    const printer = new DevicePrinter(io, options.json);
    const { device, driver, unit, deviceOptions } = options;
    line.attach({ device, driver, unit, options: deviceOptions }, sinkOf(device, printer));
    await ended(options.seconds, io.stop, printer.refused);
    await line.close();
    return printer.frames > 0 ? 0 : 1;
  });
}

interface Options {
  readonly driver: Driver;
  readonly line: string;
  readonly unit: number | null;
  readonly deviceOptions: ReturnType<typeof parseDeviceOptions>;
  readonly device: string;
  readonly seconds: number | null;
  readonly trust: readonly string[];
  readonly pki: string | null;
  readonly json: boolean;
}

function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      line: { type: "string" },
      unit: { type: "string" },
      option: { type: "string", multiple: true, default: [] },
      device: { type: "string" },
      seconds: { type: "string" },
      trust: { type: "string", multiple: true, default: [] },
      pki: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const [model, ...more] = positionals;
  if (model === undefined || more.length > 0 || values.line === undefined) {
    throw usage("name one model and its line", "wardgate devices read <model> --line URL");
  }
  const driver = needDriver(model);
  const { scheme } = parseLineUrl(values.line);
  if (!driver.facts.lines.includes(scheme)) {
    throw usage(`${model} is not read over ${scheme}`, `one of ${driver.facts.lines.join(", ")}`);
  }
  const device = values.device ?? model;
  if (!isDeviceId(device)) {
    throw usage(`"${device.slice(0, 70)}" is no device id`, "1-64 of a-z, 0-9 and . / : -");
  }
  return {
    driver,
    line: values.line,
    unit: wholeNumber("--unit", values.unit, UNIT_MAX) ?? (driver.kind === "modbus" ? 1 : null),
    deviceOptions: parseDeviceOptions(values.option, driver),
    device,
    seconds: wholeNumber("--seconds", values.seconds, SECONDS_MAX),
    trust: values.trust,
    pki: values.pki ?? null,
    json: values.json,
  };
}

const UNIT_MAX = 255;
const SECONDS_MAX = 2_000_000;

function wholeNumber(name: string, text: string | undefined, maximum: number): number | null {
  if (text === undefined) {
    return null;
  }
  if (!/^\d{1,7}$/.test(text) || Number(text) > maximum) {
    throw usage(`${name} ${text} is no whole number`, `0 to ${maximum}`);
  }
  return Number(text);
}

function usage(why: string, write: string): WardError {
  return new WardError("WARD_USAGE", `Cannot read device: ${why}. Write ${write}.`);
}

function sinkOf(device: string, printer: DevicePrinter): DeviceSink {
  const clock = new Clock();
  const numberer = new TakeNumberer(randomBytes(8).toString("hex"));
  return {
    frame: (frame, at) => printer.takes(numberer.number(device, frame, at, clock.quality())),
    fault: (fault, at) => printer.fault(device, fault, at),
    state: (state, text) => printer.state(state, text),
    identity: (serial) => printer.note(`serial number ${serial}`),
  };
}

/** Ends after the wanted time, when stopped, or when the line refuses this device for good. */
async function ended(
  seconds: number | null,
  stop: AbortSignal,
  refused: Promise<void>,
): Promise<void> {
  const over = new AbortController();
  const signal = AbortSignal.any([stop, over.signal]);
  const time =
    seconds === null
      ? new Promise<void>((resolve) => {
          signal.addEventListener("abort", () => resolve(), { once: true });
        })
      : sleep(1000 * seconds, undefined, { signal }).catch(() => undefined);
  if (!stop.aborted) {
    await Promise.race([time, refused]);
  }
  over.abort();
}

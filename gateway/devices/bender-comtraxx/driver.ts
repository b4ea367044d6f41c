import { singleOf, singleText } from "../decimal.ts";
import type {
  DeviceOptions,
  DriverFacts,
  Measured,
  ModbusDriver,
  OptionSpec,
  Output,
  RegisterBlock,
} from "../device.ts";
import type { Quality } from "../../reading.ts";

const CHANNEL_WORDS = 4;
const CHANNELS_MAX = 32;
const ADDRESS = {
  name: "address",
  doc: "Register of the first channel, zero-based protocol address",
  default: 1000,
  minimum: 0,
  maximum: 65_535 - CHANNEL_WORDS * CHANNELS_MAX,
} as const;
const CHANNELS = {
  name: "channels",
  doc: "How many channels to read",
  default: 8,
  minimum: 1,
  maximum: CHANNELS_MAX,
} as const;

/**
 * Bender insulation monitoring: COMTRAXX gateways and panels (function 4) and ISOMETERs with Modbus RTU (function 3).
 * Every value is a channel of four registers: IEEE single (high word, low word), alarm-and-test byte with
 * range-and-unit byte, channel description code. ISOMETER isoHV525 manual D00297, chapters 8 and 8.1.2.
 */
export const driver: ModbusDriver = {
  kind: "modbus",
  facts: {
    model: "bender-comtraxx",
    maker: "Bender",
    protocol: "Modbus, measuring channels (function 3 or 4)",
    lines: ["modbus-tcp", "modbus-rtu", "modbus-ascii", "modbus-rtu+tcp"],
    evidence: "A",
    mode: "active",
    source: "Bender isoHV525 manual D00297_04, chapter 8; COM465IP manual D00216_02, chapter 6.2.2",
    quietMs: 15_000,
  } satisfies DriverFacts,
  serial: { baud: 19_200, format: "8E1", flow: "none" },
  options: [
    ADDRESS,
    CHANNELS,
    {
      name: "function",
      doc: "4 for COMTRAXX gateways and panels, 3 for an ISOMETER on its own bus",
      default: 4,
      choices: [3, 4],
    },
  ] satisfies readonly OptionSpec[],
  polls: (options) => [{ everyMs: POLL_MS, blocks: blocks(options), decode }],
};

const POLL_MS = 1000;

/** One block for each channel: its four registers are one value. */
function blocks(options: DeviceOptions): readonly RegisterBlock[] {
  const first = wholeOption(options, ADDRESS);
  const code = options["function"] === 3 ? 3 : 4;
  return Array.from({ length: wholeOption(options, CHANNELS) }, (_, channel) => ({
    function: code,
    address: first + CHANNEL_WORDS * channel,
    count: CHANNEL_WORDS,
  }));
}

function decode(words: readonly (readonly number[] | null)[]): Output[] {
  const readings = words.flatMap((registers, channel) => measure(channel + 1, registers));
  return [{ kind: "frame", readings, waves: [] }];
}

/** One channel: its value, and what the channel says it shows (which changes when an alarm takes it over). */
function measure(number: number, registers: readonly number[] | null): Measured[] {
  const [high = 0, low = 0, status = NOT_READY, description = 0] = registers ?? [];
  const code = `BENDER_CHANNEL_${number}`;
  const path = `1.1.${number}`;
  const base = { mdc: null, path, deviceAt: null } as const;
  const unit = UNITS[status & 0x1f];
  if ((status & 0x1f) === NOT_READY) {
    return [{ ...base, code, value: null, text: "", unit: "1", quality: ["unavailable"] }];
  }
  const value = channelValue(singleOf(high, low), status);
  return [
    { ...base, code, unit: unit ?? "1", ...value },
    {
      ...base,
      code: `${code}_SHOWS`,
      unit: "1",
      value: DESCRIPTIONS[description] ?? `description-${description}`,
      text: String(description),
      quality: ["valid"],
    },
  ];
}

function channelValue(
  single: number,
  status: number,
): { value: number | string | null; text: string; quality: readonly Quality[] } {
  const unitCode = status & 0x1f;
  const range = (status >>> 6) & 0b11;
  const alarm = (status >>> 8) & 0b111;
  const tested = (status & 0xc0_00) !== 0;
  const isCode = unitCode === STATUS_CODE;
  const known = isCode || UNITS[unitCode] !== undefined;
  const broken = alarm === DEVICE_ERROR && !isCode;
  if (range === RANGE_INVALID || !Number.isFinite(single) || !known || broken) {
    return { value: null, text: "", quality: tested ? ["invalid", "test"] : ["invalid"] };
  }
  const quality: Quality[] = [];
  if (range !== 0 || RESERVED_ALARMS.has(alarm)) {
    quality.push("questionable");
  }
  if (tested) {
    quality.push("test");
  }
  if (alarm === WARNING || alarm === ALARM) {
    quality.push("in-alarm");
  }
  const text = singleText(single);
  const settled = quality.length === 0 ? (["valid"] as const) : quality;
  return { value: isCode ? `code-${text}` : Number(text), text, quality: settled };
}

function wholeOption(options: DeviceOptions, spec: typeof ADDRESS | typeof CHANNELS): number {
  const value = options[spec.name];
  const isUsable =
    typeof value === "number" &&
    Number.isSafeInteger(value) &&
    value >= spec.minimum &&
    value <= spec.maximum;
  return isUsable ? value : spec.default;
}

/* AT&T byte, bits 0-2. */
const DEVICE_ERROR = 0b010;
const WARNING = 0b100;
const ALARM = 0b101;
const RESERVED_ALARMS: ReadonlySet<number> = new Set([0b011, 0b110, 0b111]);
/* R&U byte: bits 6-7 (00 as measured, 01 true value is lower, 10 higher, 11 invalid) and bits 0-4. */
const RANGE_INVALID = 0b11;
const NOT_READY = 0;
const STATUS_CODE = 30;
const UNITS: Readonly<Record<number, string>> = {
  1: "1",
  2: "Ohm",
  3: "A",
  4: "V",
  5: "%",
  6: "Hz",
  7: "Bd",
  8: "F",
  9: "H",
  10: "Cel",
  11: "[degF]",
  12: "s",
  13: "min",
  14: "h",
  15: "d",
  16: "mo",
};
/** Channel description codes as the isoHV525 manual uses them (chapter 8); every other one keeps its number. */
const DESCRIPTIONS: Readonly<Record<number, string>> = {
  1: "insulation-fault",
  71: "insulation",
  76: "voltage",
  77: "undervoltage",
  78: "overvoltage",
  82: "capacitance",
  101: "connection-to-system",
  102: "connection-to-earth",
  115: "device-fault",
};

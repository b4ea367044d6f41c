import { decimalText, signed16 } from "../decimal.ts";
import type {
  DeviceOptions,
  DriverFacts,
  Frame,
  Measured,
  ModbusDriver,
  OptionSpec,
  Output,
} from "../device.ts";

/**
 * TSI PRESSURA RPC30 room pressure controller: Operation and Service Manual 6006643, appendix B, "Network Points", RAM
 * variables, read with function 4. A variable of a feature that the unit does not have reads 0, so a zero alone says
 * nothing: each feature can be declared present or absent, and undeclared zeros are "no value".
 */
export const driver: ModbusDriver = {
  kind: "modbus",
  facts: {
    model: "tsi-rpc30",
    maker: "TSI",
    protocol: "Modbus, RAM variables (function 4)",
    lines: ["modbus-tcp", "modbus-rtu", "modbus-ascii", "modbus-rtu+tcp"],
    evidence: "A",
    mode: "active",
    source:
      "TSI PRESSURA RPC30 Operation and Service Manual 6006643 Rev G, appendix B, pages 89-91",
    quietMs: 15_000,
  } satisfies DriverFacts,
  serial: { baud: 9600, format: "8N2", flow: "none" },
  get options(): readonly OptionSpec[] {
    return VARIABLES.map((variable) => optionOf(variable));
  },
  polls: (options) => {
    const variables = VARIABLES.filter((variable) => presenceOf(variable, options) !== "absent");
    return [
      {
        everyMs: POLL_MS,
        blocks: variables.map(({ address }) => ({ function: 4, address, count: 1 })),
        decode: (words) => decode(words, variables, options),
      },
    ];
  },
};

interface Variable {
  /** Name of the feature, which is also the name of its option. */
  readonly feature: string;
  readonly doc: string;
  readonly address: number;
  readonly code: string;
  readonly unit: string;
  /** The variable is the measured value times 10^places. */
  readonly places: number;
  readonly signed: boolean;
  /** Words of an enumeration by register value. */
  readonly words?: Readonly<Record<number, string>>;
  /** Taken as present unless declared otherwise: every unit has it. */
  readonly always?: true;
}

const DOOR = { 1: "closed", 2: "open" } as const;
const OCCUPANCY = { 1: "occupied", 2: "unoccupied" } as const;
const PRESSURE = "[in_i'H2O]";
const FLOW = "[cft_i]/min";
const TEMPERATURE = "[degF]";

/* One row per variable, in the order of the manual's table. */
// oxfmt-ignore
const VARIABLES: readonly Variable[] = [
  { feature: "room-pressure", doc: "Room pressure", address: 0, code: "TSI_ROOM_PRESSURE", unit: PRESSURE, places: 4, signed: true, always: true },
  { feature: "supply-flow", doc: "Supply flow", address: 1, code: "TSI_SUPPLY_FLOW", unit: FLOW, places: 0, signed: false },
  { feature: "air-changes", doc: "Air changes per hour", address: 2, code: "TSI_AIR_CHANGES", unit: "/h", places: 1, signed: false },
  { feature: "humidity", doc: "Relative humidity", address: 3, code: "TSI_RELATIVE_HUMIDITY", unit: "%", places: 0, signed: false },
  { feature: "temperature", doc: "Room temperature", address: 4, code: "TSI_ROOM_TEMPERATURE", unit: TEMPERATURE, places: 1, signed: true },
  { feature: "exhaust-flow", doc: "Exhaust flow", address: 6, code: "TSI_EXHAUST_FLOW", unit: FLOW, places: 0, signed: false },
  { feature: "door", doc: "Room door switch", address: 7, code: "TSI_ROOM_DOOR", unit: "1", places: 0, signed: false, words: DOOR },
  { feature: "anteroom-pressure", doc: "Anteroom pressure", address: 8, code: "TSI_ANTEROOM_PRESSURE", unit: PRESSURE, places: 5, signed: true },
  { feature: "anteroom-door", doc: "Anteroom door switch", address: 9, code: "TSI_ANTEROOM_DOOR", unit: "1", places: 0, signed: false, words: DOOR },
  { feature: "supply-temperature", doc: "Supply air discharge temperature", address: 11, code: "TSI_SUPPLY_TEMPERATURE", unit: TEMPERATURE, places: 1, signed: true },
  { feature: "occupancy", doc: "Room occupancy", address: 13, code: "TSI_ROOM_OCCUPANCY", unit: "1", places: 0, signed: false, words: OCCUPANCY },
  { feature: "anteroom-occupancy", doc: "Anteroom occupancy", address: 14, code: "TSI_ANTEROOM_OCCUPANCY", unit: "1", places: 0, signed: false, words: OCCUPANCY },
];
const POLL_MS = 1000;
const PRESENCE = ["auto", "present", "absent"] as const;

function optionOf({ feature, doc, always }: Variable): OptionSpec {
  return {
    name: feature,
    doc: `${doc}: "present" takes a zero as measured, "auto" takes it as no value, "absent" leaves it out`,
    default: always === true ? "present" : "auto",
    choices: PRESENCE,
  };
}

function presenceOf({ feature, always }: Variable, options: DeviceOptions): unknown {
  return options[feature] ?? (always === true ? "present" : "auto");
}

function decode(
  words: readonly (readonly number[] | null)[],
  variables: readonly Variable[],
  options: DeviceOptions,
): Output[] {
  const readings = variables.map((variable, place) =>
    measure(variable, words[place]?.[0] ?? null, presenceOf(variable, options) === "present"),
  );
  return readings.length === 0 ? [] : [{ kind: "frame", readings, waves: [] } satisfies Frame];
}

function measure(variable: Variable, word: number | null, present: boolean): Measured {
  const { code, unit, places, words } = variable;
  const frame = { code, mdc: null, unit, path: "", deviceAt: null } as const;
  if (word === null || (word === 0 && (words !== undefined || !present))) {
    return { ...frame, value: null, text: "", quality: ["unavailable"] };
  }
  if (words !== undefined) {
    const value = words[word];
    return value === undefined
      ? { ...frame, value: null, text: "", quality: ["invalid"] }
      : { ...frame, value, text: String(word), quality: ["valid"] };
  }
  const text = decimalText(variable.signed ? signed16(word) : word, places);
  return { ...frame, value: Number(text), text, quality: ["valid"] };
}

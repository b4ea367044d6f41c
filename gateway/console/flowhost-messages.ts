import { WardError } from "../errors.ts";
import { isDeviceId, QUALITIES, WAVE_SAMPLES_MAX } from "../reading.ts";
import { type FlowhostToListener, ROOMS_VERSION, TREND_MINUTES } from "../rooms.ts";
import type { BoardEvent, BoardReading, BoardTrend, BoardWave } from "./contract.ts";

/**
 * Checks a message of the flow host, which runs what other people wired: what comes out has only what is named here, texts are cut to
 * their lengths and numbers are finite. Throws WardError `WARD_ROOM_MESSAGE`, or `WARD_ROOM_VERSION` when the flow host speaks another
 * version of rooms.ts.
 */
export function parseFlowhostToListener(value: unknown): FlowhostToListener {
  const { t, version, event } = fieldsOf(value);
  switch (t) {
    case "hello":
      if (version !== ROOMS_VERSION) {
        throw new WardError(
          "WARD_ROOM_VERSION",
          `Cannot talk to the flow host: it does not have version ${ROOMS_VERSION}. Restart the gateway.`,
        );
      }
      return { t, version: ROOMS_VERSION };
    case "board":
      return { t, event: boardEvent(event) };
    case "waves":
      return { t, event: { waves: listOf(fieldsOf(event)["waves"], SERIES_MAX, boardWave) } };
    default:
      throw unusable("unknown form");
  }
}

function boardEvent(value: unknown): BoardEvent {
  const { at, full, readings, trends } = fieldsOf(value);
  if (typeof full !== "boolean") {
    throw unusable("full");
  }
  return {
    at: timeOf(at),
    full,
    readings: listOf(readings, SERIES_MAX, boardReading),
    trends: listOf(trends, SERIES_MAX, boardTrend),
  };
}

function boardReading(given: unknown): BoardReading {
  const fields = fieldsOf(given);
  const { value } = fields;
  return {
    ...nameOf(fields),
    value: value === null || typeof value === "number" ? numberOrNull(value) : textOf(value),
    text: textOf(fields["text"]),
    unit: shortOf(fields["unit"]),
    at: timeOf(fields["at"]),
    quality: listOf(fields["quality"], QUALITIES.length, qualityOf),
  };
}

function boardTrend(given: unknown): BoardTrend {
  const fields = fieldsOf(given);
  return { ...nameOf(fields), points: listOf(fields["points"], TREND_MINUTES, trendPoint) };
}

function trendPoint(value: unknown): BoardTrend["points"][number] {
  if (!Array.isArray(value) || value.length !== 3) {
    throw unusable("points");
  }
  const [minute, low, high]: unknown[] = value;
  return [timeOf(minute), numberOf(low), numberOf(high)];
}

function boardWave(given: unknown): BoardWave {
  const fields = fieldsOf(given);
  const periodMs = numberOf(fields["periodMs"]);
  if (periodMs <= 0) {
    throw unusable("periodMs");
  }
  return {
    ...nameOf(fields),
    unit: shortOf(fields["unit"]),
    at: timeOf(fields["at"]),
    periodMs,
    samples: listOf(fields["samples"], WAVE_SAMPLES_MAX, numberOrNull),
  };
}

function nameOf({ device, code, path }: Fields): Pick<BoardReading, "device" | "code" | "path"> {
  if (typeof device !== "string" || !isDeviceId(device)) {
    throw unusable("device");
  }
  return { device, code: shortOf(code), path: shortOf(path) };
}

function qualityOf(value: unknown): string {
  const word = QUALITIES.find((known) => known === value);
  if (word === undefined) {
    throw unusable("quality");
  }
  return word;
}

function shortOf(value: unknown): string {
  return textOf(value).slice(0, NAME_CHARS_MAX).toWellFormed();
}

function textOf(value: unknown): string {
  if (typeof value !== "string") {
    throw unusable("a text");
  }
  return value.slice(0, TEXT_CHARS_MAX).toWellFormed();
}

function numberOrNull(value: unknown): number | null {
  return value === null ? null : numberOf(value);
}

function numberOf(value: unknown): number {
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw unusable("a number");
  }
  return value;
}

function timeOf(value: unknown): number {
  const time = numberOf(value);
  if (time < 0) {
    throw unusable("a time");
  }
  return time;
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  if (!isFields(value)) {
    throw unusable("unknown form");
  }
  return value;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function listOf<Entry>(value: unknown, most: number, each: (entry: unknown) => Entry): Entry[] {
  if (!Array.isArray(value) || value.length > most) {
    throw unusable("a list");
  }
  return value.map((entry) => each(entry));
}

function unusable(what: string): WardError {
  return new WardError(
    "WARD_ROOM_MESSAGE",
    `Cannot use a message of the flow host to the listener: ${what} is not as specified.`,
  );
}

/** Series on the board, at most: no message is about more. */
const SERIES_MAX = 5000;
/** Characters of a code, a path or a unit, and of a value, at most. */
const NAME_CHARS_MAX = 128;
const TEXT_CHARS_MAX = 512;

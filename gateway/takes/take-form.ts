import { WardError } from "../errors.ts";

/** Flag of a message: forget all texts, series and devices said so far. */
export const FLAG_FORGET = 1;
/** The class stands in the lower three bits of its byte, the clock above. */
export const CLOCK_FACTOR = 8;

/** What one definition says. */
export const DEFINE_TEXT = 0;
export const DEFINE_DEVICE = 1;
export const DEFINE_READINGS = 2;
export const DEFINE_WAVEFORMS = 3;

/** How value and text of a reading travel. */
export const VALUE_NONE = 0;
export const VALUE_NULL_TEXT = 1;
export const VALUE_WORD = 2;
export const VALUE_WORD_TEXT = 3;
export const VALUE_DECIMAL = 4;
export const VALUE_NUMBER_TEXT = 5;

/** How the device's own time travels. */
export const DEVICE_AT_NONE = 0;
export const DEVICE_AT_SAME = 1;
export const DEVICE_AT_NEAR = 2;
export const DEVICE_AT_FLOAT = 3;

/** Entries of one table (texts, series, devices), at most. */
export const TABLE_MAX = 20_000;
/** Bytes of all definitions of one set of tables, at most. */
export const DEFINITIONS_BYTES_MAX: number = 4 * 2 ** 20;
/** Takes in one message, at most. */
export const TAKES_MAX = 5000;

/** The error of bytes that are no takes. */
export function noTakes(what: string): WardError {
  return new WardError("WARD_ROOM_MESSAGE", `Cannot use takes of bedside: bad ${what}.`);
}

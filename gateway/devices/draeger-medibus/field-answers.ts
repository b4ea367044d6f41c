import type { Measured } from "../device.ts";
import { CODES } from "./bytes.ts";
import type { CodeRow, CodeTable, Profile } from "./code-table.ts";
import { MEASURED_1, MEASURED_2 } from "./measured-codes.ts";
import { SETTINGS, SETTINGS_NOT_GIVEN_ON } from "./setting-codes.ts";

/** What a value belongs to. */
export type Named = Pick<Measured, "code" | "mdc" | "unit" | "path">;

/** A kind of answer that is a list of records: a two-digit code and a field of fixed width. */
export interface FieldAnswer {
  readonly code: number;
  /** Characters of a field. */
  readonly width: number;
  readonly table: CodeTable;
  /** For alarm limits: how they are named, and where they are. */
  readonly limit?: { readonly prefix: string; readonly channel: string };
  readonly notGivenOn: ReadonlySet<number>;
}

/** What a code stands for in an answer. */
export function namedOf({ table, limit }: FieldAnswer, number: number, profile: Profile): CodeRow {
  const row = table.find(number, profile);
  if (limit === undefined) {
    return row;
  }
  // A limit is a setting of the device, not a measurement, so its code is always private.
  const code = row.code.replace(/^(?:MDC|DRAEGER)_/, `${limit.prefix}_`);
  return { ...row, code, mdc: null, path: row.path.replace(/^1\.\d/, limit.channel) };
}

const MEASURED_CHARACTERS = 4;
const SETTING_CHARACTERS = 5;
/** Fields with other than a number: time under phototherapy (A2H, h:min) and date of weighing (F3H). Codepage 2 has neither. */
const MEASURED_NOT_GIVEN_ON: ReadonlySet<number> = new Set([0xa2, 0xf3]);
const LOW = "DRAEGER_LOW_LIMIT";
const HIGH = "DRAEGER_HIGH_LIMIT";

/** By the code of the question. */
export const FIELD_ANSWERS: ReadonlyMap<number, FieldAnswer> = new Map(
  [
    measured(CODES.measured1, MEASURED_1),
    measured(CODES.measured2, MEASURED_2),
    measured(CODES.lowLimits1, MEASURED_1, { prefix: LOW, channel: "1.6" }),
    measured(CODES.highLimits1, MEASURED_1, { prefix: HIGH, channel: "1.7" }),
    measured(CODES.lowLimits2, MEASURED_2, { prefix: LOW, channel: "1.8" }),
    measured(CODES.highLimits2, MEASURED_2, { prefix: HIGH, channel: "1.9" }),
    {
      code: CODES.settings,
      width: SETTING_CHARACTERS,
      table: SETTINGS,
      notGivenOn: SETTINGS_NOT_GIVEN_ON,
    },
  ].map((answer) => [answer.code, answer]),
);

function measured(code: number, table: CodeTable, limit?: FieldAnswer["limit"]): FieldAnswer {
  const answer = { code, width: MEASURED_CHARACTERS, table, notGivenOn: MEASURED_NOT_GIVEN_ON };
  return limit === undefined ? answer : { ...answer, limit };
}

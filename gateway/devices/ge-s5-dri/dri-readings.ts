import type { Quality } from "../../reading.ts";
import { decimalText } from "../decimal.ts";
import type { Measured } from "../device.ts";
import { BASIC, CLASS_BYTES, EXT1, EXT2, EXT3 } from "./dri-classes.ts";
import type { Field, Group, GroupHeader } from "./dri-groups.ts";
import { named } from "./dri-groups.ts";
import { exists } from "./dri-labels.ts";
import type { DriHeader, Subrecord } from "./dri-record.ts";

/** Bytes of a subrecord of physiological data, at least: time and one class. */
export const PHYSIOLOGY_BYTES = 4 + CLASS_BYTES;
/** Types of subrecords: what the monitor displays, and its trends of 10 and of 60 seconds. */
export const DISPLAYED = 1;
export const TREND_60S = 3;

const CLASSES: readonly (readonly Group[])[] = [BASIC, EXT1, EXT2, EXT3];
const CLASS_START = 4;
/** Behind the class come a marker and what class it is. */
const CLASS_AT = CLASS_START + CLASS_BYTES + 3;

/**
 * The readings of one subrecord. A value is given when it is one, or when its module is there and so could have one; a module that
 * is not there gives nothing. Displayed values bear the time of the record, trends their own.
 */
export function readingsOf(record: DataView, header: DriHeader, subrecord: Subrecord): Measured[] {
  const { from, to, type } = subrecord;
  // Where nothing follows there is one class only, as in the first editions: basic.
  const which = from + CLASS_AT < to ? record.getUint8(from + CLASS_AT) & 0x0f : 0;
  const seconds = type === DISPLAYED ? header.time : record.getUint32(from, true);
  const context: Context = {
    record,
    start: from + CLASS_START,
    level: header.level,
    deviceAt: seconds === 0 ? null : 1000 * seconds,
    // The trends are other measurements than what is displayed: they have numbers of their own in the path.
    vmd: 1 + which + CLASSES.length * (type - DISPLAYED),
    readings: [],
  };
  const groups = CLASSES[which] ?? [];
  groups.forEach((group, place) => addGroup(context, group, place + 1));
  if (groups === BASIC) {
    addDerivedCarbonDioxide(context);
    addCuffAge(context);
  }
  return context.readings;
}

interface Context {
  readonly record: DataView;
  /** First byte of the class. */
  readonly start: number;
  readonly level: number;
  readonly deviceAt: number | null;
  readonly vmd: number;
  readonly readings: Measured[];
}

/** From here down a value is a special one; the smallest real one is -32000. */
const SPECIAL_MAX = -32001;
/** Under range, over range, not calibrated: the monitor itself says that the measurement is not good. */
const SPECIAL_INVALID: ReadonlySet<number> = new Set([-32764, -32763, -32762]);

function addGroup(context: Context, group: Group, channel: number): void {
  const header = headerOf(context, group);
  const codes = group.codes(header);
  const isThere = exists(header);
  const counts = group.fields.map(({ at }) =>
    context.record.getInt16(context.start + group.at + at, true),
  );
  // Bytes that an older monitor keeps free are zeros: no module, and no measurement of 0.
  const hasOwnHeader = group.headerAt === group.at;
  if (!(isThere && hasOwnHeader) && counts.every((count) => count === 0)) {
    return;
  }
  for (const [place, field] of group.fields.entries()) {
    const count = counts[place] ?? SPECIAL_MAX;
    if (count > SPECIAL_MAX || isThere) {
      const { code, mdc } = codes[field.metric - 1] ?? field.code;
      context.readings.push({
        code,
        mdc,
        ...valueOf(count, field, group.quality(header, field.metric - 1)),
        unit: field.unit,
        path: `1.${context.vmd}.${channel}.${field.metric}`,
        deviceAt: context.deviceAt,
      });
    }
  }
}

function headerOf({ record, start, level }: Context, { headerAt }: Group): GroupHeader {
  return {
    status: record.getUint32(start + headerAt, true),
    label: record.getUint16(start + headerAt + 4, true),
    level,
  };
}

function valueOf(
  count: number,
  { places }: Field,
  quality: Quality,
): Pick<Measured, "value" | "text" | "quality"> {
  if (count <= SPECIAL_MAX) {
    return {
      value: null,
      text: "",
      quality: [SPECIAL_INVALID.has(count) ? "invalid" : "unavailable"],
    };
  }
  const text = decimalText(count, places);
  return { value: Number(text), text, quality: [quality] };
}

/** CO2 group, and in it the concentration at the end of expiration (1/100 %) and the ambient pressure (1/10 mm[Hg]). */
const CO2_CHANNEL = 12;
const CO2_ET_AT = 6;
const AMBIENT_AT = 12;
const CO2_DERIVED = named("GE_CO2_ET_PRESS_DERIVED");
const CO2_DERIVED_METRIC = 10;
const CO2_DERIVED_PLACES = 5;

/**
 * The partial pressure of CO2 that monitors show is concentration times ambient pressure. Only two valid factors make one: two special
 * values multiplied give a large positive number. The product of the counts is exact.
 */
function addDerivedCarbonDioxide(context: Context): void {
  const group = BASIC[CO2_CHANNEL - 1];
  if (group === undefined) {
    return;
  }
  const { record, start } = context;
  const concentration = record.getInt16(start + group.at + CO2_ET_AT, true);
  const ambient = record.getInt16(start + group.at + AMBIENT_AT, true);
  if (concentration <= SPECIAL_MAX || ambient <= SPECIAL_MAX || concentration < 0 || ambient <= 0) {
    return;
  }
  const text = decimalText(concentration * ambient, CO2_DERIVED_PLACES);
  context.readings.push({
    ...CO2_DERIVED,
    value: Number(text),
    text,
    unit: "mm[Hg]",
    quality: [group.quality(headerOf(context, group), 0)],
    path: `1.${context.vmd}.${CO2_CHANNEL}.${CO2_DERIVED_METRIC}`,
    deviceAt: context.deviceAt,
  });
}

const CUFF_CHANNEL = 6;
const CUFF_OLD = 1 << 8;
const CUFF_AGE = named("GE_NIBP_AGE");
const CUFF_AGE_METRIC = 10;

/** A cuff pressure stays displayed until the next one: whether it is older than a minute is told beside it. */
function addCuffAge(context: Context): void {
  const group = BASIC[CUFF_CHANNEL - 1];
  const header = group === undefined ? null : headerOf(context, group);
  if (header === null || !exists(header)) {
    return;
  }
  const value = (header.label & CUFF_OLD) === 0 ? "up-to-60s" : "over-60s";
  context.readings.push({
    ...CUFF_AGE,
    value,
    text: value,
    unit: "1",
    quality: ["valid"],
    path: `1.${context.vmd}.${CUFF_CHANNEL}.${CUFF_AGE_METRIC}`,
    deviceAt: context.deviceAt,
  });
}

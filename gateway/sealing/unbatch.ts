import type { Item, Reading } from "../reading.ts";
import { FORM_DECIMAL, FORM_NUMBER_TEXT, FORM_WORD, FORM_WORD_TEXT } from "./batch.ts";
import { DECIMALS_MAX, decimalText, decimalValue } from "./decimal.ts";
import { decodeColumns, type ItemColumns, type ItemGroup } from "./item-columns.ts";
import { pick } from "./sources.ts";

/** Reads what `encodeItems` wrote: the same items, field for field. Throws WardError `WARD_OPEN`. */
export function decodeItems(bytes: Uint8Array): Item[] {
  return itemsOf(decodeColumns(bytes));
}

/** The items of columns, in order. */
export function itemsOf(columns: ItemColumns): Item[] {
  const items: Item[] = [];
  for (const group of columns.groups) {
    for (let count = 0; count < group.count; count += 1) {
      items.push(itemAt(columns, group, items.length));
    }
  }
  return items;
}

/** Item number `item` of the columns, which must be one of `group`. */
export function itemAt(columns: ItemColumns, group: ItemGroup, item: number): Item {
  const series = pick(columns.series, columns.places[item] ?? -1);
  const identity = { ...group.source, take: group.take, index: series.index };
  switch (series.kind) {
    case "reading":
      return {
        kind: "reading",
        ...identity,
        code: series.code,
        mdc: series.mdc,
        ...valueAt(columns, series.form, item),
        unit: series.unit,
        at: group.at,
        clock: group.clock,
        deviceAt: group.deviceAt,
        quality: series.quality,
        path: series.path,
      };
    case "waveform":
      return {
        kind: "waveform",
        ...identity,
        code: series.code,
        mdc: series.mdc,
        unit: series.unit,
        start: group.at,
        clock: group.clock,
        period: series.period,
        scale: series.scale,
        offset: series.offset,
        samples: columns.samples[item] ?? [],
        gap: series.gap,
        quality: series.quality,
        path: series.path,
      };
    case "notice": {
      const since = columns.numbers[item] ?? Number.NaN;
      return {
        kind: "notice",
        ...identity,
        notice: series.notice,
        text: columns.texts[item] ?? "",
        at: group.at,
        clock: group.clock,
        since: Number.isNaN(since) ? null : since,
      };
    }
  }
}

/** Value and text of a reading whose series has this form. */
export function valueAt(
  columns: ItemColumns,
  form: number,
  item: number,
): Pick<Reading, "value" | "text"> {
  const number = columns.numbers[item] ?? Number.NaN;
  if (form >= FORM_DECIMAL) {
    const decimal = {
      mantissa: number,
      decimals: (form - FORM_DECIMAL) % (DECIMALS_MAX + 1),
      zeros: Math.floor((form - FORM_DECIMAL) / (DECIMALS_MAX + 1)),
    };
    return { value: decimalValue(decimal), text: decimalText(decimal) };
  }
  const text = columns.texts[item] ?? "";
  switch (form) {
    case FORM_WORD:
      return { value: text, text };
    case FORM_WORD_TEXT:
      return { value: columns.words[item] ?? "", text };
    case FORM_NUMBER_TEXT:
      return { value: number, text };
    default:
      return { value: null, text };
  }
}

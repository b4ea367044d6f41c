import { FORM_DECIMAL } from "../gateway/sealing/batch.ts";
import type { ItemColumns } from "../gateway/sealing/item-columns.ts";
import { valueAt } from "../gateway/sealing/unbatch.ts";

/** Value and text of a reading as they stand in its digest and in its line. */
export interface ValueWords {
  readonly value: string;
  readonly text: string;
  /** Both as they stand in a line: `97,"text":"97.0"`. */
  readonly json: string;
}

/** The words of a reading whose series has this form. Numbers come again and again, so theirs are kept. */
export function valueWords(columns: ItemColumns, form: number, item: number): ValueWords {
  if (form < FORM_DECIMAL) {
    return makeWords(columns, form, item);
  }
  const mantissa = columns.numbers[item] ?? Number.NaN;
  const known = KEPT[form - FORM_DECIMAL];
  const found = known?.get(mantissa);
  if (found !== undefined) {
    return found;
  }
  const kept = known ?? new Map<number, ValueWords>();
  if (kept.size >= KEPT_MAX) {
    kept.clear();
  }
  const words = makeWords(columns, form, item);
  kept.set(mantissa, words);
  KEPT[form - FORM_DECIMAL] = kept;
  return words;
}

/**
 * The same text in one piece. What is put together with `+` lies in pieces until somebody looks at it, and these texts are put
 * together with others many times.
 */
export function flat(text: string): string {
  text.charCodeAt(0);
  return text;
}

/** By form and mantissa. */
const KEPT: Map<number, ValueWords>[] = [];
/** Numbers kept for one form. */
const KEPT_MAX = 4096;

function makeWords(columns: ItemColumns, form: number, item: number): ValueWords {
  const { value, text } = valueAt(columns, form, item);
  const json = flat(`${JSON.stringify(value)},"text":${JSON.stringify(text)}`);
  return { value: String(value), text, json };
}

import { itemDigest } from "../gateway/digest.ts";
import { FORM_DECIMAL } from "../gateway/sealing/batch.ts";
import type { ItemColumns, ItemGroup } from "../gateway/sealing/item-columns.ts";
import { itemAt } from "../gateway/sealing/unbatch.ts";
import { valueWords } from "./value-words.ts";

/**
 * The digests of a batch's items, each equal to `itemDigest` of the item, without making the items. Only value and text are fed
 * to the CRC-32 item by item: what a series begins and ends with is fed once per series, the times once per take. That
 * is so because a CRC is linear: the state after some bytes is the state after as many zeros, exclusive or the state that these
 * bytes alone give.
 */
export class ItemDigests {
  readonly #columns: ItemColumns;
  readonly #series: (SeriesParts | null | undefined)[] = [];
  #group: ItemGroup | null = null;
  /** Of the times: their length, and the state that they alone give. */
  #timesLength = 0;
  #times = 0;

  constructor(columns: ItemColumns) {
    this.#columns = columns;
  }

  /** The digest of item number `item`, which is one of `group`. */
  at(group: ItemGroup, item: number): number {
    const parts = this.#partsOf(this.#columns.places[item] ?? 0);
    if (parts === null) {
      return itemDigest(itemAt(this.#columns, group, item));
    }
    const { value, text } = valueWords(this.#columns, parts.form, item);
    if (parts.form < FORM_DECIMAL && !(isAscii(value) && isAscii(text))) {
      return itemDigest(itemAt(this.#columns, group, item));
    }
    if (this.#group !== group) {
      this.#enter(group);
    }
    if (parts.timesLength !== this.#timesLength) {
      fitParts(parts, this.#timesLength);
    }
    const state = feedText(feedByte(feedText(parts.head, value), BAR), text);
    const rest = shifted(parts.tailShift, this.#times) ^ parts.constant;
    return ~(shifted(parts.restShift, state) ^ rest) >>> 0;
  }

  #enter(group: ItemGroup): void {
    this.#group = group;
    const times = `${group.at}|${group.deviceAt}`;
    this.#timesLength = times.length;
    this.#times = feedText(0, times);
  }

  /** Null for what goes the long way. */
  #partsOf(place: number): SeriesParts | null {
    const known = this.#series[place];
    if (known !== undefined) {
      return known;
    }
    const series = this.#columns.series[place];
    const made = series?.kind === "reading" ? readingParts(series) : null;
    this.#series[place] = made;
    return made;
  }
}

interface SeriesParts {
  readonly form: number;
  /** State after the index and the code. */
  readonly head: number;
  /** What stands between text and times, and after them. */
  readonly unit: string;
  readonly tail: string;
  /** The length of times that what follows is for. */
  timesLength: number;
  /** Over unit, times and tail; over the tail. */
  restShift: Int32Array;
  tailShift: Int32Array;
  /** The state that unit and tail alone give, with as many zeros between them as the times are long. */
  constant: number;
}

function readingParts(series: {
  readonly form: number;
  readonly index: number;
  readonly code: string;
  readonly unit: string;
  readonly quality: readonly string[];
  readonly path: string;
}): SeriesParts | null {
  const { form, index, code, unit, path, quality } = series;
  if (![code, unit, path].every(isAscii)) {
    return null;
  }
  return {
    form,
    head: feedText(-1, `${index}|${code}|`),
    unit: `|${unit}|`,
    tail: `|${quality.join(" ")}|${path}`,
    timesLength: -1,
    restShift: NO_SHIFT,
    tailShift: NO_SHIFT,
    constant: 0,
  };
}

function fitParts(parts: SeriesParts, timesLength: number): void {
  const { unit, tail } = parts;
  const behindUnit = timesLength + tail.length;
  parts.timesLength = timesLength;
  parts.restShift = shiftOf(unit.length + behindUnit);
  parts.tailShift = shiftOf(tail.length);
  parts.constant = shifted(shiftOf(behindUnit), feedText(0, unit)) ^ feedText(0, tail);
}

/** Tables that give the state after so many zeros: 256 entries for each byte of the state. */
const SHIFTS = new Map<number, Int32Array>();
const SHIFTS_MAX = 512;
const NO_SHIFT = new Int32Array(0);

function shiftOf(length: number): Int32Array {
  const known = SHIFTS.get(length);
  if (known !== undefined) {
    return known;
  }
  if (SHIFTS.size >= SHIFTS_MAX) {
    SHIFTS.clear();
  }
  const zeros = "\0".repeat(length);
  const bits = Array.from({ length: 32 }, (_, bit) => feedText(1 << bit, zeros));
  const table = new Int32Array(4 * 256);
  for (let entry = 0; entry < table.length; entry += 1) {
    const first = (entry >>> 8) * 8;
    for (let bit = 0; bit < 8; bit += 1) {
      if (((entry >>> bit) & 1) === 1) {
        table[entry] = (table[entry] ?? 0) ^ (bits[first + bit] ?? 0);
      }
    }
  }
  SHIFTS.set(length, table);
  return table;
}

function shifted(table: Int32Array, state: number): number {
  return (
    (table[state & 0xff] ?? 0) ^
    (table[256 + ((state >>> 8) & 0xff)] ?? 0) ^
    (table[512 + ((state >>> 16) & 0xff)] ?? 0) ^
    (table[768 + (state >>> 24)] ?? 0)
  );
}

const ASCII_LAST = 0x7f;
const BAR = 0x7c;

function isAscii(text: string): boolean {
  for (let place = 0; place < text.length; place += 1) {
    if (text.charCodeAt(place) > ASCII_LAST) {
      return false;
    }
  }
  return true;
}

const TABLE: Int32Array = makeTable();

function feedByte(crc: number, byte: number): number {
  return (TABLE[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
}

function feedText(state: number, text: string): number {
  let crc = state;
  for (let place = 0; place < text.length; place += 1) {
    crc = feedByte(crc, text.charCodeAt(place));
  }
  return crc;
}

/** The table of CRC-32 (ISO 3309), one byte at a time. */
function makeTable(): Int32Array {
  return Int32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    }
    return crc;
  });
}

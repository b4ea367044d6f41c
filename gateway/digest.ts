import { crc32 } from "node:zlib";

import { crcOf, CRC_START, feedByte, feedText, isAscii } from "./crc-state.ts";
import type { Item, Reading } from "./reading.ts";

/**
 * A 32-bit digest of one item's content: the CRC-32 (ISO 3309) of its fields as UTF-8 text with "|" between them, in the order that
 * `content` shows. It tells whether a flow changed a value on the way ("derived"); it is no protection against a hostile
 * flow, which sees the same bytes.
 */
export function itemDigest(item: Item): number {
  return item.kind === "reading" ? readingDigest(item) : crc32(content(item)) >>> 0;
}

/** The digest of a set of items of one take: the exclusive or of their digests, so that parts can be told apart. */
export function digestOf(items: readonly Item[]): number {
  let digest = 0;
  for (const item of items) {
    digest ^= itemDigest(item);
  }
  return digest >>> 0;
}

function content(item: Exclude<Item, Reading>): string {
  switch (item.kind) {
    case "waveform":
      return `${item.index}|${item.code}|${item.unit}|${item.start}|${item.period.ms}/${item.period.samples}|${item.scale}|${item.offset}|${item.gap}|${item.samples.join(",")}`;
    case "notice":
      return `${item.index}|${item.notice}|${item.text}|${item.at}|${item.since}`;
  }
}

/** Field by field: making one text of them first, as for the others, takes six times as long. */
function readingDigest(item: Reading): number {
  const { index, code, value, text, unit, at, deviceAt, quality, path } = item;
  let state = feed(CRC_START, String(index));
  state = feed(feedByte(state, BAR), code);
  state = feed(feedByte(state, BAR), String(value));
  state = feed(feedByte(state, BAR), text);
  state = feed(feedByte(state, BAR), unit);
  state = feed(feedByte(state, BAR), String(at));
  state = feed(feedByte(state, BAR), String(deviceAt));
  state = feed(feedByte(state, BAR), quality.length === 1 ? String(quality[0]) : quality.join(" "));
  state = feed(feedByte(state, BAR), path);
  return crcOf(state);
}

function feed(state: number, text: string): number {
  return isAscii(text) ? feedText(state, text) : ~crc32(text, crcOf(state));
}

const BAR = 0x7c;

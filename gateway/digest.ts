import { crc32 } from "node:zlib";

import type { Item } from "./reading.ts";

/**
 * A 32-bit digest of one item's content. It tells whether a flow changed a value on the way ("derived"); it is no
 * protection against a hostile flow, which sees the same bytes.
 */
export function itemDigest(item: Item): number {
  return crc32(content(item)) >>> 0;
}

/** The digest of a set of items of one take: the exclusive or of their digests, so that parts can be told apart. */
export function digestOf(items: readonly Item[]): number {
  let digest = 0;
  for (const item of items) {
    digest ^= itemDigest(item);
  }
  return digest >>> 0;
}

function content(item: Item): string {
  switch (item.kind) {
    case "reading":
      return `${item.index}|${item.code}|${item.value}|${item.text}|${item.unit}|${item.at}|${item.deviceAt}|${item.quality.join(" ")}|${item.path}`;
    case "waveform":
      return `${item.index}|${item.code}|${item.unit}|${item.start}|${item.period.ms}/${item.period.samples}|${item.scale}|${item.offset}|${item.gap}|${item.samples.join(",")}`;
    case "notice":
      return `${item.index}|${item.notice}|${item.text}|${item.at}|${item.since}`;
  }
}

import { zstdCompressSync, zstdDecompressSync } from "node:zlib";

import { ColumnReader, ColumnWriter } from "../gateway/columns.ts";
import { WardError } from "../gateway/errors.ts";
import type { TakeRange } from "./ledger.ts";

/**
 * The bytes of one page of the views: 0 and the content as it is, or 1 and a zstd frame of it. Content is written with the
 * primitives of sealing/README.md; nobody but the hub reads it, and `hub rebuild` makes it again.
 */
export function packPage(write: (writer: ColumnWriter) => void): Uint8Array {
  const writer = new ColumnWriter();
  writer.byte(PLAIN);
  write(writer);
  const page = writer.finish();
  if (page.length < ZIP_BYTES_MIN) {
    return page;
  }
  return Buffer.concat([ZIPPED_HEAD, zstdCompressSync(page.subarray(1))]);
}

/** Opens a page. Throws WardError `WARD_HUB_VIEWS`. */
export function unpackPage(bytes: Uint8Array): ColumnReader {
  const body = bytes.subarray(1);
  if (bytes[0] !== ZIPPED) {
    return new ColumnReader(body, unreadablePage);
  }
  try {
    return new ColumnReader(zstdDecompressSync(body), unreadablePage);
  } catch (error) {
    throw unreadablePage("frame", { cause: error });
  }
}

export function writeText(writer: ColumnWriter, text: string): void {
  const bytes = Buffer.from(text, "utf8");
  writer.uint(bytes.length);
  writer.raw(bytes);
}

export function readText(reader: ColumnReader): string {
  const bytes = reader.raw("text", reader.uint("text", TEXT_BYTES_MAX));
  return Buffer.from(bytes).toString("utf8");
}

export function writeRanges(writer: ColumnWriter, ranges: readonly TakeRange[]): void {
  writer.uint(ranges.length);
  let end = 0;
  for (const [first, last] of ranges) {
    writer.uint(first - end);
    writer.uint(last - first);
    end = last;
  }
}

export function readRanges(reader: ColumnReader): TakeRange[] {
  const count = reader.count("ranges", Number.MAX_SAFE_INTEGER);
  const ranges: TakeRange[] = [];
  let end = 0;
  for (let place = 0; place < count; place += 1) {
    const first = end + reader.uint("range", Number.MAX_SAFE_INTEGER);
    end = first + reader.uint("range", Number.MAX_SAFE_INTEGER);
    ranges.push([first, end]);
  }
  return ranges;
}

function unreadablePage(what: string, options?: ErrorOptions): WardError {
  return new WardError(
    "WARD_HUB_VIEWS",
    `Cannot read the hub's views: bad ${what}. The sealed store is not affected. Run: wardgate hub rebuild.`,
    options,
  );
}

const PLAIN = 0;
const ZIPPED = 1;
const ZIPPED_HEAD = Buffer.from([ZIPPED]);
/** Smaller pages gain nothing. */
const ZIP_BYTES_MIN = 512;
const TEXT_BYTES_MAX = 65_536;

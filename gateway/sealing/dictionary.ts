import { readFileSync } from "node:fs";

import { ColumnWriter } from "../columns.ts";

/**
 * Dictionary 1 of packing (README.md §3): strings that most batches hold, as they stand in a string table. It never changes; other
 * strings would be another dictionary, with another method.
 */
export const DICTIONARY_1: Uint8Array = dictionaryOf(
  readFileSync(new URL("dictionary-1.txt", import.meta.url), "utf8"),
);

function dictionaryOf(text: string): Uint8Array {
  const writer = new ColumnWriter();
  for (const line of text.split("\n").slice(0, -1)) {
    const bytes = Buffer.from(line, "utf8");
    writer.uint(bytes.length);
    writer.raw(bytes);
  }
  return writer.finish();
}

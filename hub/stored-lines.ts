import { type BooksParts, openAgain } from "./books.ts";
import type { LineBuffer } from "./line-buffer.ts";
import { marksOf } from "./marks.ts";
import type { StoredRecord } from "./store.ts";
import { addLines, type LineWish } from "./views.ts";

/** Adds the lines of records that are in the saved views. */
export async function addStoredLines(
  lines: LineBuffer,
  { keyring, names }: Pick<BooksParts, "keyring" | "names">,
  stored: readonly StoredRecord[],
  only: LineWish | null = null,
): Promise<void> {
  const again = await openAgain(keyring, stored);
  for (const [number, record] of stored.entries()) {
    const opened = again[number]?.opened;
    if (opened !== undefined) {
      const marks = marksOf(record.marks, record.gateway, names);
      addLines(lines, record, { opened, marks }, only);
    }
  }
}

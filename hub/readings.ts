import type { ItemGroup } from "../gateway/sealing/item-columns.ts";
import { LineBuffer } from "./line-buffer.ts";
import { DeviceNames } from "./names.ts";
import { comingEnd, type LookOptions, savedBooks, storedKeyring } from "./open-books.ts";
import { addStoredLines } from "./stored-lines.ts";
import { addLines, type LineWish } from "./views.ts";

/** Which readings to give: all, or those of one device and of some time (gateway time, epoch milliseconds, both included). */
export interface ReadingsWish {
  readonly device?: string;
  readonly from?: number;
  readonly to?: number;
}

/**
 * The lines of `readings.ndjson` straight from the sealed store, each reading once, a piece at a time. With a wish only readings,
 * waveforms and notices. Pieces are only valid until the next is asked for.
 */
export async function* readingLines(
  options: LookOptions,
  wish: ReadingsWish = {},
): AsyncGenerator<Uint8Array> {
  const { store, identity } = options;
  const keyring = storedKeyring(options);
  const names = new DeviceNames(identity.recipientKey);
  const only = wishOf(wish);
  const lines = new LineBuffer();
  // What is saved of the books comes with its marks; what came after is entered again in memory.
  const books = await savedBooks(options);
  const { booked: saved } = books;
  for (let last = 0; last < saved;) {
    const stored = await store.records(last, saved);
    lines.clear();
    await addStoredLines(lines, { keyring, names }, stored, only);
    last = stored.at(-1)?.id ?? saved;
    yield lines.bytes;
  }
  const end = await comingEnd(store, books);
  while (books.booked < end) {
    lines.clear();
    for (const { source, opened, marks } of await books.enterNext(end)) {
      if (opened !== null && marks !== null) {
        addLines(lines, source, { opened, marks }, only);
      }
    }
    yield lines.bytes;
  }
}

function wishOf({ device, from, to }: ReadingsWish): LineWish | null {
  if (device === undefined && from === undefined && to === undefined) {
    return null;
  }
  return (group: ItemGroup): boolean =>
    (device === undefined || group.source.device === device) &&
    group.at >= (from ?? 0) &&
    group.at <= (to ?? Number.POSITIVE_INFINITY);
}

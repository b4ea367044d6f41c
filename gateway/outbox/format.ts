import { WardError } from "../errors.ts";
import type { Store } from "./commits.ts";
import { formatKey } from "./keys.ts";
import { getIfReadable } from "./salvage.ts";
import type { StoreWrite } from "./store.ts";
import { openRow, sealRow } from "./values.ts";

/** The version of the store's format that this program writes; it reads every one before. README.md tells them apart. */
export const FORMAT = 2;

/**
 * The version a store is in, 1 when it does not say. Throws WardError `WARD_OUTBOX_FORMAT` for one that is newer than this
 * program: then nothing of it was changed.
 */
export async function readFormat(store: Store): Promise<number> {
  const value = await getIfReadable(store, formatKey());
  const content = value === undefined ? null : openRow(formatKey(), value);
  const format = content?.length === 1 ? (content[0] ?? 1) : 1;
  if (format > FORMAT) {
    throw new WardError(
      "WARD_OUTBOX_FORMAT",
      `Cannot use the outbox: it was written in format ${format}, this program knows up to ${FORMAT}. Run the newer program again; nothing was changed.`,
    );
  }
  return format;
}

export function formatWrite(): StoreWrite {
  return sealRow(formatKey(), Uint8Array.of(FORMAT));
}

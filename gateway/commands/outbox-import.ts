import { askControl } from "../house/control.ts";
import { WardError } from "../errors.ts";
import { readParcel } from "../sealing/parcel.ts";

/** What was taken from a file of receipts. */
export interface Imported {
  readonly kind: "imported";
  readonly receipts: number;
}

/**
 * Hands the receipts in a file to the keeper of a running gateway. It checks the hub's signature on each, and forgets what they
 * name, as if they had come from the broker. Throws WardError `WARD_PARCEL` for a file that is not whole: what was read of it
 * is taken all the same.
 */
export async function importReceipts(dataDirectory: string, file: string): Promise<Imported> {
  let receipts = 0;
  const end = await readParcel(file, async (entry) => {
    if (entry.kind === "receipt") {
      const text = Buffer.from(entry.bytes).toString("base64");
      await askControl(dataDirectory, "outbox-receipt", text);
      receipts += 1;
    }
  });
  if (!end.complete) {
    throw new WardError(
      "WARD_PARCEL",
      `Cannot use all of ${file}: it is damaged or cut off. ${receipts} receipts of it were taken.`,
    );
  }
  return { kind: "imported", receipts };
}

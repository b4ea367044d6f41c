import type { KeyObject } from "node:crypto";

import { WardError } from "../errors.ts";
import type { ReceiptNews } from "../outbox/outbox.ts";
import { EPOCH_ID_BYTES, RECORD_CLASSES } from "../sealing/envelope.ts";
import { verifyReceipt } from "../sealing/receipt.ts";

/** What comes down from the hub, checked. */

/** Verifies a receipt for this gateway. Throws WardError `WARD_RECEIPT`. */
export function readReceipt(payload: Uint8Array, key: KeyObject, gateway: string): ReceiptNews {
  const receipt = verifyReceipt(payload, key);
  if (receipt.gateway !== gateway) {
    throw new WardError(
      "WARD_RECEIPT",
      "Cannot use receipt: it is for another gateway. Check the broker's access rules.",
    );
  }
  return {
    store: receipt.store,
    ranges: RECORD_CLASSES.flatMap((name) =>
      (receipt.ranges[name] ?? []).map((range) => ({ class: name, range })),
    ),
    rejects: receipt.rejects,
  };
}

/** Ids of the epochs the hub asks for, as hex: 16 bytes each, one after the other. Throws WardError `WARD_NEED_EPOCH`. */
export function readNeedEpoch(payload: Uint8Array): string[] {
  const count = payload.length / EPOCH_ID_BYTES;
  if (!Number.isInteger(count) || count < 1 || count > EPOCHS_MAX) {
    throw new WardError(
      "WARD_NEED_EPOCH",
      `Cannot read which epochs the hub needs: ${payload.length} bytes, not 1 to ${EPOCHS_MAX} ids.`,
    );
  }
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  return Array.from({ length: count }, (_, place) =>
    bytes.toString("hex", place * EPOCH_ID_BYTES, (place + 1) * EPOCH_ID_BYTES),
  );
}

const EPOCHS_MAX = 64;

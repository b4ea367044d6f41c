import { createHash, createHmac } from "node:crypto";

import { WardError } from "../../gateway/errors.ts";
import type { Loss, RecordCodec, SealedFacts } from "../../gateway/outbox/records.ts";
import type { RecordClass } from "../../gateway/sealing/envelope.ts";

/** Stands for sealing where only the outbox is tested: the same duties in JSON, with an HMAC for a signature. */
export function makeFakeCodec(): RecordCodec & { readonly gaps: Loss[] } {
  const gaps: Loss[] = [];
  const own = hex("keeper epoch");
  return {
    gaps,
    header: (sealed) => factsOf(sealed),
    sign: (sealed, place) => {
      const body = JSON.stringify({ place, sealed: Buffer.from(sealed).toString("latin1") });
      const bytes = Buffer.from(`${mac(body)}${body}`, "latin1");
      return { bytes, hash: createHash("sha256").update(bytes).digest("hex") };
    },
    storeOf: (record) => opened(record).place.store,
    epochOf: (wrapped) => Buffer.from(wrapped).toString("latin1").split("|")[0] ?? "",
    signEpoch: (wrapped, store) => Buffer.concat([wrapped, Buffer.from(`|${store}`)]),
    sealGaps: (losses) => {
      gaps.push(...losses);
      const batches = losses.map((loss) => fakeBatch("gap", own, 1, JSON.stringify(loss)));
      return { epochs: [fakeEpoch(own)], batches };
    },
    ownEpochs: () => [own],
  };
}

export function fakeBatch(
  className: RecordClass,
  epoch: string,
  items: number,
  body: string,
): Uint8Array {
  return Buffer.from(`${className}|${epoch}|${items}|${body}`, "latin1");
}

export function fakeEpoch(epoch: string): Uint8Array {
  return Buffer.from(`${epoch}|wrapped`, "latin1");
}

/** The body that a stored record carries. */
export function fakeBody(bytes: Uint8Array): string {
  return opened(bytes).sealed.split("|").slice(3).join("|");
}

/** What a stored record says of itself. Throws when its bytes were changed. */
export function fakeRecord(
  bytes: Uint8Array,
): Opened["place"] & { readonly epoch: string; readonly body: string } {
  const { place, sealed } = opened(bytes);
  const [, epoch = "", , ...body] = sealed.split("|");
  return { ...place, epoch, body: body.join("|") };
}

/** An epoch id made of a word. */
export function hex(word: string): string {
  return createHash("sha256").update(word).digest("hex").slice(0, 32);
}

interface Opened {
  place: {
    store: string;
    class: string;
    sequence: number;
    storedAt: number;
    previous: string | null;
  };
  sealed: string;
}

function opened(bytes: Uint8Array): Opened {
  const text = Buffer.from(bytes).toString("latin1");
  const body = text.slice(64);
  if (mac(body) !== text.slice(0, 64)) {
    throw new WardError("WARD_FAKE", "Cannot check: the bytes were changed.");
  }
  return JSON.parse(body) as Opened;
}

function factsOf(sealed: Uint8Array): SealedFacts {
  const [name, epoch, items] = Buffer.from(sealed).toString("latin1").split("|");
  if (name === undefined || epoch === undefined || items === undefined) {
    throw new WardError("WARD_FAKE", "Cannot read: not a sealed batch.");
  }
  return { class: name as RecordClass, epoch, items: Number(items), salt: hex(String(sealed)) };
}

function mac(body: string): string {
  return createHmac("sha256", "fake").update(body, "latin1").digest("hex");
}

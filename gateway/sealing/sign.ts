import { createHash, createPublicKey } from "node:crypto";
import type { KeyObject } from "node:crypto";

import { isGatewayId } from "../reading.ts";
import type { CborValue } from "./cbor.ts";
import { HEADER_KID, makeSign1 } from "./cose.ts";
import {
  classNumber,
  CONTEXT,
  ENVELOPE_VERSION,
  fromHex,
  HASH_BYTES,
  hashHex,
  HEADER_WARD,
  isHex,
  readSealedHeader,
  STORE_ID_BYTES,
  TIME_MAX,
} from "./envelope.ts";
import type { RecordPlace } from "./envelope.ts";
import { readWrappedEpoch } from "./epoch.ts";

/** Signs, in the keeper, what is about to be committed. The key is the gateway's Ed25519 signing key. */
export class RecordSigner {
  readonly #key: KeyObject;
  readonly #kid: Uint8Array;

  constructor(o: { readonly key: KeyObject }) {
    this.#key = o.key;
    this.#kid = keyId(o.key);
  }

  /**
   * Gives a sealed record its place. `hash` is what the next record of the class names as `previous`. Throws WardError
   * `WARD_ENVELOPE` when the record is malformed or of another class, TypeError when the place is impossible.
   */
  sign(encrypt0: Uint8Array, place: RecordPlace): { bytes: Uint8Array; hash: string } {
    checkPlace(place, readSealedHeader(encrypt0).class);
    const ward = [
      ENVELOPE_VERSION,
      place.gateway,
      fromHex(place.store),
      classNumber(place.class),
      place.sequence,
      place.previous === null ? null : fromHex(place.previous),
      place.storedAt,
    ];
    const bytes = this.#sign1(ward, encrypt0, CONTEXT.record);
    return { bytes, hash: hashHex(bytes) };
  }

  /**
   * Signs a wrapped epoch and attaches the key binding statement, so that whoever gets it can judge the key. Throws
   * WardError `WARD_ENVELOPE` when the epoch is malformed or of another gateway.
   */
  signEpoch(
    wrapped: Uint8Array,
    o: { readonly gateway: string; readonly store: string; readonly binding: Uint8Array },
  ): Uint8Array {
    if (readWrappedEpoch(wrapped).gateway !== o.gateway || !isHex(o.store, STORE_ID_BYTES)) {
      throw new TypeError("Cannot sign epoch: gateway or store does not fit.");
    }
    const ward = [ENVELOPE_VERSION, o.gateway, fromHex(o.store), o.binding];
    return this.#sign1(ward, wrapped, CONTEXT.epoch);
  }

  #sign1(ward: readonly CborValue[], payload: Uint8Array, context: string): Uint8Array {
    const headers = new Map<number | string, CborValue>([
      [HEADER_KID, this.#kid],
      [HEADER_WARD, ward],
    ]);
    return makeSign1({ headers, payload, key: this.#key, context });
  }
}

/** How records name the key that signed them: the first 8 bytes of the SHA-256 of its SubjectPublicKeyInfo. */
export function keyId(key: KeyObject): Uint8Array {
  const publicKey = key.type === "private" ? createPublicKey(key) : key;
  const spki = publicKey.export({ format: "der", type: "spki" });
  return new Uint8Array(createHash("sha256").update(spki).digest().subarray(0, KEY_ID_BYTES));
}

export const KEY_ID_BYTES = 8;

function checkPlace(place: RecordPlace, recordClass: string): void {
  const isRight =
    isGatewayId(place.gateway) &&
    isHex(place.store, STORE_ID_BYTES) &&
    place.class === recordClass &&
    isCount(place.sequence, Number.MAX_SAFE_INTEGER) &&
    (place.previous === null || isHex(place.previous, HASH_BYTES)) &&
    isCount(place.storedAt, TIME_MAX);
  if (!isRight) {
    throw new TypeError(`Cannot sign record: impossible place for class ${recordClass}.`);
  }
}

function isCount(value: number, maximum: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= maximum;
}

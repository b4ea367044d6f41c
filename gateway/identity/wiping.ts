import { createHash, createPublicKey, type KeyObject, type X509Certificate } from "node:crypto";

import { errorText, WardError } from "../errors.ts";
import { arrayOf, bytesOf, decodeCbor, encodeCbor, integerOf, textOf } from "../sealing/cbor.ts";
import { makeSign1, readSign1, verifySign1 } from "../sealing/cose.ts";
import { TIME_MAX } from "../sealing/envelope.ts";
import { verifyBinding } from "./identity.ts";

/** What a gateway says with its signing key just before that key, like the others, is destroyed. */
export interface WipeStatement {
  readonly gateway: string;
  /** Epoch milliseconds. */
  readonly at: number;
  /** SHA-256 of each destroyed key's public half (SubjectPublicKeyInfo), hex; of a secret without one only its name is said. */
  readonly keys: readonly { readonly name: string; readonly publicKeyHash: string }[];
}

/** Signs the statement and puts the key binding beside it, so that whoever has the gateways root can check it. */
export function signWipe(
  statement: WipeStatement,
  o: { readonly signingKey: KeyObject; readonly binding: Uint8Array },
): Uint8Array {
  const keys = statement.keys.map(({ name, publicKeyHash }) => [name, publicKeyHash]);
  const signed = makeSign1({
    headers: new Map(),
    payload: encodeCbor([VERSION, statement.gateway, statement.at, keys]),
    key: o.signingKey,
    context: WIPE_CONTEXT,
  });
  return encodeCbor([signed, o.binding]);
}

/**
 * Checks such a statement: by the signing key that a certificate under `gatewaysRoot` vouched for. Whether that certificate
 * has ended since does not matter. Throws WardError `WARD_WIPE`.
 */
export function verifyWipe(bytes: Uint8Array, gatewaysRoot: X509Certificate): WipeStatement {
  try {
    const [signed, binding] = arrayOf(decodeCbor(bytes), "wipe statement", 2);
    const parts = readSign1(bytesOf(signed, "statement", 1, BYTES_MAX));
    const fields = arrayOf(decodeCbor(parts.payload), "statement", 4);
    integerOf(fields[0], "version", VERSION, VERSION);
    const gateway = textOf(fields[1], "gateway", /^[a-z0-9-]{3,64}$/);
    const at = integerOf(fields[2], "time", 0, TIME_MAX);
    const keys = arrayOf(fields[3], "keys", 1, KEYS_MAX).map((entry) => {
      const [name, hash] = arrayOf(entry, "key", 2);
      return {
        name: textOf(name, "name", /^[\w./-]{1,200}$/),
        publicKeyHash: textOf(hash, "hash", /^(?:[0-9a-f]{64})?$/),
      };
    });
    const bound = verifyBinding(bytesOf(binding, "binding", 1, BYTES_MAX), {
      gatewaysRoot,
      at: null,
    });
    if (bound.gateway !== gateway || !verifySign1(parts, bound.key, WIPE_CONTEXT)) {
      throw new WardError("WARD_WIPE", "it is not signed by the gateway that it names.");
    }
    return { gateway, at, keys };
  } catch (error) {
    throw new WardError("WARD_WIPE", `Cannot believe the statement: ${errorText(error)}`, {
      cause: error,
    });
  }
}

/** What a statement names a key by. */
export function hashOfPublicKey(key: KeyObject): string {
  const publicKey = key.type === "private" ? createPublicKey(key) : key;
  const der = publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(der).digest("hex");
}

/** The external_aad of the signature. */
const WIPE_CONTEXT = "wardgate/wipe/1";
const VERSION = 1;
const BYTES_MAX = 65_536;
const KEYS_MAX = 256;

import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from "node:crypto";

import { WardError } from "../gateway/errors.ts";

/**
 * Device ids never lie in clear in the hub's database: a row carries a keyed digest to be found by and an AES-256-GCM
 * sealed name to be read by whoever holds the recipient key. With another recipient key the views must be rebuilt.
 *
 * Sealed name: 12 bytes nonce, ciphertext, 16 bytes tag; the gateway id is authenticated with it.
 */
export class DeviceNames {
  readonly #tagKey: Uint8Array;
  readonly #nameKey: Uint8Array;

  constructor(recipientKey: KeyObject) {
    const secret = recipientKey.export({ type: "pkcs8", format: "der" });
    this.#tagKey = derive(secret, "wardgate hub device tag v1");
    this.#nameKey = derive(secret, "wardgate hub device name v1");
  }

  /** 16 bytes by which the device is found again. */
  tag(gateway: string, device: string): Uint8Array {
    const digest = createHmac("sha256", this.#tagKey).update(`${gateway}\n${device}`).digest();
    return digest.subarray(0, TAG_BYTES);
  }

  seal(gateway: string, device: string): Uint8Array {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv("aes-256-gcm", this.#nameKey, nonce);
    cipher.setAAD(Buffer.from(gateway, "utf8"));
    return Buffer.concat([
      nonce,
      cipher.update(device, "utf8"),
      cipher.final(),
      cipher.getAuthTag(),
    ]);
  }

  /** The device id of a sealed name. Throws WardError `WARD_HUB_NAMES` when it was sealed under another key. */
  open(gateway: string, sealed: Uint8Array): string {
    try {
      const nonce = sealed.subarray(0, NONCE_BYTES);
      const decipher = createDecipheriv("aes-256-gcm", this.#nameKey, nonce, {
        authTagLength: TAG_BYTES,
      });
      decipher.setAAD(Buffer.from(gateway, "utf8"));
      decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
      const text = decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES));
      return Buffer.concat([text, decipher.final()]).toString("utf8");
    } catch (error) {
      throw new WardError(
        "WARD_HUB_NAMES",
        "Cannot read device names: they were written under another recipient key. Run: wardgate hub rebuild.",
        { cause: error },
      );
    }
  }
}

const TAG_BYTES = 16;
const NONCE_BYTES = 12;

function derive(secret: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, new Uint8Array(0), purpose, 32));
}

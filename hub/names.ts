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
 * Device ids never lie in clear in the hub's database: a page carries a keyed digest to be found by and an AES-256-GCM
 * sealed name to be read by whoever holds the recipient key. With another recipient key the views must be rebuilt.
 *
 * Sealed text: 12 bytes nonce, ciphertext, 16 bytes tag; the gateway id is authenticated with it.
 */
export class DeviceNames {
  readonly #tagKey: Uint8Array;
  readonly #nameKey: Uint8Array;
  readonly #tags = new Map<string, string>();

  constructor(recipientKey: KeyObject) {
    const secret = recipientKey.export({ type: "pkcs8", format: "der" });
    this.#tagKey = derive(secret, "wardgate hub device tag v1");
    this.#nameKey = derive(secret, "wardgate hub device name v1");
  }

  /** 16 characters by which the device is found again. */
  tag(gateway: string, device: string): string {
    const name = `${gateway}\n${device}`;
    const known = this.#tags.get(name);
    if (known !== undefined) {
      return known;
    }
    const digest = createHmac("sha256", this.#tagKey).update(name).digest();
    const tag = digest.subarray(0, DEVICE_TAG_BYTES).toString("base64url");
    if (this.#tags.size >= TAGS_MAX) {
      this.#tags.clear();
    }
    this.#tags.set(name, tag);
    return tag;
  }

  /** A text that says something about a device, sealed. */
  seal(gateway: string, text: string): Uint8Array {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv("aes-256-gcm", this.#nameKey, nonce);
    cipher.setAAD(Buffer.from(gateway, "utf8"));
    return Buffer.concat([nonce, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
  }

  /** What was sealed. Throws WardError `WARD_HUB_NAMES` when it was sealed under another key. */
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

/** Tags remembered in memory. */
const TAGS_MAX = 20_000;
const DEVICE_TAG_BYTES = 12;
const TAG_BYTES = 16;
const NONCE_BYTES = 12;

function derive(secret: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, new Uint8Array(0), purpose, 32));
}

import {
  argon2Sync,
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  type KeyObject,
  randomBytes,
} from "node:crypto";

import { errorText, WardError } from "../gateway/errors.ts";

/**
 * A private key in a file that is useless without its passphrase: PKCS #8 under AES-256-GCM, with a key that argon2id
 * (RFC 9106) makes of the passphrase. JSON text; all that is not the ciphertext is authenticated with it.
 *
 * Throws WardError `WARD_PASSPHRASE` for a passphrase under 12 characters.
 */
export function lockKey(key: KeyObject, passphrase: string): string {
  if (passphrase.length < PASSPHRASE_MIN) {
    throw new WardError(
      "WARD_PASSPHRASE",
      `Cannot lock the key: its passphrase has fewer than ${PASSPHRASE_MIN} characters. Take a longer one.`,
    );
  }
  const head: Head = {
    format: FORMAT,
    kdf: "argon2id",
    ...COST,
    salt: randomBytes(SALT_BYTES).toString("base64"),
    iv: randomBytes(IV_BYTES).toString("base64"),
  };
  const cipher = createCipheriv("aes-256-gcm", derived(head, passphrase), bytesOf(head.iv));
  cipher.setAAD(asBytes(head));
  const plain = key.export({ type: "pkcs8", format: "der" });
  const body = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  return `${JSON.stringify({ ...head, key: body.toString("base64") }, null, 2)}\n`;
}

/** True when a text looks like what `lockKey` wrote. */
export function isLockedKey(text: string): boolean {
  return headOf(text) !== null;
}

/** Opens what `lockKey` wrote. Throws WardError `WARD_PASSPHRASE`: no such file, or not its passphrase. */
export function unlockKey(text: string, passphrase: string): KeyObject {
  const found = headOf(text);
  if (found === null) {
    throw new WardError(
      "WARD_PASSPHRASE",
      "Cannot open the key: this is no key file under a passphrase.",
    );
  }
  const { head, body } = found;
  try {
    const decipher = createDecipheriv("aes-256-gcm", derived(head, passphrase), bytesOf(head.iv), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(asBytes(head));
    decipher.setAuthTag(body.subarray(body.length - TAG_BYTES));
    const plain = decipher.update(body.subarray(0, body.length - TAG_BYTES));
    const der = Buffer.concat([plain, decipher.final()]);
    return createPrivateKey({ key: der, type: "pkcs8", format: "der" });
  } catch (error) {
    throw new WardError(
      "WARD_PASSPHRASE",
      `Cannot open the key: it is not its passphrase, or the file is damaged (${errorText(error)}).`,
      { cause: error },
    );
  }
}

const PASSPHRASE_MIN = 12;
const FORMAT = "wardgate-locked-key/1";
const SALT_BYTES = 16;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;
/** RFC 9106 §4, second recommended choice: 64 MiB, 3 passes, 4 lanes. */
const COST = { memoryKib: 65_536, passes: 3, lanes: 4 } as const;
/** A file may not ask for more: it is opened on people's machines. */
const MEMORY_KIB_MAX = 1_048_576;
const PASSES_MAX = 16;
const LANES_MAX = 16;
const TEXT_MAX = 16_384;

interface Head {
  readonly format: typeof FORMAT;
  readonly kdf: "argon2id";
  readonly memoryKib: number;
  readonly passes: number;
  readonly lanes: number;
  readonly salt: string;
  readonly iv: string;
}

function headOf(text: string): { readonly head: Head; readonly body: Buffer } | null {
  let value: unknown;
  try {
    value = text.length <= TEXT_MAX ? JSON.parse(text) : null;
  } catch {
    return null;
  }
  const fields = new Map<string, unknown>(Object.entries(Object(value)));
  const [salt, iv, key] = [fields.get("salt"), fields.get("iv"), fields.get("key")];
  const [memoryKib, passes, lanes] = [
    fields.get("memoryKib"),
    fields.get("passes"),
    fields.get("lanes"),
  ];
  if (
    fields.get("format") !== FORMAT ||
    fields.get("kdf") !== "argon2id" ||
    !isBase64(salt, SALT_BYTES, SALT_BYTES) ||
    !isBase64(iv, IV_BYTES, IV_BYTES) ||
    !isBase64(key, TAG_BYTES + 1, TEXT_MAX) ||
    !isWithin(passes, 1, PASSES_MAX) ||
    !isWithin(lanes, 1, LANES_MAX) ||
    !isWithin(memoryKib, 8 * lanes, MEMORY_KIB_MAX)
  ) {
    return null;
  }
  const head: Head = { format: FORMAT, kdf: "argon2id", memoryKib, passes, lanes, salt, iv };
  return { head, body: bytesOf(key) };
}

function derived(head: Head, passphrase: string): Buffer {
  return argon2Sync("argon2id", {
    message: Buffer.from(passphrase.normalize("NFC"), "utf8"),
    nonce: bytesOf(head.salt),
    memory: head.memoryKib,
    passes: head.passes,
    parallelism: head.lanes,
    tagLength: KEY_BYTES,
  });
}

function asBytes(head: Head): Buffer {
  return Buffer.from(JSON.stringify(head), "utf8");
}

function bytesOf(base64: string): Buffer {
  return Buffer.from(base64, "base64");
}

function isBase64(value: unknown, least: number, most: number): value is string {
  if (typeof value !== "string" || !/^[A-Za-z0-9+/]+={0,2}$/.test(value)) {
    return false;
  }
  const { length } = bytesOf(value);
  return length >= least && length <= most;
}

function isWithin(value: unknown, least: number, most: number): value is number {
  return Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most;
}

import {
  createCipheriv,
  createSecretKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  verify,
} from "node:crypto";

import { IV_BYTES, TAG_BYTES } from "../../../gateway/sealing/cose.ts";
import { encodeItems } from "../../../gateway/sealing/batch.ts";
import { pack } from "../../../gateway/sealing/pack.ts";
import { batchesOfItems, RealBatches, sealerOf } from "../peers/real-batches.ts";
import { type Cost, costOf } from "./timed.ts";

/** What the parts of sealing cost one core. */
export interface SealingLimits {
  /** Of a real batch of 1000 readings: as columns, packed with zstd, sealed and signed. */
  readonly bytes: { readonly columns: number; readonly packed: number; readonly sealed: number };
  /** AES-256-GCM of a short text, a batch and a long text, with the key as bytes and as a KeyObject. */
  readonly gcm: readonly { readonly bytes: number; readonly raw: Cost; readonly keyObject: Cost }[];
  /** Columns to zstd. */
  readonly pack: Cost;
  readonly sign: Cost;
  readonly verify: Cost;
  /** Readings to a sealed record: columns, zstd, key, AES-256-GCM, COSE. */
  readonly seal: Cost;
}

const SHORT_BYTES = 100;
const LONG_BYTES = 64 * 1024;

/** Measures each for so long (milliseconds). */
export function benchSealing(ms: number): SealingLimits {
  const [items = []] = batchesOfItems(1);
  const columns = encodeItems(items);
  const packed = pack(columns);
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const sealed = new RealBatches({ gateway: "bench", signingKey: privateKey }).next();
  const signature = sign(null, sealed, privateKey);
  const sealer = sealerOf("bench");
  return {
    bytes: { columns: columns.length, packed: packed.length, sealed: sealed.length },
    gcm: [SHORT_BYTES, packed.length, LONG_BYTES].map((bytes) => gcm(bytes, ms)),
    pack: costOf(ms, () => pack(columns)),
    sign: costOf(ms, () => sign(null, sealed, privateKey)),
    verify: costOf(ms, () => verify(null, sealed, publicKey, signature)),
    seal: costOf(ms, () => sealer.sealItems("vital", items)),
  };
}

function gcm(bytes: number, ms: number): SealingLimits["gcm"][number] {
  const raw = randomBytes(32);
  const keyObject = createSecretKey(raw);
  const text = randomBytes(bytes);
  const iv = randomBytes(IV_BYTES);
  return {
    bytes,
    raw: costOf(ms, () => encrypt(raw, iv, text)),
    keyObject: costOf(ms, () => encrypt(keyObject, iv, text)),
  };
}

/** The same calls as the sealing's own; the same vector again and again is only good for a measurement. */
function encrypt(key: Buffer | KeyObject, iv: Uint8Array, text: Uint8Array): void {
  const cipher = createCipheriv("aes-256-gcm", key, iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(iv);
  cipher.update(text);
  cipher.final();
  cipher.getAuthTag();
}

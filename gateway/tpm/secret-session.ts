import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  diffieHellman,
  generateKeyPairSync,
  randomBytes,
  timingSafeEqual,
} from "node:crypto";

import { WardError } from "../errors.ts";
import type { TpmSender } from "./device.ts";
import { ALG_AES, ALG_CFB, ALG_SHA256 } from "./templates.ts";
import { publicKeyIn } from "./tss2-key.ts";
import { sized, TpmReader, u16, u32 } from "./wire.ts";

/**
 * Hides what crosses the wires to a TPM: an HMAC session, salted with a secret that only the holder of the storage key finds
 * out, encrypts the first parameter of one command or of its answer (TPM 2.0 Library, Part 1, sections 19 and 21). Nobody between
 * can read it, change it, or answer in the TPM's place.
 */
export class SecretSession {
  readonly #device: TpmSender;
  /** It ends with its command; after an error it may be there still. */
  readonly handle: number;
  readonly #key: Buffer;
  readonly #nonceTpm: Buffer;
  readonly #nonce: Buffer = randomBytes(NONCE_BYTES);

  private constructor(
    device: TpmSender,
    o: { readonly handle: number; readonly key: Buffer; readonly nonceTpm: Buffer },
  ) {
    this.#device = device;
    this.handle = o.handle;
    this.#key = o.key;
    this.#nonceTpm = o.nonceTpm;
  }

  /** For one command. `publicArea` is the storage key's, known to be true. Throws TpmError. */
  static start(device: TpmSender, parent: number, publicArea: Uint8Array): SecretSession {
    const theirs = publicKeyIn(publicArea);
    const ours = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const shared = diffieHellman({ privateKey: ours.privateKey, publicKey: theirs });
    const [mine, yours] = [ours.publicKey, theirs].map((key) => {
      const { x = "", y = "" } = key.export({ format: "jwk" });
      return { x: Buffer.from(x, "base64url"), y: Buffer.from(y, "base64url") };
    });
    if (mine === undefined || yours === undefined) {
      throw new TypeError("two keys have two points");
    }
    // KDFe: Part 1, section 11.4.10.3.
    const salt = createHash("sha256")
      .update(Buffer.concat([u32(1), shared, Buffer.from("SECRET\0"), mine.x, yours.x]))
      .digest();
    const nonce = randomBytes(NONCE_BYTES);
    const { handle, parameters } = device.send({
      code: CC_START_SESSION,
      handles: [parent, RH_NULL],
      parameters: Buffer.concat([
        sized(nonce),
        sized(sized(mine.x), sized(mine.y)),
        Uint8Array.of(SESSION_HMAC),
        u16(ALG_AES),
        u16(128),
        u16(ALG_CFB),
        u16(ALG_SHA256),
      ]),
      handlesBack: 1,
    });
    const nonceTpm = parameters.sized();
    return new SecretSession(device, {
      handle,
      key: derived(salt, "ATH", nonceTpm, nonce),
      nonceTpm,
    });
  }

  /**
   * Sends a command whose first parameter is `secret`, if there is one, and gives the first parameter of its answer, then the
   * rest. `names` are those of its handles, the first of which is to be authorised. Throws TpmError, and WardError `WARD_TPM` when somebody was in between.
   */
  send(o: {
    readonly code: number;
    readonly handles: readonly number[];
    readonly names: readonly Uint8Array[];
    /** Who authorises the first handle. */
    readonly session: number;
    readonly secret: Uint8Array | null;
    readonly rest: Uint8Array;
  }): TpmReader {
    const hidden = o.secret === null ? Buffer.alloc(0) : sized(this.#encrypted(o.secret));
    const parameters = Buffer.concat([hidden, o.rest]);
    const attributes = Uint8Array.of(o.secret === null ? ENCRYPTS_ANSWER : ENCRYPTS_COMMAND);
    const commandHash = sha256(u32(o.code), ...o.names, parameters);
    const proof = this.#proof(commandHash, this.#nonce, this.#nonceTpm, attributes);
    const own = Buffer.concat([u32(this.handle), sized(this.#nonce), attributes, sized(proof)]);
    const { parameters: answer, sessions } = this.#device.send({
      code: o.code,
      handles: o.handles,
      sessions: [o.session, own],
      parameters,
    });
    // That of who authorised comes first.
    sessions.sized();
    sessions.u8();
    sessions.sized();
    const nonceTpm = sessions.sized();
    const said = sessions.bytes(1);
    const answerHash = sha256(u32(0), u32(o.code), answer.all);
    const expected = this.#proof(answerHash, nonceTpm, this.#nonce, said);
    const given = sessions.sized();
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      throw new WardError("WARD_TPM", "Cannot use the TPM: somebody answers in its place.");
    }
    if (o.secret !== null) {
      return answer;
    }
    const first = answer.sized();
    const key = derived(this.#key, "CFB", nonceTpm, this.#nonce);
    const decipher = createDecipheriv(CIPHER, key.subarray(0, 16), key.subarray(16));
    return new TpmReader(sized(decipher.update(first), decipher.final()));
  }

  #encrypted(secret: Uint8Array): Buffer {
    const key = derived(this.#key, "CFB", this.#nonce, this.#nonceTpm);
    const cipher = createCipheriv(CIPHER, key.subarray(0, 16), key.subarray(16));
    return Buffer.concat([cipher.update(secret), cipher.final()]);
  }

  #proof(hash: Buffer, newer: Buffer, older: Buffer, attributes: Uint8Array): Buffer {
    return createHmac("sha256", this.#key)
      .update(Buffer.concat([hash, newer, older, attributes]))
      .digest();
  }
}

/** KDFa (Part 1, section 11.4.10.2), 256 bits. */
function derived(key: Buffer, label: string, newer: Buffer, older: Buffer): Buffer {
  return createHmac("sha256", key)
    .update(Buffer.concat([u32(1), Buffer.from(`${label}\0`), newer, older, u32(256)]))
    .digest();
}

function sha256(...parts: readonly Uint8Array[]): Buffer {
  return createHash("sha256").update(Buffer.concat(parts)).digest();
}

const RH_NULL = 0x4000_0007;
const CC_START_SESSION = 0x176;
const SESSION_HMAC = 0x00;
const ENCRYPTS_COMMAND = 0x20;
const ENCRYPTS_ANSWER = 0x40;
const NONCE_BYTES = 32;
const CIPHER = "aes-128-cfb";

import { createHash, randomBytes } from "node:crypto";

import { WardError } from "../errors.ts";
import type { TpmSender } from "./device.ts";
import { SecretSession } from "./secret-session.ts";
import {
  ALG_ECDSA,
  ALG_NULL,
  ALG_SHA256,
  COUNTER_BYTES,
  counterPublic,
  P256_BYTES,
  pcrSelection,
  sealedTemplate,
  signingTemplate,
  storageTemplate,
  type TpmBlob,
} from "./templates.ts";
import { RC_HANDLE, sized, TpmError, TpmReader, u16, u32 } from "./wire.ts";

/** The few things that the house has a TPM 2.0 do (TPM 2.0 Library, Part 3). All throw TpmError. */
export class Tpm {
  readonly #device: TpmSender;
  /** Public areas as they were when their name was asked for: nobody gives another one in between. */
  readonly #areas = new Map<number, Buffer>();

  constructor(device: TpmSender) {
    this.#device = device;
  }

  /** Makes a storage key that lies in the TPM until it is removed, at `handle`. */
  makeParent(handle: number): void {
    const made = this.#device.send({
      code: CC_CREATE_PRIMARY,
      handles: [RH_OWNER],
      sessions: [RS_PASSWORD],
      parameters: Buffer.concat([NOTHING_SENSITIVE, sized(storageTemplate()), sized(), u32(0)]),
      handlesBack: 1,
    }).handle;
    try {
      this.#evict(made, handle);
    } finally {
      this.#flush(made);
    }
  }

  /** Removes what lies in the TPM at `handle`; it can never be made again. */
  removeParent(handle: number): void {
    this.#evict(handle, handle);
  }

  /** The name (a hash of all that is public) of what lies at `handle`, hex; null when nothing does. */
  nameOf(handle: number): string | null {
    const answer = this.#ifThere(() =>
      this.#device.send({ code: CC_READ_PUBLIC, handles: [handle] }),
    );
    if (answer === null) {
      this.#areas.delete(handle);
      return null;
    }
    const publicArea = answer.parameters.sized();
    this.#areas.set(handle, publicArea);
    return nameOfArea(publicArea).toString("hex");
  }

  /** Seals up to 128 bytes under a parent, opened again only while the given PCRs are as they are now. */
  seal(parent: number, secret: Uint8Array, pcrs: readonly number[]): TpmBlob {
    const policy = pcrs.length === 0 ? new Uint8Array() : this.#policyNow(pcrs);
    return this.#created(parent, secret, sealedTemplate(policy));
  }

  unseal(parent: number, blob: TpmBlob, pcrs: readonly number[]): Buffer {
    return this.#loaded(parent, blob, (item) => {
      const session = pcrs.length === 0 ? RS_PASSWORD : this.#policySession(SESSION_POLICY, pcrs);
      try {
        const name = nameOfArea(blob.publicArea);
        const asked = { code: CC_UNSEAL, handles: [item], names: [name], session };
        return this.#secretly(parent, (secretly) =>
          secretly.send({ ...asked, secret: null, rest: new Uint8Array() }).sized(),
        );
      } catch (error) {
        if (session !== RS_PASSWORD) {
          this.#endSession(session);
        }
        throw error;
      }
    });
  }

  /** Makes a P-256 key that never leaves the TPM. */
  makeKey(parent: number): TpmBlob {
    return this.#created(parent, new Uint8Array(), signingTemplate());
  }

  /** Signs with ECDSA and SHA-256: r and s, 32 bytes each. */
  sign(parent: number, key: TpmBlob, data: Uint8Array): Buffer {
    const digest = createHash("sha256").update(data).digest();
    return this.#loaded(parent, key, (handle) => {
      const { parameters } = this.#device.send({
        code: CC_SIGN,
        handles: [handle],
        sessions: [RS_PASSWORD],
        parameters: Buffer.concat([sized(digest), u16(ALG_ECDSA), u16(ALG_SHA256), NO_TICKET]),
      });
      parameters.u32();
      return Buffer.concat([parameters.number(P256_BYTES), parameters.number(P256_BYTES)]);
    });
  }

  /** Makes a counter; it begins above every other that this TPM has ever had. Returns where it stands, as `readCounter`. */
  makeCounter(parent: number, index: number): bigint {
    this.#device.send({
      code: CC_NV_DEFINE,
      handles: [RH_OWNER],
      sessions: [RS_PASSWORD],
      parameters: Buffer.concat([sized(), sized(counterPublic(index, "new"))]),
    });
    this.#step(index);
    return this.readCounter(parent, index) ?? 0n;
  }

  removeCounter(index: number): void {
    this.#device.send({
      code: CC_NV_UNDEFINE,
      handles: [RH_OWNER, index],
      sessions: [RS_PASSWORD],
    });
  }

  /** Adds one, and makes sure of it. Throws WardError `WARD_TPM` when somebody in between has held it back. */
  increment(parent: number, index: number): void {
    const before = this.readCounter(parent, index);
    this.#step(index);
    if (this.readCounter(parent, index) === before) {
      throw new WardError("WARD_TPM", "Cannot use the TPM: its counter stands still.");
    }
  }

  /** Where a counter stands, said by whoever holds the key at `parent` and nobody in between; null when there is none. */
  readCounter(parent: number, index: number): bigint | null {
    const name = nameOfArea(counterPublic(index, "counting"));
    const answer = this.#ifThere(() =>
      this.#secretly(parent, (session) =>
        session.send({
          code: CC_NV_READ,
          handles: [index, index],
          names: [name, name],
          session: RS_PASSWORD,
          secret: null,
          rest: Buffer.concat([u16(COUNTER_BYTES), u16(0)]),
        }),
      ),
    );
    return answer === null ? null : new TpmReader(answer.sized()).u64();
  }

  /** Whether a counter (or another NV index) is there. */
  hasIndex(index: number): boolean {
    return (
      this.#ifThere(() => this.#device.send({ code: CC_NV_READ_PUBLIC, handles: [index] })) !== null
    );
  }

  #step(index: number): void {
    this.#device.send({ code: CC_NV_INCREMENT, handles: [index, index], sessions: [RS_PASSWORD] });
  }

  #ifThere<T>(ask: () => T): T | null {
    try {
      return ask();
    } catch (error) {
      if (error instanceof TpmError && error.reason === RC_HANDLE) {
        return null;
      }
      throw error;
    }
  }

  /** With an empty password. Nobody on the way gives one of its own instead. */
  #created(parent: number, secret: Uint8Array, template: Uint8Array): TpmBlob {
    const { name } = this.#publicOf(parent);
    return this.#secretly(parent, (session) => {
      const answer = session.send({
        code: CC_CREATE,
        handles: [parent],
        names: [name],
        session: RS_PASSWORD,
        secret: Buffer.concat([sized(), sized(secret)]),
        rest: Buffer.concat([sized(template), sized(), u32(0)]),
      });
      const privateArea = answer.sized();
      return { privateArea, publicArea: answer.sized() };
    });
  }

  #publicOf(handle: number): { readonly publicArea: Buffer; readonly name: Buffer } {
    const publicArea =
      this.#areas.get(handle) ??
      this.#device.send({ code: CC_READ_PUBLIC, handles: [handle] }).parameters.sized();
    return { publicArea, name: nameOfArea(publicArea) };
  }

  #secretly<T>(parent: number, act: (session: SecretSession) => T): T {
    const { publicArea } = this.#publicOf(parent);
    const session = SecretSession.start(this.#device, parent, publicArea);
    try {
      return act(session);
    } catch (error) {
      this.#endSession(session.handle);
      throw error;
    }
  }

  #loaded<T>(parent: number, blob: TpmBlob, act: (handle: number) => T): T {
    const { handle } = this.#device.send({
      code: CC_LOAD,
      handles: [parent],
      sessions: [RS_PASSWORD],
      parameters: Buffer.concat([sized(blob.privateArea), sized(blob.publicArea)]),
      handlesBack: 1,
    });
    try {
      return act(handle);
    } finally {
      this.#flush(handle);
    }
  }

  /** What a policy that asks for these PCRs, as they are now, comes to. */
  #policyNow(pcrs: readonly number[]): Buffer {
    const session = this.#policySession(SESSION_TRIAL, pcrs);
    try {
      return this.#device.send({ code: CC_POLICY_DIGEST, handles: [session] }).parameters.sized();
    } finally {
      this.#flush(session);
    }
  }

  #policySession(kind: number, pcrs: readonly number[]): number {
    const { handle } = this.#device.send({
      code: CC_START_SESSION,
      handles: [RH_NULL, RH_NULL],
      parameters: Buffer.concat([
        sized(randomBytes(NONCE_BYTES)),
        sized(),
        Uint8Array.of(kind),
        u16(ALG_NULL),
        u16(ALG_SHA256),
      ]),
      handlesBack: 1,
    });
    try {
      this.#device.send({
        code: CC_POLICY_PCR,
        handles: [handle],
        parameters: Buffer.concat([sized(), pcrSelection(pcrs)]),
      });
      return handle;
    } catch (error) {
      this.#flush(handle);
      throw error;
    }
  }

  /** A session that has not ended by itself. */
  #endSession(session: number): void {
    this.#ifThere(() => this.#device.send({ code: CC_FLUSH, parameters: u32(session) }));
  }

  #evict(object: number, handle: number): void {
    this.#device.send({
      code: CC_EVICT,
      handles: [RH_OWNER, object],
      sessions: [RS_PASSWORD],
      parameters: u32(handle),
    });
  }

  #flush(handle: number): void {
    this.#device.send({ code: CC_FLUSH, parameters: u32(handle) });
  }
}

/** Part 1, section 16: all that is public about an object, hashed. */
function nameOfArea(publicArea: Uint8Array): Buffer {
  return Buffer.concat([u16(ALG_SHA256), createHash("sha256").update(publicArea).digest()]);
}

const RH_OWNER = 0x4000_0001;
const RH_NULL = 0x4000_0007;
const RS_PASSWORD = 0x4000_0009;
const SESSION_POLICY = 0x01;
const SESSION_TRIAL = 0x03;
const NONCE_BYTES = 16;
/** No password, and nothing to be sealed. */
const NOTHING_SENSITIVE: Buffer = sized(sized(), sized());
/** TPMT_TK_HASHCHECK of data that the TPM has not hashed itself. */
const NO_TICKET: Buffer = Buffer.concat([u16(0x8024), u32(RH_NULL), sized()]);

const CC_EVICT = 0x120;
const CC_NV_UNDEFINE = 0x122;
const CC_NV_DEFINE = 0x12a;
const CC_CREATE_PRIMARY = 0x131;
const CC_NV_INCREMENT = 0x134;
const CC_NV_READ = 0x14e;
const CC_CREATE = 0x153;
const CC_LOAD = 0x157;
const CC_SIGN = 0x15d;
const CC_UNSEAL = 0x15e;
const CC_FLUSH = 0x165;
const CC_NV_READ_PUBLIC = 0x169;
const CC_READ_PUBLIC = 0x173;
const CC_START_SESSION = 0x176;
const CC_POLICY_PCR = 0x17f;
const CC_POLICY_DIGEST = 0x189;

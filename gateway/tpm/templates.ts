import { randomBytes } from "node:crypto";

import { sized, u16, u32 } from "./wire.ts";

/** The public areas (TPM 2.0 Library, Part 2, section 12.2) of the few kinds of object that the house has in a TPM. */

/** An object as a TPM gives it out: useless anywhere but under its parent in the same TPM. */
export interface TpmBlob {
  /** TPMT_PUBLIC. */
  readonly publicArea: Uint8Array;
  /** The encrypted sensitive part. */
  readonly privateArea: Uint8Array;
}

/**
 * A storage key: what other objects lie under. What makes it different from every other of this TPM is random and written
 * down nowhere, so nobody can make it again once it is gone.
 */
export function storageTemplate(): Buffer {
  const attributes =
    FIXED_TPM | FIXED_PARENT | BORN_IN_TPM | WITH_AUTH | NO_LOCKOUT | RESTRICTED | DECRYPT;
  return publicArea(ALG_ECC, attributes, NO_POLICY, [
    u16(ALG_AES),
    u16(128),
    u16(ALG_CFB),
    u16(ALG_NULL),
    u16(CURVE_P256),
    u16(ALG_NULL),
    sized(randomBytes(P256_BYTES)),
    sized(randomBytes(P256_BYTES)),
  ]);
}

/** A P-256 key that signs, and never leaves the TPM in which it is born. */
export function signingTemplate(): Buffer {
  const attributes = FIXED_TPM | FIXED_PARENT | BORN_IN_TPM | WITH_AUTH | NO_LOCKOUT | SIGN;
  return publicArea(ALG_ECC, attributes, NO_POLICY, [
    u16(ALG_NULL),
    u16(ALG_NULL),
    u16(CURVE_P256),
    u16(ALG_NULL),
    sized(),
    sized(),
  ]);
}

/** Sealed bytes, opened with an empty password, or only while `policy` is satisfied. */
export function sealedTemplate(policy: Uint8Array): Buffer {
  const opening = policy.length === 0 ? WITH_AUTH : 0;
  return publicArea(ALG_KEYED_HASH, FIXED_TPM | FIXED_PARENT | NO_LOCKOUT | opening, policy, [
    u16(ALG_NULL),
    sized(),
  ]);
}

/** A counter in the TPM's own memory, that only goes up (section 13.4), before or after its first step. */
export function counterPublic(index: number, state: "new" | "counting"): Buffer {
  const written = state === "counting" ? NV_WRITTEN : 0;
  const attributes = NV_COUNTER | NV_OWNER | NV_AUTH | NV_NO_LOCKOUT | written;
  return Buffer.concat([u32(index), u16(ALG_SHA256), u32(attributes), sized(), u16(COUNTER_BYTES)]);
}

/** Which PCRs of the SHA-256 bank, as a list of selections. */
export function pcrSelection(pcrs: readonly number[]): Buffer {
  const bits = pcrs.reduce((sum, pcr) => sum | (1 << pcr), 0);
  const bytes = Uint8Array.of(bits & 0xff, (bits >> 8) & 0xff, (bits >> 16) & 0xff);
  return Buffer.concat([u32(1), u16(ALG_SHA256), Uint8Array.of(bytes.length), bytes]);
}

export const ALG_ECC = 0x0023;
export const ALG_SHA256 = 0x000b;
export const ALG_ECDSA = 0x0018;
export const ALG_NULL = 0x0010;
export const CURVE_P256 = 0x0003;
export const COUNTER_BYTES = 8;
export const P256_BYTES = 32;
export const ALG_AES = 0x0006;
export const ALG_CFB = 0x0043;
const ALG_KEYED_HASH = 0x0008;
const NO_POLICY = new Uint8Array();

const FIXED_TPM = 0x2;
const FIXED_PARENT = 0x10;
const BORN_IN_TPM = 0x20;
const WITH_AUTH = 0x40;
const NO_LOCKOUT = 0x400;
const RESTRICTED = 0x1_0000;
const DECRYPT = 0x2_0000;
const SIGN = 0x4_0000;

const NV_OWNER = 0x2_0002;
const NV_AUTH = 0x4_0004;
const NV_COUNTER = 0x10;
const NV_NO_LOCKOUT = 0x200_0000;
const NV_WRITTEN = 0x2000_0000;

function publicArea(
  type: number,
  attributes: number,
  policy: Uint8Array,
  rest: readonly Uint8Array[],
): Buffer {
  return Buffer.concat([u16(type), u16(ALG_SHA256), u32(attributes), sized(policy), ...rest]);
}

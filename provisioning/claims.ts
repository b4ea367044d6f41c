import { createHash, randomBytes, timingSafeEqual, type KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { errorCode, errorText, WardError } from "../gateway/errors.ts";
import { isGatewayId } from "../gateway/reading.ts";
import { demandGatewayId } from "./ca.ts";
import { replacePrivate, writePrivate } from "./private-files.ts";

/**
 * A claim lets one gateway fetch its first certificate: a random token, bound to the gateway's id, that ends by itself and
 * is burnt at the first success. The authority keeps only its hash. A gateway has one claim at a time: the newest.
 */
export interface Claim {
  readonly gateway: string;
  /** Handed to the gateway and written down nowhere else. */
  readonly token: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

/** Makes a claim, and makes the one before worthless. @throws WardError `WARD_CA_NAME` for what is no gateway's id */
export async function makeClaim(
  directory: string,
  gateway: string,
  validMs: number,
): Promise<Claim> {
  demandGatewayId(gateway);
  const token = randomBytes(TOKEN_BYTES).toString("base64url");
  const expiresAt = Date.now() + validMs;
  const stored: StoredClaim = { gateway, tokenHash: hashOf(token), expiresAt };
  await replacePrivate(claimFile(directory, gateway), `${JSON.stringify(stored)}\n`);
  return { gateway, token, expiresAt };
}

/** What came of a claim: why it does not count, or that it counts. */
export type ClaimAnswer = "unknown" | "expired" | "burnt" | "good" | "again";

/**
 * Burns a claim for the key that asks: from now on it counts for this key alone. So a gateway whose answer was lost on the
 * way may ask again ("again"), and nobody else ever can. Of requests at the same time, one wins.
 */
export async function burnClaim(
  directory: string,
  o: { readonly gateway: string; readonly token: string; readonly publicKey: KeyObject },
  now: number = Date.now(),
): Promise<ClaimAnswer> {
  const stored = isGatewayId(o.gateway) ? await readClaim(directory, o.gateway) : null;
  const hash = hashOf(o.token);
  if (stored === null || !timingSafeEqual(Buffer.from(hash), Buffer.from(stored.tokenHash))) {
    return "unknown";
  }
  if (now > stored.expiresAt) {
    return "expired";
  }
  const path = join(directory, "claims", `${o.gateway}.${hash.slice(0, 16)}.burnt`);
  const key = hashOf(o.publicKey.export({ type: "spki", format: "der" }));
  try {
    await writePrivate(path, key);
    return "good";
  } catch (error) {
    if (errorCode(error) !== "WARD_PROVISION_EXISTS") {
      throw error;
    }
    return (await readFile(path, "utf8")) === key ? "again" : "burnt";
  }
}

interface StoredClaim {
  readonly gateway: string;
  /** SHA-256 of the token, hex: a random token of 256 bits needs no slow hash. */
  readonly tokenHash: string;
  readonly expiresAt: number;
}

const TOKEN_BYTES = 32;

function claimFile(directory: string, gateway: string): string {
  return join(directory, "claims", `${gateway}.json`);
}

function hashOf(value: string | Uint8Array): string {
  return createHash("sha256").update(value).digest("hex");
}

async function readClaim(directory: string, gateway: string): Promise<StoredClaim | null> {
  const path = claimFile(directory, gateway);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") {
      return null;
    }
    throw error;
  }
  try {
    const value: unknown = JSON.parse(text);
    if (isStored(value)) {
      return value;
    }
  } catch (error) {
    throw damaged(path, errorText(error));
  }
  throw damaged(path, "it is no claim");
}

function isStored(value: unknown): value is StoredClaim {
  const fields = new Map<string, unknown>(Object.entries(Object(value)));
  return (
    typeof fields.get("gateway") === "string" &&
    /^[0-9a-f]{64}$/.test(String(fields.get("tokenHash"))) &&
    Number.isSafeInteger(fields.get("expiresAt"))
  );
}

function damaged(path: string, why: string): WardError {
  return new WardError(
    "WARD_PROVISION_READ",
    `Cannot use the claim ${path}: ${why}. Make a new one with: wardgate ca claim`,
  );
}

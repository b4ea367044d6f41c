import { createPublicKey, X509Certificate, type KeyObject } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

import { errorCode, errorText, WardError } from "../errors.ts";
import { commonName, loadGatewayIdentity } from "./identity.ts";
import { FileKeys, KEK_FILE } from "./file-keys.ts";
import type { KeyProvider } from "./key-provider.ts";
import { openKeys } from "./open-keys.ts";
import { TPM_FILE } from "./tpm-file.ts";
import { hashOfPublicKey, signWipe, type WipeStatement } from "./wiping.ts";

export interface WipePlan {
  readonly statement: WipeStatement;
  /** The statement with its signature; null when a wipe that was cut off has already taken the key to sign with. */
  readonly signed: Uint8Array | null;
  /** Destroys what lies beyond the files, which is to come first. Throws WardError `WARD_TPM...`, `WARD_WIPE`. */
  readonly destroyBeyond: () => void;
  /** What is to be destroyed then, in this order. */
  readonly files: readonly string[];
}

/**
 * Looks for every key of a gateway's data directory, and signs the statement that they are destroyed. Nothing is destroyed
 * yet. Throws WardError `WARD_WIPE` when the directory is not this gateway's.
 */
export function planWipe(dataDirectory: string, gateway: string, now: number): WipePlan {
  const directory = join(dataDirectory, "identity");
  const owner = ownerOf(directory);
  if (owner !== gateway) {
    throw new WardError(
      "WARD_WIPE",
      `Cannot wipe ${dataDirectory}: it is the directory of ${owner}, not of ${gateway}.`,
    );
  }
  const { keys, destroyBeyond } = keysOf(directory);
  const files = secretsBelow(dataDirectory);
  const statement: WipeStatement = {
    gateway,
    at: now,
    keys: [
      ...keys.beyondFiles.map((name) => ({ name, publicKeyHash: "" })),
      ...files.map((file) => ({
        name: relative(dataDirectory, file).replaceAll(/[^\w./-]/g, "_"),
        publicKeyHash: hashOf(file, keys),
      })),
    ],
  };
  return { statement, signed: signedOrNull(directory, statement), destroyBeyond, files };
}

/** Also when nobody can tell what lies in a TPM: that keeps no file alive. */
function keysOf(
  directory: string,
): Pick<WipePlan, "destroyBeyond"> & { readonly keys: KeyProvider } {
  try {
    const keys = openKeys(directory);
    return { keys, destroyBeyond: () => void keys.destroy() };
  } catch (error) {
    const why = `${errorText(error)}. Clear the TPM too: tpm2_clear.`;
    const destroyBeyond = (): never => {
      throw new WardError("WARD_WIPE", why, { cause: error });
    };
    return { keys: new FileKeys(directory), destroyBeyond };
  }
}

/** The gateway that the certificate names, which is no secret and stays. */
function ownerOf(directory: string): string {
  try {
    return commonName(new X509Certificate(readFileSync(join(directory, "gateway.crt.pem"))));
  } catch (error) {
    throw new WardError(
      "WARD_WIPE",
      `Cannot wipe: ${directory} has no readable certificate (${errorText(error)}). Is it a gateway's data directory?`,
      { cause: error },
    );
  }
}

function signedOrNull(directory: string, statement: WipeStatement): Uint8Array | null {
  try {
    return signWipe(statement, loadGatewayIdentity(directory));
  } catch {
    return null;
  }
}

/** First what other keys hang on. */
function secretsBelow(dataDirectory: string): string[] {
  const found = FOLDERS.flatMap((folder) => filesBelow(join(dataDirectory, folder))).filter(
    (file) => SECRET.test(file),
  );
  const rank = (file: string): number => (ROOTS.some((name) => file.endsWith(name)) ? 0 : 1);
  return found.toSorted((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

function filesBelow(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  } catch (error) {
    if (errorCode(error) === "ENOENT") {
      return [];
    }
    throw error;
  }
}

/** The hash of a private key's public half; "" for a secret that has none. */
function hashOf(file: string, keys: KeyProvider): string {
  const key = publicKeyOf(file, keys);
  return key === null ? "" : hashOfPublicKey(key);
}

function publicKeyOf(file: string, keys: KeyProvider): KeyObject | null {
  try {
    return file.endsWith("signing.key.pem")
      ? createPublicKey(keys.readSigningKey(file))
      : keys.readTlsKey(file).publicKey;
  } catch {
    return null;
  }
}

/** Where a gateway has secrets: its identity, its page's certificate, and bedside's keys and logins for OPC-UA servers. */
const FOLDERS = ["identity", "console", "opcua-pki"];
const ROOTS = [KEK_FILE, TPM_FILE];
const SECRET = /\.key(\.pem)?(\.new)?$|\/tpm\.json(\.new)?$|\/private\/|\/users\//;

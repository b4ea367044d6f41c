import { randomBytes, X509Certificate, type KeyObject } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";

import { errorCode, errorText, WardError } from "../errors.ts";
import { syncDirectory } from "../outbox/disk-sync.ts";
import { commonName, loadGatewayIdentity } from "./identity.ts";
import { FileKeys, KEK_FILE } from "./key-provider.ts";
import { hashOfPublicKey, signWipe, type WipeStatement } from "./wiping.ts";

export interface WipePlan {
  readonly statement: WipeStatement;
  /** The statement with its signature; null when a wipe that was cut off has already taken the key to sign with. */
  readonly signed: Uint8Array | null;
  /** What is to be destroyed, in this order. */
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
  const keys = new FileKeys(directory);
  const files = secretsBelow(dataDirectory);
  const statement: WipeStatement = {
    gateway,
    at: now,
    keys: files.map((file) => ({
      name: relative(dataDirectory, file).replaceAll(/[^\w./-]/g, "_"),
      publicKeyHash: hashOf(file, keys),
    })),
  };
  return { statement, signed: signedOrNull(directory, statement), files };
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

/** Overwrites, removes, and makes the removal durable: one after the other, so that a power cut leaves no doubt. */
export function shred(files: readonly string[]): void {
  for (const file of files) {
    const { size } = statSync(file);
    for (const bytes of [randomBytes(size), Buffer.alloc(size)]) {
      const open = openSync(file, "r+");
      try {
        writeSync(open, bytes, 0, size, 0);
        fsyncSync(open);
      } finally {
        closeSync(open);
      }
    }
    rmSync(file);
    syncDirectory(dirname(file), []);
  }
}

/** First what other keys hang on. */
function secretsBelow(dataDirectory: string): string[] {
  const found = FOLDERS.flatMap((folder) => filesBelow(join(dataDirectory, folder))).filter(
    (file) => SECRET.test(file),
  );
  const rank = (file: string): number => (file.endsWith(KEK_FILE) ? 0 : 1);
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
function hashOf(file: string, keys: FileKeys): string {
  const key = keyOf(file, keys);
  return key === null ? "" : hashOfPublicKey(key);
}

function keyOf(file: string, keys: FileKeys): KeyObject | null {
  try {
    return keys.read(file).key;
  } catch {
    return null;
  }
}

/** Where a gateway has secrets: its identity, its page's certificate, and bedside's keys and logins for OPC-UA servers. */
const FOLDERS = ["identity", "console", "opcua-pki"];
const SECRET = /\.key(\.pem)?(\.new)?$|\/private\/|\/users\//;

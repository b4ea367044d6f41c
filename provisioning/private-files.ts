import { createPublicKey, randomBytes, type KeyObject } from "node:crypto";
import { mkdir, open, rename } from "node:fs/promises";
import { dirname } from "node:path";

import { errorCode, WardError } from "../gateway/errors.ts";

/** Writes a new file that only its owner can read. @throws WardError `WARD_PROVISION_EXISTS` */
export async function writePrivate(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    await written(path, content, "wx");
    await syncNames(path);
  } catch (error) {
    if (errorCode(error) !== "EEXIST") {
      throw error;
    }
    throw new WardError(
      "WARD_PROVISION_EXISTS",
      `Cannot write ${path}: it is already there, and a key that is overwritten is lost. Give an empty directory.`,
      { cause: error },
    );
  }
}

/** Writes or replaces such a file, whole or not at all; who does so at the same time does not come between. */
export async function replacePrivate(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomBytes(4).toString("hex")}.new`;
  await written(draft, content, "wx");
  await rename(draft, path);
  await syncNames(path);
}

/** SubjectPublicKeyInfo as PEM. */
export function publicPem(key: KeyObject): string {
  return publicOf(key).export({ type: "spki", format: "pem" });
}

/** SubjectPublicKeyInfo as base64 DER. */
export function publicBase64(key: KeyObject): string {
  return publicOf(key).export({ type: "spki", format: "der" }).toString("base64");
}

function publicOf(key: KeyObject): KeyObject {
  return key.type === "private" ? createPublicKey(key) : key;
}

/** That a claim is burnt or a certificate revoked must not be undone by a power cut. */
async function syncNames(path: string): Promise<void> {
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function written(
  path: string,
  content: string | Uint8Array,
  flags: "w" | "wx",
): Promise<void> {
  const file = await open(path, flags, 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

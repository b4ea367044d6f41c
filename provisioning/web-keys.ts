import { generateKeyPairSync, type KeyObject } from "node:crypto";

/** How every certificate and list of a site is signed. */
export const ES256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** A fresh P-256 key pair. */
export function newKeys(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

/** What drafts are signed with, for the library wants a key: it stays nowhere, and nobody believes it. */
export async function draftKey(): Promise<CryptoKey> {
  draft ??= crypto.subtle.generateKey(ES256, false, ["sign", "verify"]);
  return (await draft).privateKey;
}

let draft: Promise<CryptoKeyPair> | null = null;

/** A public key in the form that WebCrypto takes. */
export async function verifyingKey(key: KeyObject): Promise<CryptoKey> {
  const der = key.export({ type: "spki", format: "der" });
  return await crypto.subtle.importKey("spki", der, ES256, true, ["verify"]);
}

/** PKCS #8 PEM. */
export function privatePem(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" });
}

/** DER in PEM's armour. */
export function toPem(label: string, der: Uint8Array): string {
  const text = Buffer.from(der).toString("base64");
  const lines: string[] = [];
  for (let at = 0; at < text.length; at += PEM_COLUMNS) {
    lines.push(text.slice(at, at + PEM_COLUMNS));
  }
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

const PEM_COLUMNS = 64;

import { generateKeyPairSync, type KeyObject } from "node:crypto";

/** How every certificate and list of a site is signed. */
export const ES256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** A fresh P-256 key pair. */
export function newKeys(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

/** A private key in the form that WebCrypto takes. */
export async function signingKey(key: KeyObject): Promise<CryptoKey> {
  return await imported("pkcs8", key.export({ type: "pkcs8", format: "der" }), ["sign"]);
}

/** A public key in the form that WebCrypto takes. */
export async function verifyingKey(key: KeyObject): Promise<CryptoKey> {
  return await imported("spki", key.export({ type: "spki", format: "der" }), ["verify"]);
}

async function imported(
  format: "pkcs8" | "spki",
  der: Uint8Array<ArrayBuffer>,
  usages: ("sign" | "verify")[],
): Promise<CryptoKey> {
  return await crypto.subtle.importKey(format, der, ES256, true, usages);
}

/** PKCS #8 PEM. */
export function privatePem(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" });
}

/** DER in PEM's armour. */
export function toPem(label: string, der: ArrayBuffer): string {
  const text = Buffer.from(der).toString("base64");
  const lines: string[] = [];
  for (let at = 0; at < text.length; at += PEM_COLUMNS) {
    lines.push(text.slice(at, at + PEM_COLUMNS));
  }
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

const PEM_COLUMNS = 64;

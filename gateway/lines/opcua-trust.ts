import { createHash, X509Certificate } from "node:crypto";

import { errorText, WardError } from "../errors.ts";

/**
 * The server certificates that may be read from: exactly these, byte for byte. There is no way to accept an unknown one, not even
 * once; a server that gets a new certificate is refused until the signed settings list it.
 */
export class TrustList {
  readonly #thumbprints: ReadonlySet<string>;

  /** Takes PEM texts, each with one or more certificates. Throws WardError `WARD_OPCUA_TRUST_LIST`. */
  constructor(pems: readonly string[]) {
    this.#thumbprints = new Set(pems.flatMap((pem) => readPem(pem)));
  }

  has(certificate: Uint8Array): boolean {
    return this.#thumbprints.has(thumbprint(certificate));
  }

  /** Throws WardError `WARD_OPCUA_UNTRUSTED`, which names the certificate's SHA-256 thumbprint. */
  check(certificate: Uint8Array, server: string): void {
    if (!this.has(certificate)) {
      throw new WardError(
        "WARD_OPCUA_UNTRUSTED",
        `Cannot trust ${server}: its certificate with SHA-256 thumbprint ${thumbprint(certificate)} is not in the trust list. Compare the thumbprint at the device, then add the certificate to the signed settings.`,
      );
    }
  }
}

/** SHA-256 of a DER certificate as `AB:CD:...`, as devices show it. */
export function thumbprint(certificate: Uint8Array): string {
  const hex = createHash("sha256").update(certificate).digest("hex").toUpperCase();
  return hex.replaceAll(/(..)(?!$)/g, "$1:");
}

function readPem(pem: string): string[] {
  const found = pem.match(PEM_CERTIFICATE) ?? [];
  try {
    if (found.length === 0) {
      throw new Error("there is no PEM certificate in it");
    }
    return found.map((text) => thumbprint(new X509Certificate(text).raw));
  } catch (error) {
    throw new WardError(
      "WARD_OPCUA_TRUST_LIST",
      `Cannot read OPC-UA trust list: ${errorText(error)}. Give the server's certificate as PEM.`,
      { cause: error },
    );
  }
}

const PEM_CERTIFICATE =
  /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]{1,65536}-----END CERTIFICATE-----/g;

import { createHash, X509Certificate } from "node:crypto";

import { errorText, WardError } from "../errors.ts";

/**
 * The server certificates that may be read from: exactly these, byte for byte. There is no way to accept an unknown one, not even
 * once; a server that gets a new certificate is refused until the signed settings list it.
 */
export class TrustList {
  /** By thumbprint. */
  readonly #certificates: ReadonlyMap<string, X509Certificate>;

  /** Takes PEM texts, each with one or more certificates. Throws WardError `WARD_OPCUA_TRUST_LIST`. */
  constructor(pems: readonly string[]) {
    this.#certificates = new Map(
      pems.flatMap((pem) => readPem(pem)).map((found) => [thumbprint(found.raw), found]),
    );
  }

  has(certificate: Uint8Array): boolean {
    return this.#certificates.has(thumbprint(certificate));
  }

  /**
   * Throws WardError `WARD_OPCUA_UNTRUSTED`, which names the certificate's SHA-256 thumbprint, or `WARD_OPCUA_CHANGED` when the server calls
   * itself the same as a trusted one: it has got a new certificate, or somebody plays it.
   */
  check(certificate: Uint8Array, server: string): void {
    if (this.has(certificate)) {
      return;
    }
    const shown = thumbprint(certificate);
    const trusted = this.#namesake(certificate);
    if (trusted !== undefined) {
      throw new WardError(
        "WARD_OPCUA_CHANGED",
        `Cannot trust ${server}: its certificate has changed. It shows SHA-256 thumbprint ${shown}, trusted under the same name is ${thumbprint(trusted.raw)}. If the certificate was renewed, compare the thumbprint at the device and put the new one into the signed settings; if nobody renewed it, somebody may be between.`,
      );
    }
    throw new WardError(
      "WARD_OPCUA_UNTRUSTED",
      `Cannot trust ${server}: its certificate with SHA-256 thumbprint ${shown} is not in the trust list. Compare the thumbprint at the device, then add the certificate to the signed settings.`,
    );
  }

  /** The certificates that could be those of a server at this host, those that name it first. */
  candidates(host: string): readonly Buffer[] {
    const bare = host.replaceAll(/[[\]]/g, "");
    const names = (known: X509Certificate): boolean =>
      known.checkHost(bare) !== undefined || known.checkIP(bare) !== undefined;
    const all = [...this.#certificates.values()];
    return [...all.filter(names), ...all.filter((known) => !names(known))]
      .slice(0, CANDIDATES_MAX)
      .map(({ raw }) => raw);
  }

  /** The trusted certificate of a server that calls itself the same. */
  #namesake(certificate: Uint8Array): X509Certificate | undefined {
    try {
      const name = nameOf(new X509Certificate(certificate));
      return [...this.#certificates.values()].find((known) => nameOf(known) === name);
    } catch {
      return undefined;
    }
  }
}

/** SHA-256 of a DER certificate as `AB:CD:...`, as devices show it. */
export function thumbprint(certificate: Uint8Array): string {
  const hex = createHash("sha256").update(certificate).digest("hex").toUpperCase();
  return hex.replaceAll(/(..)(?!$)/g, "$1:");
}

function readPem(pem: string): X509Certificate[] {
  const found = pem.match(PEM_CERTIFICATE) ?? [];
  try {
    if (found.length === 0) {
      throw new Error("there is no PEM certificate in it");
    }
    return found.map((text) => new X509Certificate(text));
  } catch (error) {
    throw new WardError(
      "WARD_OPCUA_TRUST_LIST",
      `Cannot read OPC-UA trust list: ${errorText(error)}. Give the server's certificate as PEM.`,
      { cause: error },
    );
  }
}

/** What a server calls itself: its application URI and addresses, or else the subject. */
function nameOf({ subject, subjectAltName }: X509Certificate): string {
  return subjectAltName ?? subject;
}

const CANDIDATES_MAX = 6;
const PEM_CERTIFICATE =
  /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]{1,65536}-----END CERTIFICATE-----/g;

import { createPublicKey, sign, type KeyObject } from "node:crypto";

/**
 * Where a gateway's private keys lie, and how they come to be. The keys are born on the gateway; nobody else ever has them.
 * Everything that is read throws WardError `WARD_KEY` when others may read it, or it cannot be opened; with a TPM also
 * `WARD_TPM...`.
 */
export interface KeyProvider {
  /** As it is shown to people. */
  readonly kind: "file" | "tpm";
  /** Makes a P-256 key for TLS in place of any that lay there. */
  createTlsKey(path: string): TlsKey;
  readTlsKey(path: string): TlsKey;
  /** Makes an Ed25519 key that signs batches, in place of any that lay there. */
  createSigningKey(path: string): KeyObject;
  /** Private. */
  readSigningKey(path: string): KeyObject;
  /** Makes a secret of 32 random bytes. */
  createSecret(path: string): KeyObject;
  /** Null when there is none. */
  readSecret(path: string): KeyObject | null;
  /** A number that nobody can set back, where there is one. */
  readonly counter: UpwardCounter | null;
  /** How a process is started that uses the keys for TLS. */
  readonly process: KeyProcess;
  /**
   * Destroys what the files' secrets hang on beyond the files, for good, and makes sure of it. Returns what it was, in words of
   * letters, digits and dashes. Throws WardError `WARD_TPM...`.
   */
  destroy(): readonly string[];
  /** What `destroy` will destroy. */
  readonly beyondFiles: readonly string[];
}

/** A P-256 key for TLS. */
export interface TlsKey {
  /** What holds the private half. */
  readonly holder: KeyProvider["kind"];
  readonly publicKey: KeyObject;
  /** As TLS takes it: PKCS #8, or a name for a key that is elsewhere. */
  readonly pem: string;
  /** ECDSA with SHA-256 (IEEE P1363): r and s, 32 bytes each. */
  readonly sign: (data: Uint8Array) => Uint8Array;
}

export interface UpwardCounter {
  /** Where it stood when it was made. */
  readonly start: number;
  read(): number;
  increment(): void;
}

export interface KeyProcess {
  readonly nodeOptions: readonly string[];
  /** What it must be able to read and write, where it is confined. */
  readonly devices: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** A private key that is in this process's hands. */
export function softwareTlsKey(key: KeyObject): TlsKey {
  return {
    holder: "file",
    publicKey: createPublicKey(key),
    pem: key.export({ type: "pkcs8", format: "pem" }),
    sign: (data) => sign("sha256", data, { key, dsaEncoding: "ieee-p1363" }),
  };
}

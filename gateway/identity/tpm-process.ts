import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { errorText, WardError } from "../errors.ts";
import type { KeyProcess } from "./key-provider.ts";

/**
 * How Node.js is started so that its OpenSSL can use keys in a TPM: with tpm2-openssl 1.2 or later. An earlier one says that it
 * gives out private keys, and TLS fails. Nothing but such keys goes to the TPM. Throws WardError `WARD_TPM_PROVIDER`.
 */
export function tpmProcess(device: string): KeyProcess {
  const modules = MODULE_DIRECTORIES.find((directory) => existsSync(`${directory}/tpm2.so`));
  if (modules === undefined) {
    throw new WardError(
      "WARD_TPM_PROVIDER",
      "Cannot use a TPM for TLS: OpenSSL's provider for it is missing. Install tpm2-openssl, 1.2 or later.",
    );
  }
  return {
    nodeOptions: [`--openssl-config=${fileURLToPath(new URL("tpm-openssl.cnf", import.meta.url))}`],
    devices: [device],
    environment: {
      OPENSSL_MODULES: modules,
      TPM2OPENSSL_TCTI: `device:${device}`,
      TSS2_LOG: "all+none",
    },
  };
}

/** Makes sure that a process started so can sign with a key in the TPM. Throws WardError `WARD_TPM_PROVIDER`. */
export function proveTpmProcess(device: string, pem: string): void {
  const { nodeOptions, environment } = tpmProcess(device);
  const { status, stderr } = spawnSync(process.execPath, [...nodeOptions, "-e", SIGN_AND_VERIFY], {
    env: environment,
    input: pem,
    encoding: "utf8",
    timeout: PROOF_MS,
  });
  if (status !== 0) {
    const why = /^\w*Error\b.*$/m.exec(stderr)?.[0] ?? "it does not answer";
    throw new WardError(
      "WARD_TPM_PROVIDER",
      `Cannot use a TPM for TLS: OpenSSL's provider for it does not work (${errorText(why)}). Install tpm2-openssl, 1.2 or later.`,
    );
  }
}

const SIGN_AND_VERIFY = `
  const { createPrivateKey, createPublicKey, sign, verify } = require("node:crypto");
  const key = createPrivateKey(require("node:fs").readFileSync(0));
  const data = Buffer.from("x");
  process.exit(verify("sha256", data, createPublicKey(key), sign("sha256", data, key)) ? 0 : 1);
`;
const PROOF_MS = 60_000;

/** A newer one that somebody has put there by hand goes before that of the system. */
const MODULE_DIRECTORIES = [
  "/usr/local/lib/ossl-modules",
  ...["x86_64", "aarch64"].map((machine) => `/usr/lib/${machine}-linux-gnu/ossl-modules`),
  "/usr/lib64/ossl-modules",
  "/usr/lib/ossl-modules",
];

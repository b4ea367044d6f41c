import { chmod, mkdir, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";

import { errorText, WardError } from "../errors.ts";
import { DiskCertificateKeyPairProvider, OPCUACertificateManager } from "./opcua-library.ts";

/** This gateway's own certificate and key: made once per directory, readable by this user only. */
export async function ownCertificate(
  pki: string,
  gateway: string,
): Promise<{ certificateKeyPairProvider: DiskCertificateKeyPairProvider }> {
  const making = certificates.get(pki) ?? makeCertificate(pki, gateway);
  certificates.set(pki, making);
  try {
    await making;
  } catch (error) {
    certificates.delete(pki);
    throw new WardError(
      "WARD_OPCUA_PKI",
      `Cannot make this gateway's OPC-UA certificate in ${pki}: ${errorText(error)}. Check the directory's permissions.`,
      { cause: error },
    );
  }
  return {
    certificateKeyPairProvider: new DiskCertificateKeyPairProvider(
      join(pki, CERTIFICATE_FILE),
      join(pki, KEY_FILE),
    ),
  };
}

const certificates = new Map<string, Promise<void>>();

async function makeCertificate(pki: string, gateway: string): Promise<void> {
  await mkdir(pki, { recursive: true, mode: 0o700 });
  await chmod(pki, 0o700);
  const certificateFile = join(pki, CERTIFICATE_FILE);
  const isThere = await stat(certificateFile).then(
    () => true,
    () => false,
  );
  if (!isThere) {
    const manager = new OPCUACertificateManager({ rootFolder: pki, disableFileWatchers: true });
    await manager.initialize();
    await manager.createSelfSignedCertificate({
      applicationUri: applicationUri(gateway),
      dns: [hostname()],
      outputFile: certificateFile,
      startDate: new Date(Date.now() - DAY_MS),
      subject: `/CN=Wardgate ${gateway}`,
      validity: CERTIFICATE_DAYS,
    });
    await manager.dispose();
  }
  await chmod(join(pki, KEY_FILE), 0o600);
}

/** The URI by which servers know this gateway; it stands in its certificate too. */
export function applicationUri(gateway: string): string {
  return `urn:wardgate:${gateway}`;
}

const CERTIFICATE_FILE = "own/certs/client_certificate.pem";
const KEY_FILE = "own/private/private_key.pem";
const CERTIFICATE_DAYS = 3650;
const DAY_MS = 86_400_000;

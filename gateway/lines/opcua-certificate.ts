import { X509Certificate } from "node:crypto";
import { chmod, mkdir, readFile, rename } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";

import { errorText, WardError } from "../errors.ts";
import { OPCUACertificateManager } from "./opcua-library.ts";
import { thumbprint } from "./opcua-trust.ts";

/** A certificate with which this gateway shows itself to servers. */
export interface OwnCertificate {
  readonly certificateFile: string;
  readonly privateKeyFile: string;
  /** SHA-256, as servers show it. */
  readonly thumbprint: string;
  /** Epoch milliseconds. */
  readonly endsAt: number;
}

export type OwnCertificates = readonly [OwnCertificate, ...OwnCertificate[]];

/**
 * This gateway's certificates in the order in which they are to be shown: usually one, made once per directory. A quarter of a year before it
 * ends there is a second one, which stands first. A server that trusts the new one gets it; one that does not still gets the old one, and has
 * seen the new one, so that it can be trusted there. Both are certificates of the same key, which is readable by this user
 * only: servers trust the certificate, so that a new key would not spare them anything, and one key cannot get out of step with them.
 * Throws WardError `WARD_OPCUA_PKI`.
 */
export async function ownCertificates(pki: string, gateway: string): Promise<OwnCertificates> {
  const before = working.get(pki) ?? Promise.resolve();
  const work = before.then(() => prepare(pki, gateway));
  working.set(
    pki,
    work.catch(() => undefined),
  );
  try {
    return await work;
  } catch (error) {
    throw new WardError(
      "WARD_OPCUA_PKI",
      `Cannot make this gateway's OPC-UA certificate in ${pki}: ${errorText(error)}. Check the directory's permissions.`,
      { cause: error },
    );
  }
}

/** What is under way in a directory: several lines of a gateway share it. */
const working = new Map<string, Promise<unknown>>();

async function prepare(pki: string, gateway: string): Promise<OwnCertificates> {
  const currentFile = join(pki, CURRENT_FILE);
  const nextFile = join(pki, NEXT_FILE);
  await mkdir(pki, { recursive: true, mode: 0o700 });
  await chmod(pki, 0o700);
  const current = (await readOwn(pki, currentFile)) ?? (await make(pki, currentFile, gateway));
  if (!endsSoon(current)) {
    return [current];
  }
  const next = await readOwn(pki, nextFile);
  if (next === null || endsSoon(next)) {
    if (next !== null) {
      await rename(nextFile, currentFile);
    }
    return [await make(pki, nextFile, gateway), current];
  }
  return [next, current];
}

/** The certificate in a file, or null when there is none. */
async function readOwn(pki: string, file: string): Promise<OwnCertificate | null> {
  try {
    const { raw, validTo } = new X509Certificate(await readFile(file));
    return {
      certificateFile: file,
      privateKeyFile: join(pki, KEY_FILE),
      thumbprint: thumbprint(raw),
      endsAt: Date.parse(validTo),
    };
  } catch {
    return null;
  }
}

async function make(pki: string, file: string, gateway: string): Promise<OwnCertificate> {
  const manager = new OPCUACertificateManager({ rootFolder: pki, disableFileWatchers: true });
  try {
    await manager.initialize();
    await manager.createSelfSignedCertificate({
      applicationUri: applicationUri(gateway),
      dns: [hostname()],
      outputFile: `${file}.new`,
      // A gateway that has not yet heard the time, and servers whose clock is behind, are to find it valid too.
      startDate: new Date(Math.max(Date.now(), FLOOR_MS) - CLOCK_DAYS * DAY_MS),
      subject: `/CN=Wardgate ${gateway}`,
      validity: CLOCK_DAYS + CERTIFICATE_DAYS,
    });
  } finally {
    await manager.dispose();
  }
  await rename(`${file}.new`, file);
  await chmod(join(pki, KEY_FILE), 0o600);
  const made = await readOwn(pki, file);
  if (made === null) {
    throw new Error(`${file} cannot be read back`);
  }
  return made;
}

function endsSoon({ endsAt }: OwnCertificate): boolean {
  return endsAt - Date.now() < RENEWAL_DAYS * DAY_MS;
}

/** The URI by which servers know this gateway; it stands in its certificates too. */
export function applicationUri(gateway: string): string {
  return `urn:wardgate:${gateway}`;
}

const CURRENT_FILE = "own/certs/client_certificate.pem";
const NEXT_FILE = "own/certs/next_certificate.pem";
const KEY_FILE = "own/private/private_key.pem";
const CERTIFICATE_DAYS = 3650;
const RENEWAL_DAYS = 90;
/** How far clocks may be behind. */
const CLOCK_DAYS = 365;
const FLOOR_MS = Date.UTC(2026, 0, 1);
const DAY_MS = 86_400_000;

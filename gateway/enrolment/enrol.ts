import { createPublicKey, X509Certificate } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { WardError } from "../errors.ts";
import { replaceDurably } from "../outbox/disk-sync.ts";
import { commonName, loadGatewayIdentity } from "../identity/identity.ts";
import { NextIdentity } from "../identity/next-identity.ts";
import { openKeys } from "../identity/open-keys.ts";
import { forgetLostTpm, settleKeys, type KeyWish } from "../identity/settle-keys.ts";
import { GATEWAY_FILES } from "../identity/site-files.ts";
import type { ClaimFile } from "./claim-file.ts";
import { writeEnrolment } from "./enrolment-file.ts";
import { EstClient } from "./est-client.ts";
import { fetchNext } from "./fetch-next.ts";

export interface EnrolOptions {
  readonly dataDirectory: string;
  readonly claim: ClaimFile;
  readonly server: string;
  /** Who vouches for the EST server, PEM. */
  readonly estCa: string;
  /** Who vouches for the broker, PEM. */
  readonly serversRoot: string;
  /** Whose signature counts on the settings, PEM. */
  readonly settingsSigner: string;
  /** Where the keys are to be. */
  readonly keys: KeyWish;
}

export interface Enrolled {
  readonly gateway: string;
  /** False when the gateway had a certificate already: the new one waits for its first connection. */
  readonly isInstalled: boolean;
  /** Of the new certificate, upper-case hex. */
  readonly serialNumber: string;
  /** Its end, epoch milliseconds. */
  readonly notAfter: number;
}

/**
 * Gives a gateway its identity: keys born here, a certificate for them from an EST server. What is there already stays in
 * force until the new certificate has connected. May be cut off anywhere and called again with the same claim.
 * Throws WardError `WARD_ENROLMENT` (the directory belongs to another gateway), or as `settleKeys` and `fetchNext`.
 */
export async function enrol(o: EnrolOptions): Promise<Enrolled> {
  const { gateway, token } = o.claim;
  const path = (file: string): string => join(o.dataDirectory, file);
  const directory = join(o.dataDirectory, "identity");
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const owner = ownerOf(path(GATEWAY_FILES.certificate));
  if (owner !== null && owner !== gateway) {
    throw new WardError(
      "WARD_ENROLMENT",
      `Cannot enrol ${gateway} here: the directory is ${owner}'s. Give another one.`,
    );
  }
  // One that cannot be used any more, because a key of it is damaged, say, is no reason to stay without.
  const before = attempt(() => loadGatewayIdentity(directory));
  if (before === null) {
    forgetLostTpm(directory, o.keys);
    settleKeys(directory, o.keys);
  }
  const keys = openKeys(directory);
  const signingPath = path(GATEWAY_FILES.signingKey);
  const signing =
    attempt(() => keys.readSigningKey(signingPath)) ?? keys.createSigningKey(signingPath);
  const next = new NextIdentity(directory);
  const { root, certificate, notAfter } = await fetchNext({
    gateway,
    client: new EstClient({ url: o.server, ca: o.estCa }),
    login: { gateway, token },
    keys,
    next,
    signingKey: createPublicKey(signing),
    root: before?.gatewaysRoot ?? null,
    now: Date.now(),
  });
  writeEnrolment(directory, { url: o.server, ca: o.estCa });
  if (before === null) {
    replaceDurably(path(GATEWAY_FILES.settingsSigner), Buffer.from(o.settingsSigner));
    replaceDurably(path(GATEWAY_FILES.serversRoot), Buffer.from(o.serversRoot));
    replaceDurably(path(GATEWAY_FILES.gatewaysRoot), Buffer.from(root.toString()));
    next.promote();
  }
  const { serialNumber } = certificate;
  return { gateway, isInstalled: before === null, serialNumber, notAfter };
}

/** Whose directory it is, or null when no certificate says so. */
function ownerOf(path: string): string | null {
  return attempt(() => commonName(new X509Certificate(readFileSync(path))));
}

function attempt<T>(act: () => T): T | null {
  try {
    return act();
  } catch {
    return null;
  }
}

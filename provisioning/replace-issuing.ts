import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { errorText, WardError } from "../gateway/errors.ts";
import { readRevocationLists } from "../gateway/identity/revocation.ts";
import {
  issuingCount,
  issuingFile,
  issuingKeyFile,
  listTimes,
  rootKeyFile,
  rootListFile,
  type Authority,
} from "./authority.ts";
import { openedIssuerKey, type AuthorityKeys, type AuthoritySecrets } from "./authority-keys.ts";
import { createIssuing, ISSUING_DAYS, type Issuer, type RootKind } from "./ca.ts";
import { serialOf } from "./issued.ts";
import { alone, nextListNumber } from "./lists.ts";
import { replacePrivate } from "./private-files.ts";
import { issueRevocationList } from "./revocation-list.ts";

export interface ReplaceOptions {
  readonly authority: Authority;
  readonly kind: RootKind;
  /** Where the file of the root's key lies, and what opens it. */
  readonly offline: { readonly directory: string; readonly secrets: AuthoritySecrets };
  /** Where the new one's key is made. */
  readonly keys: AuthorityKeys;
  /** Whether the one before is revoked, with everything that it has signed: its key is in wrong hands. */
  readonly isRevoked: boolean;
}

/**
 * Makes a new issuing authority below the same root, which signs from now on; what the one before has signed still counts, and
 * it keeps its revocation list. The root's own list is made anew. May be cut off anywhere and called again. Returns the new
 * certificate, PEM. Throws WardError `WARD_PROVISION_READ`, `WARD_PROVISION_EXISTS`, `WARD_PASSPHRASE`, `WARD_TOKEN`.
 */
export async function replaceIssuing(o: ReplaceOptions): Promise<string> {
  const { authority, kind, offline } = o;
  const { directory } = authority;
  const root: Issuer = {
    kind,
    certificate: authority.roots[kind],
    key: openedIssuerKey(await readRootKey(offline.directory, kind), offline.secrets),
    isSent: false,
  };
  const rootCertificate = new X509Certificate(root.certificate);
  if (!rootCertificate.publicKey.equals(root.key.publicKey)) {
    throw new WardError(
      "WARD_PROVISION_READ",
      `Cannot replace the issuing authority: ${offline.directory} has the key of another root.`,
    );
  }
  const n = issuingCount(directory, kind) + 1;
  const before = authority.certificates(kind);
  const subject = rootCertificate.subject.replace(/^CN=(.*) root$/, "$1 issuing");
  const made = o.keys.create(`${kind}-issuing-${n}`);
  const issuing = await createIssuing(root, `${subject} ${n}`, undefined, made.key);
  const revoked = new Set([
    // What was revoked once stays so.
    ...readRevocationLists(authority.rootList(kind)).flatMap((known) => [...known.revoked]),
    ...(o.isRevoked ? before.map((certificate) => serialOf(certificate).toUpperCase()) : []),
  ]);
  const list = await issueRevocationList(root, {
    revoked: [...revoked].map((serial) => ({ serial: serial.toLowerCase(), at: new Date() })),
    number: await nextListNumber(directory),
    ...listTimes(ISSUING_DAYS),
  });
  await alone(directory, async () => {
    if (issuingCount(directory, kind) >= n) {
      throw new WardError(
        "WARD_PROVISION_EXISTS",
        "Cannot replace the issuing authority: it has just been replaced. Look who did so, with wardgate ca list.",
      );
    }
    // A key that lies there without its certificate is of a try that was cut off.
    await replacePrivate(join(directory, issuingKeyFile(kind, n)), made.file);
    await replacePrivate(join(directory, rootListFile(kind)), list);
    // The certificate makes it count, so it comes last.
    await replacePrivate(join(directory, issuingFile(kind, n)), issuing.certificate);
  });
  return issuing.certificate;
}

async function readRootKey(directory: string, kind: RootKind): Promise<string> {
  const path = join(directory, rootKeyFile(kind));
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new WardError(
      "WARD_PROVISION_READ",
      `Cannot read ${path}: ${errorText(error)}. Bring the root's key from the safe, and give its directory with --offline.`,
      { cause: error },
    );
  }
}

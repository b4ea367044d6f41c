import { X509Certificate } from "node:crypto";

import { isRevoked, readRevocationLists } from "../gateway/identity/revocation.ts";

/**
 * True when a certificate that has counted before still does: no list names it, nor whoever stands between it and the
 * root. One that no list speaks about does not count any more, as it would not in a new handshake. `root` and `lists` are PEM;
 * without lists nothing is revoked.
 */
export function stillCounts(
  certificate: X509Certificate,
  { root, lists }: { readonly root: string; readonly lists: string | undefined },
): boolean {
  if (lists === undefined) {
    return true;
  }
  try {
    const known = readRevocationLists(lists);
    const top = new X509Certificate(root);
    for (let below: X509Certificate = certificate; !below.raw.equals(top.raw);) {
      const issuer: X509Certificate = below.issuerCertificate ?? top;
      if (isRevoked(below, issuer, known)) {
        return false;
      }
      below = issuer;
    }
    return true;
  } catch {
    return false;
  }
}

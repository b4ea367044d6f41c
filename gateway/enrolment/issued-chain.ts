import { type KeyObject, X509Certificate } from "node:crypto";

import { WardError } from "../errors.ts";

/**
 * Puts in order what an EST server has given: the certificate for our key first, then what leads from it to a root, without
 * the root. `root` is the one it has to be, or null when any root of the server's authorities will do. Whether the
 * certificate says the right things, the binding's check tells. Throws WardError `WARD_EST_ANSWER`.
 */
export function orderedChain(
  given: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
  o: { readonly publicKey: KeyObject; readonly root: X509Certificate | null },
): { readonly pem: string; readonly root: X509Certificate } {
  const leaf = given.find((certificate) => certificate.publicKey.equals(o.publicKey));
  if (leaf === undefined) {
    throw new WardError(
      "WARD_EST_ANSWER",
      "Cannot use what the EST server has issued: it is not for our key.",
    );
  }
  const known = [...given, ...authorities, ...(o.root === null ? [] : [o.root])];
  const chain = [leaf];
  for (let last = leaf; chain.length <= CHAIN_MAX; chain.push(last)) {
    const below = last;
    const issuer = known.find((one) => below.checkIssued(one) && below.verify(one.publicKey));
    if (issuer === undefined) {
      break;
    }
    if (issuer.checkIssued(issuer) && (o.root === null || issuer.raw.equals(o.root.raw))) {
      return { pem: chain.map(String).join(""), root: issuer };
    }
    last = issuer;
  }
  throw new WardError(
    "WARD_EST_ANSWER",
    "Cannot use what the EST server has issued: its chain does not lead to the gateways' root.",
  );
}

const CHAIN_MAX = 4;

import { X509Certificate, type KeyObject } from "node:crypto";

import { WardError } from "../errors.ts";
import { makeBinding, verifyBinding } from "../identity/identity.ts";
import type { KeyProvider, TlsKey } from "../identity/key-provider.ts";
import type { NextIdentity } from "../identity/next-identity.ts";
import { makeSigningRequest } from "./csr.ts";
import type { EstClient, EstLogin } from "./est-client.ts";
import { orderedChain } from "./issued-chain.ts";

export interface FetchOptions {
  readonly gateway: string;
  readonly client: EstClient;
  readonly login: EstLogin;
  readonly keys: KeyProvider;
  readonly next: NextIdentity;
  /** Ed25519, public: the new certificate vouches for it. */
  readonly signingKey: KeyObject;
  /** The gateways root that the certificate must lead to; null at the first enrolment, when the server tells it. */
  readonly root: X509Certificate | null;
  /** Epoch milliseconds. */
  readonly now: number;
}

export interface Fetched {
  readonly root: X509Certificate;
  /** The new certificate. */
  readonly certificate: X509Certificate;
  /** Its end, epoch milliseconds. */
  readonly notAfter: number;
}

/**
 * Makes a key on this machine, has a certificate issued for it, checks that, and keeps both with the new binding in
 * `identity/next`. A key that is there already is used again: its request may have been answered while nobody heard it.
 * Throws WardError as EstClient, and `WARD_EST_ANSWER` for a certificate that is not what was asked for.
 */
export async function fetchNext(o: FetchOptions): Promise<Fetched> {
  const { gateway, client, keys, next } = o;
  const key = keyThere(next, keys) ?? keys.createTlsKey(next.keyPath);
  const authorities = await client.authorities();
  const given = await client.enroll(makeSigningRequest(gateway, key), o.login);
  const { publicKey } = key;
  const { pem, root } = orderedChain(given, authorities, { publicKey, root: o.root });
  const binding = makeBinding({
    certificateChainPem: pem,
    certificateKey: key,
    signingPublicKey: o.signingKey,
    now: o.now,
  });
  const leaf = new X509Certificate(pem);
  // A clock that is behind is a fault of its own: it is named when TLS is delayed for it.
  const at = Math.max(o.now, leaf.validFromDate.getTime());
  const bound = verifyBinding(binding, { gatewaysRoot: root, at });
  if (bound.gateway !== gateway) {
    throw new WardError(
      "WARD_EST_ANSWER",
      `Cannot use what the EST server has issued: it is for ${bound.gateway}, not ${gateway}.`,
    );
  }
  next.keep(pem, binding);
  return { root, certificate: leaf, notAfter: bound.notAfter };
}

/** A key that cannot be opened, after damage or under another key-encryption key, is one that is not there. */
function keyThere(next: NextIdentity, keys: KeyProvider): TlsKey | null {
  try {
    const key = next.hasKey ? keys.readTlsKey(next.keyPath) : null;
    return key?.holder === keys.kind ? key : null;
  } catch {
    return null;
  }
}

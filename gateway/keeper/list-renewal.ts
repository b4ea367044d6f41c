import { X509Certificate } from "node:crypto";
import { join } from "node:path";

import { readEnrolment } from "../enrolment/enrolment-file.ts";
import { errorText, WardError } from "../errors.ts";
import { replaceDurably } from "../outbox/disk-sync.ts";
import type { GatewayIdentity } from "../identity/identity.ts";
import { readRevocationLists, type RevocationList } from "../identity/revocation.ts";

export interface ListRenewalOptions {
  readonly dataDirectory: string;
  /** As it was last read. */
  readonly identity: {
    readonly loaded: Pick<GatewayIdentity, "serversCrlPem" | "serversRootPem">;
  };
  readonly trouble: (error: WardError) => void;
}

/**
 * Brings a fresh list of revoked servers from the enrolment server when the one at hand is halfway to its end, or when there
 * is none: past its end the gateway would trust no broker any more.
 */
export class ListRenewal {
  readonly #options: ListRenewalOptions;
  #isUnderWay = false;
  #notBefore = 0;

  constructor(options: ListRenewalOptions) {
    this.#options = options;
  }

  /** Looks whether it is time, at `now` (epoch milliseconds). Never rejects. */
  async look(now: number): Promise<void> {
    const { dataDirectory, identity, trouble } = this.#options;
    if (this.#isUnderWay || now < this.#notBefore) {
      return;
    }
    this.#isUnderWay = true;
    this.#notBefore = now + AGAIN_MS * (0.5 + Math.random());
    try {
      if (isHalfOver(identity.loaded.serversCrlPem, now)) {
        await fetch(join(dataDirectory, "identity"), identity.loaded, now);
      }
    } catch (error) {
      trouble(error instanceof WardError ? error : new WardError("WARD_CRL", errorText(error)));
    } finally {
      this.#isUnderWay = false;
    }
  }
}

function isHalfOver(pem: string | undefined, now: number): boolean {
  return (
    pem === undefined ||
    readRevocationLists(pem).some(
      ({ thisUpdate, nextUpdate }) =>
        nextUpdate !== null && now > thisUpdate + (nextUpdate - thisUpdate) / 2,
    )
  );
}

async function fetch(
  directory: string,
  { serversRootPem, serversCrlPem }: ListRenewalOptions["identity"]["loaded"],
  now: number,
): Promise<void> {
  const server = readEnrolment(directory);
  if (server === null) {
    return;
  }
  const { EstClient } = await import("../enrolment/est-client.ts");
  const pem = await new EstClient(server).serversLists();
  if (pem === null) {
    return;
  }
  const root = new X509Certificate(serversRootPem);
  const lists = readRevocationLists(pem);
  const isGood =
    lists.some((list) => list.isBy(root)) &&
    lists.every(({ nextUpdate }) => nextUpdate === null || nextUpdate > now);
  if (!isGood) {
    throw new WardError(
      "WARD_CRL",
      "Cannot use the list of revoked servers that the enrolment server gives: it is too old, or none of it is by our servers root.",
    );
  }
  // Else whoever has a server's key that is revoked by now could bring back a list that does not say so.
  if (isSetBack(listsIn(serversCrlPem), lists, now)) {
    throw new WardError(
      "WARD_CRL",
      "Cannot use the list of revoked servers that the enrolment server gives: it is older than the one at hand.",
    );
  }
  replaceDurably(join(directory, "servers.crl.pem"), Buffer.from(pem));
}

/**
 * True when a list is older than the one of the same issuer that still counts, or one is missing and nothing is newer. A list
 * goes when its issuer has ended, or the root has revoked it; nobody below an issuer without a list is trusted.
 */
function isSetBack(
  before: readonly RevocationList[],
  after: readonly RevocationList[],
  now: number,
): boolean {
  const counting = before.filter(({ nextUpdate }) => nextUpdate === null || nextUpdate > now);
  const steps = counting.flatMap(({ issuer, thisUpdate }) => {
    const times = after.filter((list) => list.issuer === issuer).map((list) => list.thisUpdate);
    return times.length === 0 ? [] : [Math.max(...times) - thisUpdate];
  });
  const isOneMissing = steps.length < counting.length;
  return steps.some((step) => step < 0) || (isOneMissing && !steps.some((step) => step > 0));
}

/** None where there are none, or they cannot be read: then any good ones are better. */
function listsIn(pem: string | undefined): readonly RevocationList[] {
  try {
    return pem === undefined ? [] : readRevocationLists(pem);
  } catch {
    return [];
  }
}

const AGAIN_MS: number = 6 * 3_600_000;

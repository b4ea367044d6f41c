import { createHash, createPublicKey, type X509Certificate } from "node:crypto";
import { join } from "node:path";

import { readEnrolment } from "../enrolment/enrolment-file.ts";
import { errorText, WardError } from "../errors.ts";
import { FileKeys } from "../identity/key-provider.ts";
import { NextIdentity } from "../identity/next-identity.ts";
import type { CurrentIdentity } from "./current-identity.ts";

export interface RenewalOptions {
  readonly dataDirectory: string;
  readonly identity: CurrentIdentity;
  /** A new certificate waits for its first connection. */
  readonly fetched: () => void;
  readonly trouble: (error: WardError) => void;
}

/**
 * Has the gateway's certificate renewed over EST before its end: when a third of its life is over, at a moment of its own, so
 * that the two thirds that are left are there for an outage, and a fleet does not come all at once.
 */
export class Renewal {
  readonly #options: RenewalOptions;
  #isUnderWay = false;
  #failures = 0;
  #notBefore = 0;

  constructor(options: RenewalOptions) {
    this.#options = options;
  }

  /** Looks whether it is time, at `now` (epoch milliseconds); resolves when there is nothing more to do. Never rejects. */
  async look(now: number): Promise<void> {
    const { dataDirectory, identity, fetched, trouble } = this.#options;
    const isDue = now >= this.#notBefore && now >= renewalTime(identity.certificate);
    if (this.#isUnderWay || !isDue) {
      return;
    }
    const directory = join(dataDirectory, "identity");
    if (new NextIdentity(directory).isComplete) {
      return;
    }
    this.#isUnderWay = true;
    try {
      if (await fetch(directory, identity, now)) {
        this.#failures = 0;
        fetched();
      }
    } catch (error) {
      this.failed(now);
      trouble(
        error instanceof WardError ? error : new WardError("WARD_ENROLMENT", errorText(error)),
      );
    } finally {
      this.#isUnderWay = false;
    }
  }

  /** What was fetched, or could not be, is not good: there will be another try, later and later. */
  failed(now: number): void {
    this.#failures += 1;
    const whole = Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** Math.min(this.#failures - 1, 16));
    this.#notBefore = now + whole * (0.5 + Math.random() / 2);
  }
}

/**
 * When a certificate is to be renewed: a third of its life after its beginning, and up to a twelfth later. The moment hangs on
 * its serial number, so that it stays the same over restarts.
 */
export function renewalTime(certificate: X509Certificate): number {
  const from = certificate.validFromDate.getTime();
  const life = certificate.validToDate.getTime() - from;
  const draw = createHash("sha256").update(certificate.serialNumber).digest().readUInt32BE(0);
  return from + life / 3 + (life / 12) * (draw / 2 ** 32);
}

/** False when this gateway's certificates do not come from an enrolment server. */
async function fetch(directory: string, current: CurrentIdentity, now: number): Promise<boolean> {
  const server = readEnrolment(directory);
  if (server === null) {
    return false;
  }
  // Loaded when it is needed, three times a certificate: HTTPS is memory that the keeper does not have to spare.
  const { EstClient } = await import("../enrolment/est-client.ts");
  const { fetchNext } = await import("../enrolment/fetch-next.ts");
  const { gateway, certificateChainPem, certificateKeyPem, gatewaysRoot, signingKey } =
    current.loaded;
  await fetchNext({
    gateway,
    client: new EstClient(server),
    login: { cert: certificateChainPem, key: certificateKeyPem },
    keys: new FileKeys(directory),
    next: new NextIdentity(directory),
    signingKey: createPublicKey(signingKey),
    root: gatewaysRoot,
    now,
  });
  return true;
}

const RETRY_MS = 60_000;
const RETRY_MAX_MS: number = 6 * 3_600_000;

import { createHash, createPublicKey, type X509Certificate } from "node:crypto";
import { join } from "node:path";

import { readEnrolment } from "../enrolment/enrolment-file.ts";
import type { EstServerAddress } from "../enrolment/est-client.ts";
import { errorText, WardError } from "../errors.ts";
import { NextIdentity } from "../identity/next-identity.ts";
import type { JournalEvent } from "../journal/event.ts";
import type { CurrentIdentity } from "./current-identity.ts";

export interface RenewalOptions {
  readonly dataDirectory: string;
  readonly identity: CurrentIdentity;
  /** A new certificate waits for its first connection. */
  readonly fetched: () => void;
  /** Writes a step down; resolves when it is on disk. */
  readonly journal: (event: JournalEvent) => Promise<void>;
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
    const { dataDirectory, identity, fetched, journal, trouble } = this.#options;
    // A key that was made before there was a TPM is not left outside for long.
    const isOutside = identity.loaded.certificateKey.holder !== identity.keys.kind;
    const isDue = isOutside || now >= renewalTime(identity.certificate);
    if (this.#isUnderWay || now < this.#notBefore || !isDue) {
      return;
    }
    const directory = join(dataDirectory, "identity");
    if (new NextIdentity(directory).isComplete) {
      return;
    }
    this.#isUnderWay = true;
    try {
      const server = readEnrolment(directory);
      if (server !== null) {
        await told({ journal, trouble }, "asked", identity.certificate);
        const next = await fetch({ directory, server, current: identity, now });
        await told({ journal, trouble }, "fetched", next);
        this.#failures = 0;
        fetched();
      }
    } catch (error) {
      this.failed(now);
      trouble(asWardError(error));
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

/** A gateway without a certificate is of no use to anybody: a journal that cannot be written does not keep it from a new one. */
async function told(
  { journal, trouble }: Pick<RenewalOptions, "journal" | "trouble">,
  step: "asked" | "fetched",
  { raw }: X509Certificate,
): Promise<void> {
  const what = { step, certificate: createHash("sha256").update(raw).digest("hex") };
  await journal({ kind: "renewal", who: "gateway", outcome: "accepted", what }).catch(
    (error: unknown) => trouble(asWardError(error)),
  );
}

function asWardError(error: unknown): WardError {
  return error instanceof WardError ? error : new WardError("WARD_ENROLMENT", errorText(error));
}

async function fetch(o: {
  readonly directory: string;
  readonly server: EstServerAddress;
  readonly current: CurrentIdentity;
  readonly now: number;
}): Promise<X509Certificate> {
  const { directory, server, current, now } = o;
  // Loaded when it is needed, three times a certificate: HTTPS is memory that the keeper does not have to spare.
  const { EstClient } = await import("../enrolment/est-client.ts");
  const { fetchNext } = await import("../enrolment/fetch-next.ts");
  const { gateway, certificateChainPem, certificateKey, gatewaysRoot, signingKey, keys } =
    current.loaded;
  const { certificate: next } = await fetchNext({
    gateway,
    client: new EstClient(server),
    login: { cert: certificateChainPem, key: certificateKey.pem },
    keys,
    next: new NextIdentity(directory),
    signingKey: createPublicKey(signingKey),
    root: gatewaysRoot,
    now,
  });
  return next;
}

const RETRY_MS = 60_000;
const RETRY_MAX_MS: number = 6 * 3_600_000;

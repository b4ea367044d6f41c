import { join } from "node:path";
import { createHash, type KeyObject } from "node:crypto";

import { errorText, WardError } from "../errors.ts";
import type { GatewayIdentity } from "../identity/identity.ts";
import { NextIdentity } from "../identity/next-identity.ts";
import { nearEndOfLists } from "../identity/revocation.ts";
import { verifyReceipt } from "../sealing/receipt.ts";
import { FileWatch } from "../uplink/file-watch.ts";
import { ClockFloor } from "./clock-floor.ts";
import { CurrentIdentity } from "./current-identity.ts";
import { ExpiryWatch } from "./expiry-watch.ts";
import { IdentityTrial } from "./identity-trial.ts";
import type { JournalBook } from "./journal-book.ts";
import type { KeeperNotices } from "./notices.ts";
import { ListRenewal } from "./list-renewal.ts";
import { Renewal } from "./renewal.ts";

export interface IdentityDeskOptions {
  readonly dataDirectory: string;
  readonly identity: CurrentIdentity;
  readonly notices: KeeperNotices;
  /** Ed25519, public: the hub's receipts tell the time too. */
  readonly receiptKey: KeyObject;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Has the connection replaced by one with the identity of now. */
  readonly replace: () => void;
  readonly journal: Pick<JournalBook, "append" | "note">;
}

/** Everything about who the gateway is while it runs: which identity connects, when it is renewed, when its end is near. */
export class IdentityDesk {
  readonly #options: IdentityDeskOptions;
  readonly #next: NextIdentity;
  readonly #floor: ClockFloor;
  readonly #files: FileWatch;
  readonly #trial: IdentityTrial;
  readonly #renewal: Renewal;
  readonly #lists: ListRenewal;
  readonly #expiry = new ExpiryWatch();
  #ticks = 0;
  #heardAt: number | null = null;

  constructor(options: IdentityDeskOptions) {
    const { dataDirectory, identity, notices, replace, journal } = options;
    this.#options = options;
    this.#next = new NextIdentity(join(dataDirectory, "identity"));
    this.#floor = new ClockFloor(join(dataDirectory, "clock-floor"));
    this.#files = new FileWatch({
      paths: CurrentIdentity.paths(dataDirectory),
      everyMs: LOOK_MS,
      changed: replace,
    });
    this.#trial = new IdentityTrial({
      current: () => identity.reload(),
      next: () => this.#loadNext(),
      accepted: () => this.#accepted(),
      refused: (error) => this.#giveUp(error),
    });
    const trouble = (error: WardError): void => notices.forwarding(error);
    this.#lists = new ListRenewal({ dataDirectory, identity, trouble });
    this.#renewal = new Renewal({
      dataDirectory,
      identity,
      fetched: replace,
      journal: (event) => journal.append(event),
      trouble,
    });
  }

  start(): void {
    void this.#files.start();
  }

  stop(): void {
    this.#files.stop();
  }

  /**
   * The identity for a connection that is begun now. Throws WardError `WARD_CLOCK` while the clock is certainly wrong, and
   * `WARD_IDENTITY`.
   */
  choose(isConnected: boolean): GatewayIdentity {
    const { identity, now } = this.#options;
    this.#floor.raise(identity.certificate.validFromDate.getTime());
    const fault = this.#floor.fault(now());
    if (fault !== null) {
      throw fault;
    }
    return this.#trial.choose(isConnected);
  }

  connected(): void {
    this.#trial.succeeded();
  }

  /** A connection has ended or could not be made. */
  failed(error: WardError): void {
    if (error.code === "WARD_CLOCK") {
      this.#options.notices.clock(error);
    }
    this.#trial.failed(error);
  }

  /** A receipt tells what time it is at the hub; once an hour is often enough. */
  heard(receipt: Uint8Array): void {
    const { receiptKey, now } = this.#options;
    const at = now();
    if (this.#heardAt === null || Math.abs(at - this.#heardAt) >= HOUR_MS) {
      this.#heardAt = at;
      this.#floor.heard(verifyReceipt(receipt, receiptKey).at, at);
    }
  }

  /** Called every second: tries what waits, looks every minute whether to renew, and every hour what comes near its end. */
  tick(): void {
    const now = this.#options.now();
    if (this.#ticks % MINUTE_TICKS === 0 && this.#floor.fault(now) === null) {
      void this.#renewal.look(now);
      void this.#lists.look(now);
    }
    if (this.#ticks % HOUR_TICKS === 0) {
      this.#lookAtEnds(now);
    }
    // Refused once, it may have met a broker that was just starting.
    if (this.#ticks % TRIAL_TICKS === 0 && this.#next.isComplete) {
      this.#options.replace();
    }
    this.#ticks += 1;
  }

  #lookAtEnds(now: number): void {
    const { identity, notices } = this.#options;
    const { certificate, serversCrlPem } = identity.loaded;
    const life = {
      from: certificate.validFromDate.getTime(),
      until: certificate.validToDate.getTime(),
    };
    try {
      const listsEnd = serversCrlPem === undefined ? null : nearEndOfLists(serversCrlPem, now);
      notices.all(this.#expiry.look(life, listsEnd, now));
    } catch (error) {
      notices.forwarding(asWardError(error));
    }
  }

  #loadNext(): GatewayIdentity | null {
    if (!this.#next.isComplete) {
      return null;
    }
    try {
      return this.#options.identity.loadNext();
    } catch (error) {
      this.#giveUp(asWardError(error));
      return null;
    }
  }

  #accepted(): void {
    this.#next.promote();
    this.#options.identity.reload();
    void this.#files.accept();
  }

  #giveUp(error: WardError): void {
    const { identity, journal, notices, now } = this.#options;
    const certificate = createHash("sha256").update(identity.certificate.raw).digest("hex");
    const what = { step: "given-up", certificate };
    journal.note({ kind: "renewal", who: "gateway", outcome: "refused", what });
    this.#next.discard();
    void this.#files.accept();
    this.#renewal.failed(now());
    notices.certificateRefused(error);
  }
}

const LOOK_MS = 5000;
const MINUTE_TICKS = 60;
const TRIAL_TICKS = 5;
const HOUR_TICKS = 3600;
const HOUR_MS = 3_600_000;

function asWardError(error: unknown): WardError {
  return error instanceof WardError ? error : new WardError("WARD_INTERNAL", errorText(error));
}

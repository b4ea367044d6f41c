import { createHash, type X509Certificate } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { ClockSync } from "../bedside/clock-sync.ts";
import { errorText, WardError } from "../errors.ts";
import type { ReceiptNews } from "../outbox/outbox.ts";
import type { ClockQuality } from "../reading.ts";
import type { CurrentIdentity } from "./current-identity.ts";
import { JournalBook } from "./journal-book.ts";
import { JournalPost } from "./journal-post.ts";
import { localKeyFile, openLocalKey } from "./local-key.ts";
import type { KeeperConfig } from "./messages.ts";

export interface JournalDeskOptions {
  readonly config: KeeperConfig;
  readonly identity: CurrentIdentity;
  /** Gateway time, epoch milliseconds. */
  readonly now: () => number;
  readonly publish: (topic: string, payload: Uint8Array, retain: boolean) => Promise<number>;
  readonly trouble: (error: WardError) => void;
}

/** The journal as the keeper has it: written, signed, published; and what the keeper itself has to write down. */
export class JournalDesk {
  readonly book: JournalBook;
  readonly #post: JournalPost;
  readonly #sync: ClockSync;
  #certificate: X509Certificate;

  /** Throws WardError `WARD_VAULT_KEY`. */
  constructor({ config, identity, now, publish, trouble }: JournalDeskOptions) {
    const { dataDirectory, settings, tuning } = config;
    const { gateway } = settings;
    const told = (error: unknown): void =>
      trouble(error instanceof WardError ? error : journalTrouble(error));
    this.#certificate = identity.certificate;
    this.#sync = new ClockSync(tuning.clockSyncFile);
    this.book = new JournalBook({
      dataDirectory,
      owner: { gateway, key: openLocalKey(localKeyFile(dataDirectory)) },
      bytesMax: tuning.journalBytes,
      now,
      clock: () => this.#quality(now()),
      written: () => this.#post.changed(),
      trouble: told,
    });
    this.#post = new JournalPost({
      gateway,
      journal: () => this.book.journal,
      identity,
      publish,
      everyMs: tuning.journalCheckpointS * 1000,
      trouble: told,
    });
  }

  /** A connection to the broker is there. */
  up(): void {
    this.#post.up();
  }

  /** The hub asks for a proof. */
  asked(payload: Uint8Array): void {
    this.#post.asked(payload);
  }

  /** Writes down with which certificate the keeper starts: it may have been changed while nothing ran. */
  begun(): void {
    const what = { certificate: sha256(this.#certificate.raw) };
    this.book.note({ kind: "identity-loaded", who: "gateway", outcome: "done", what });
  }

  /** Writes down when the gateway's certificate is another one than before. */
  certificate(now: X509Certificate): void {
    if (!now.raw.equals(this.#certificate.raw)) {
      const what = { before: sha256(this.#certificate.raw), after: sha256(now.raw) };
      this.#certificate = now;
      this.book.note({ kind: "certificate-changed", who: "gateway", outcome: "done", what });
    }
  }

  /**
   * What may be done of a receipt: what it rejects only once that is written down. What cannot be now is sent again by the
   * hub.
   */
  async mayBeDone(news: ReceiptNews): Promise<ReceiptNews> {
    try {
      const kind = "record-rejected";
      const written = rejectedRuns(news).map((what) =>
        this.book.append({ kind, who: "hub", outcome: "accepted", what }),
      );
      await Promise.all(written);
      return news;
    } catch {
      return { ...news, rejects: [] };
    }
  }

  /** Signs and publishes the last checkpoint, within half a second. */
  async close(): Promise<void> {
    this.#sync.stop();
    const late = new AbortController();
    const limit = sleep(CLOSE_MS, undefined, { signal: late.signal }).catch(() => undefined);
    await Promise.race([this.#post.close(), limit]);
    late.abort();
    await this.book.close();
  }

  #quality(now: number): ClockQuality {
    const isSynchronised = this.#sync.state;
    if (isSynchronised === false || now < FLOOR_MS) {
      return "unsynchronised";
    }
    return isSynchronised === true ? "synchronised" : "holdover";
  }
}

const CLOSE_MS = 500;
/** A clock before this has not been set since the gateway was switched on. */
const FLOOR_MS = Date.UTC(2026, 0, 1);

/** What a receipt rejects, records in a row for the same reason together. */
function rejectedRuns({ store, rejects }: ReceiptNews): RejectedRun[] {
  const runs: RejectedRun[] = [];
  for (const { class: name, sequence, reason } of rejects) {
    const last = runs.at(-1);
    if (last?.class === name && last.reason === reason && last.to + 1 === sequence) {
      last.to = sequence;
    } else {
      runs.push({ class: name, store, from: sequence, to: sequence, reason });
    }
  }
  return runs;
}

interface RejectedRun {
  readonly class: string;
  readonly store: string;
  readonly from: number;
  to: number;
  readonly reason: string;
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function journalTrouble(error: unknown): WardError {
  const message = `Cannot look after the journal: ${errorText(error)}.`;
  return new WardError("WARD_JOURNAL_WRITE", message, { cause: error });
}

import type { WardError } from "../errors.ts";
import type { Loss } from "../outbox/records.ts";
import { GATEWAY_DEVICE } from "../reading.ts";
import type { NoticeText } from "../rooms.ts";

/** Turns what goes wrong in the keeper into notices, each once until it is over or some time has passed. */
export class KeeperNotices {
  readonly #send: (notice: NoticeText) => void;
  readonly #now: () => number;
  readonly #lastAt: Map<string, number> = new Map();
  #troubleSince: number | null = null;
  #downSince: number | null = null;
  #saidDown = false;

  /** `now` gives epoch milliseconds. */
  constructor(send: (notice: NoticeText) => void, now: () => number) {
    this.#send = send;
    this.#now = now;
  }

  /** The disk does not take what is to be stored, or takes it again. */
  store(error: WardError | null): void {
    if (error !== null) {
      this.#troubleSince ??= this.#now();
      this.#rarely("store-failing", error.message, this.#troubleSince);
      return;
    }
    this.#say("store-back", "The outbox can be written again.", this.#troubleSince);
    this.#lastAt.delete("store-failing");
    this.#troubleSince = null;
  }

  renewed(): void {
    this.#say(
      "store-renewed",
      "The outbox was damaged and has been repaired; what could not be read is named in gap records. Check the disk.",
      null,
    );
  }

  lost(loss: Loss): void {
    const what = loss.from === loss.to ? `Record ${loss.from}` : `Records ${loss.from}-${loss.to}`;
    const why = loss.reason === "rejected" ? `rejected by the hub (${loss.text})` : loss.reason;
    this.#rarely(
      `records-${loss.reason}`,
      `${what} of class ${loss.class} will not be sent: ${why}.`,
      null,
    );
  }

  document(name: string): void {
    this.#rarely(
      "document-damaged",
      `The stored ${name} cannot be read and count as absent.`,
      null,
    );
  }

  forwarding(error: WardError): void {
    this.#rarely(error.code.toLowerCase().replaceAll("_", "-"), error.message, null);
  }

  up(): void {
    if (this.#saidDown) {
      this.#say("broker-back", "The broker is reached again.", this.#downSince);
    }
    this.#downSince = null;
    this.#saidDown = false;
  }

  /** Said once when the broker has been away for a while. */
  down(error: WardError | null): void {
    const now = this.#now();
    this.#downSince ??= now;
    if (error !== null && !this.#saidDown && now - this.#downSince >= DOWN_MS) {
      this.#saidDown = true;
      this.#say("broker-away", error.message, this.#downSince);
    }
  }

  #rarely(notice: string, text: string, since: number | null): void {
    const lastAt = this.#lastAt.get(notice);
    const now = this.#now();
    if (lastAt === undefined || Math.abs(now - lastAt) >= AGAIN_MS) {
      this.#lastAt.set(notice, now);
      this.#say(notice, text, since);
    }
  }

  #say(notice: string, text: string, since: number | null): void {
    this.#send({ device: GATEWAY_DEVICE, notice, text, since });
  }
}

/** The same notice is said again after this long at the earliest. */
const AGAIN_MS = 600_000;
/** The broker may be away this long without a notice: restarts are ordinary. */
const DOWN_MS = 60_000;

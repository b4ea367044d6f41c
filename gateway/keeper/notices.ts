import type { WardError } from "../errors.ts";
import type { OutboxRoom } from "../outbox/caretaker.ts";
import type { Loss } from "../outbox/records.ts";
import { GATEWAY_DEVICE } from "../reading.ts";
import type { NoticeText } from "../rooms.ts";
import { StorageWatch } from "./storage-watch.ts";

/** Turns what goes wrong in the keeper into notices, each once until it is over or some time has passed. */
export class KeeperNotices {
  readonly #send: (notice: NoticeText) => void;
  readonly #now: () => number;
  readonly #lastAt: Map<string, number> = new Map();
  readonly #storage = new StorageWatch();
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
    this.#rarely(
      `records-${loss.reason}`,
      `${what} of class ${loss.class} will not be sent: ${whyLost(loss)}. A gap record tells the hub.`,
      null,
    );
  }

  /** How much room there is; what is worth saying of it is said once. */
  storage(room: OutboxRoom): void {
    this.all(this.#storage.look(room, this.#now()));
  }

  document(name: string): void {
    this.#rarely(
      "document-damaged",
      `The stored ${name} cannot be read and count as absent.`,
      null,
    );
  }

  /** Nothing of what came too late for an outbox that closes: the keeper ends, as it was told to. */
  forwarding(error: WardError): void {
    if (error.code === "WARD_OUTBOX_CLOSED") {
      return;
    }
    this.#rarely(error.code.toLowerCase().replaceAll("_", "-"), error.message, null);
  }

  /** The clock is certainly wrong, and TLS waits for it. */
  clock(error: WardError): void {
    this.#rarely("clock-fault", error.message, null);
  }

  /** What whoever looked found worth saying. */
  all(notices: readonly Omit<NoticeText, "device">[]): void {
    for (const { notice, text, since } of notices) {
      this.#say(notice, text, since);
    }
  }

  /** Of a device or of the gateway, as it is. */
  of(notice: NoticeText): void {
    this.#send(notice);
  }

  certificateRefused(error: WardError): void {
    this.#say(
      "certificate-refused",
      `The new certificate is not taken, so the one before stays: ${error.message}`,
      null,
    );
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
    if (error !== null && !this.#saidDown && Math.abs(now - this.#downSince) >= DOWN_MS) {
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

function whyLost({ reason, text }: Loss): string {
  switch (reason) {
    case "rejected":
      return `rejected by the hub (${text})`;
    case "evicted":
      return "the outbox is full and these were the oldest";
    case "turned-away":
      return "the outbox is full and these came last";
    case "expired":
      return "they have waited longer than they may";
    case "corrupted":
      return "they are damaged";
    case "missing":
      return "they are missing";
  }
}

/** The same notice is said again after this long at the earliest. */
const AGAIN_MS = 600_000;
/** The broker may be away this long without a notice: restarts are ordinary. */
const DOWN_MS = 60_000;

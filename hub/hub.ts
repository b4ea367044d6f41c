import { setTimeout as sleep } from "node:timers/promises";

import { errorCode, errorText, WardError } from "../gateway/errors.ts";
import type { ProtocolVersion } from "../gateway/mqtt/mqtt-options.ts";
import { type MqttConnection, openMqtt } from "../gateway/mqtt/mqtt.ts";
import { fromHex } from "../gateway/sealing/envelope.ts";
import { Counters, type HubCounters } from "./counters.ts";
import { Desk, type Outcome } from "./desk.ts";
import { EarlyRecords } from "./early-records.ts";
import type { HubIdentity } from "./hub-identity.ts";
import { Inbox } from "./inbox.ts";
import { listEnds } from "./list-ends.ts";
import { JournalWatch } from "./journal-watch.ts";
import type { Message } from "./parking.ts";
import { ReceiptPost } from "./receipt-post.ts";
import type { HubStore } from "./store.ts";
import {
  JOURNAL_FILTER,
  journalGateway,
  journalTopic,
  needEpochTopic,
  SHARED_UP_FILTER,
  UP_FILTER,
} from "./topics.ts";

/** How a hub is run. */
export interface HubOptions {
  readonly directory: string;
  /** An open store that other hubs may share, instead of the directory's own; it is closed with the hub. */
  readonly store?: HubStore;
  /** Whether to write `readings.ndjson` (default: yes). */
  readonly ndjson?: boolean;
  readonly identity: HubIdentity;
  /** `mqtts://host:port` of the broker's port for hubs, and the name its certificate must carry. */
  readonly broker: { readonly url: string; readonly serverName: string };
  /** Hub time, epoch milliseconds (default: the system's clock). */
  readonly now?: () => number;
  /** Hears of what an operator should know: one plain sentence. */
  readonly onNotice?: (code: string, text: string) => void;
  /** Called when subscribed, also after every loss of the broker. */
  readonly onReady?: () => void;
}

/**
 * The receiving side: takes records from the broker, has them judged and committed, and then sends signed receipts. What it
 * has not committed it never answers, so whatever is dropped or lost on the way comes again.
 */
export class Hub {
  readonly #options: HubOptions;
  readonly #desk: Desk;
  readonly #counters: Counters;
  readonly #inbox = new Inbox();
  readonly #early: EarlyRecords;
  readonly #post: ReceiptPost;
  readonly #journals: JournalWatch;
  readonly #now: () => number;
  #identity: HubIdentity;
  #connection: MqttConnection | null = null;
  #protocolVersion: ProtocolVersion | undefined;
  #ready = false;
  #stopped = false;
  #drainTimer: NodeJS.Timeout | null = null;
  #draining: Promise<boolean> | null = null;
  #ticking: Promise<void> | null = null;
  readonly #timers: NodeJS.Timeout[] = [];
  #troubleSince: number | null = null;

  private constructor(options: HubOptions, desk: Desk) {
    this.#options = options;
    this.#identity = options.identity;
    this.#desk = desk;
    this.#counters = new Counters();
    this.#now = options.now ?? Date.now;
    this.#early = new EarlyRecords({
      ask: ({ gateway, epoch }) => {
        this.#publish(needEpochTopic(gateway), fromHex(epoch)).catch(() => undefined);
      },
      receive: (message) => this.#receive(message),
      arrived: async (wanted) => await desk.arrived(wanted),
      onNotice: (code, text) => this.#notice(code, text),
    });
    this.#journals = new JournalWatch({
      store: desk.checkpoints,
      trust: () => this.#identity,
      now: this.#now,
      ask: (gateway, payload) => {
        this.#publish(journalTopic(gateway), payload).catch(() => undefined);
      },
      onNotice: (code, text) => this.#notice(code, text),
    });
    this.#post = new ReceiptPost({
      provenFrom: (place) => desk.provenFrom(place),
      key: options.identity.receiptKey,
      now: this.#now,
      isUp: () => this.#connection !== null,
      publish: async (topic, payload) => await this.#publish(topic, payload),
    });
  }

  /** Opens the hub's store; nothing is received before `run`. Throws as `Desk.open` does. */
  static async open(options: HubOptions): Promise<Hub> {
    const { directory, identity, store, ndjson = true } = options;
    const desk = await Desk.open({
      directory,
      identity,
      ndjson,
      ...(store === undefined ? {} : { store }),
      now: options.now ?? Date.now,
      onTrouble: (text) => options.onNotice?.("WARD_HUB_TROUBLE", text),
      onUnaccounted: (text) => options.onNotice?.("WARD_HUB_UNACCOUNTED", text),
    });
    const hub = new Hub(options, desk);
    if (desk.unreadable > 0) {
      hub.#notice(
        "WARD_HUB_KEYS",
        `${desk.unreadable} stored records cannot be opened with our keys.`,
      );
    }
    return hub;
  }

  /** Receives until `stop`, over as many connections as it takes, and closes the store. */
  async run(stop: AbortSignal): Promise<void> {
    this.#timers.push(setInterval(() => this.#tick(), TICK_MS));
    this.#lookAtLists();
    this.#timers.push(setInterval(() => this.#lookAtLists(), LISTS_MS));
    if (this.#desk.isShared) {
      this.#timers.push(setInterval(() => this.#early.look(), EPOCHS_MS));
    }
    let delayMs = RETRY_MIN_MS;
    while (!stop.aborted) {
      const startedAt = performance.now();
      try {
        await this.#session(stop);
      } catch (error) {
        this.#notice(errorCode(error), errorText(error));
      }
      delayMs = performance.now() - startedAt > STEADY_MS ? RETRY_MIN_MS : delayMs;
      await pause(delayMs * (0.5 + Math.random() / 2), stop);
      delayMs = Math.min(2 * delayMs, RETRY_MAX_MS);
    }
    await this.#close();
  }

  counters(): HubCounters {
    return this.#counters.snapshot({
      ready: this.#ready,
      records: this.#desk.records,
      parked: this.#early.count,
      totals: this.#desk.totals(),
    });
  }

  /**
   * Takes new revocation lists at once and a new certificate for the next connection. The keys that open and sign stay what
   * they were.
   */
  renew(identity: HubIdentity): void {
    if (identity.gatewaysCrl !== this.#identity.gatewaysCrl) {
      this.#desk.renew(identity.gatewaysCrl);
    }
    this.#identity = identity;
  }

  /** One connection, from connect to loss. */
  async #session(stop: AbortSignal): Promise<void> {
    const identity = this.#identity;
    const connection = openMqtt({
      ...this.#options.broker,
      clientId: identity.id,
      ca: identity.serversRoot,
      cert: identity.certificate,
      key: identity.key,
      crl: identity.serversCrl,
      keepaliveS: KEEPALIVE_S,
      protocolVersion: this.#protocolVersion,
    });
    const closed = new Promise<WardError | null>((resolve) => connection.onClose(resolve));
    connection.onMessage((topic, payload) => this.#receive({ topic, payload }));
    const cut = (): void => connection.destroy();
    stop.addEventListener("abort", cut, { once: true });
    try {
      await connection.connect();
    } finally {
      stop.removeEventListener("abort", cut);
    }
    this.#connection = connection;
    this.#protocolVersion = connection.protocolVersion;
    try {
      const up = this.#desk.isShared ? SHARED_UP_FILTER : UP_FILTER;
      await connection.subscribe([up, JOURNAL_FILTER]);
      this.#ready = true;
      this.#options.onReady?.();
      const lost = await Promise.race([closed, aborted(stop)]);
      if (lost !== null && !stop.aborted) {
        throw lost;
      }
    } finally {
      await this.#leave(connection, stop.aborted);
    }
  }

  /** Ends a connection; when we stop, what is in the inbox is committed and answered first. */
  async #leave(connection: MqttConnection, inOrder: boolean): Promise<void> {
    this.#ready = false;
    if (inOrder) {
      await this.#draining;
      while (this.#inbox.count > 0 && (await this.#drain())) {
        // Drained step by step.
      }
      await Promise.race([this.#post.flush(), sleep(LAST_RECEIPTS_MS)]);
    }
    this.#connection = null;
    await connection.close();
  }

  async #close(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#drainTimer ?? undefined);
    this.#timers.forEach((timer) => clearInterval(timer));
    this.#post.stop();
    await this.#draining;
    await this.#ticking;
    await this.#journals.settled();
    await this.#desk.close();
  }

  #tick(): void {
    this.#ticking ??= this.#desk.tick().finally(() => {
      this.#ticking = null;
    });
  }

  #receive(message: Message): void {
    const journal = journalGateway(message.topic);
    if (journal !== null) {
      this.#journals.take(journal, message.payload);
      return;
    }
    if (!this.#inbox.add(message)) {
      this.#counters.dropped += 1;
      return;
    }
    if (this.#inbox.isFilling) {
      this.#connection?.pause();
    }
    this.#schedule(GATHER_MS);
  }

  #schedule(delayMs: number): void {
    if (this.#draining !== null || this.#stopped) {
      return;
    }
    this.#drainTimer ??= setTimeout(() => {
      this.#drainTimer = null;
      this.#draining = this.#drain();
      void this.#draining.then((isWell) => {
        this.#draining = null;
        if (this.#inbox.count > 0) {
          this.#schedule(isWell ? 0 : STORE_RETRY_MS);
        }
      });
    }, delayMs);
  }

  /** Commits the next messages; false when the store does not take them. */
  async #drain(): Promise<boolean> {
    const messages = this.#inbox.next(DRAIN_MESSAGES);
    try {
      const outcomes = await this.#desk.commit(messages);
      this.#inbox.remove(messages, outcomes.length);
      this.#troubleSince = null;
      const at = this.#now();
      for (const outcome of outcomes) {
        this.#settle(outcome, at);
      }
    } catch (error) {
      this.#notice(errorCode(error), errorText(error));
      this.#giveUpWhenLong();
      return false;
    } finally {
      if (!this.#inbox.isFilling) {
        this.#connection?.resume();
      }
    }
    return true;
  }

  /** A full inbox holds the connection back, and a connection held back for long is lost: it all comes again. */
  #giveUpWhenLong(): void {
    this.#troubleSince ??= performance.now();
    if (performance.now() - this.#troubleSince > TROUBLE_MAX_MS) {
      this.#inbox.clear();
      this.#troubleSince = null;
    }
  }

  #settle(outcome: Outcome, at: number): void {
    switch (outcome.kind) {
      case "committed":
        this.#counters.committed(outcome, at);
        this.#post.book.committed(outcome.place);
        if (!outcome.fits) {
          const { gateway, class: name, sequence } = outcome.place;
          this.#notice(
            "WARD_HUB_CHAIN",
            `The ${name} records of ${gateway} do not follow each other at ${sequence}: was its store set back?`,
          );
        }
        break;
      case "again":
        this.#counters.again += 1;
        this.#post.book.committed(outcome.place);
        break;
      case "rejected":
        this.#counters.rejected += 1;
        this.#post.book.rejected(outcome.place, outcome.reason);
        this.#notice(
          "WARD_HUB_REJECTED",
          `Rejected ${outcome.place.class} record ${outcome.place.sequence} of ${outcome.place.gateway}: ${outcome.reason}.`,
        );
        break;
      case "refused":
        this.#counters.refused += 1;
        this.#notice(
          "WARD_HUB_REFUSED",
          `Refused a message: ${REFUSED_BECAUSE[outcome.reason] ?? outcome.reason}.`,
        );
        break;
      case "early":
        this.#counters.dropped += this.#early.add(outcome) ? 0 : 1;
        break;
      case "epoch":
        this.#early.release(outcome);
        break;
    }
    this.#post.schedule(outcome.kind === "committed" ? outcome.backlog : outcome.kind === "again");
  }

  async #publish(topic: string, payload: Uint8Array): Promise<void> {
    await this.#connection?.publish(topic, payload);
  }

  #lookAtLists(): void {
    for (const text of listEnds(this.#identity, Date.now())) {
      this.#notice("WARD_CRL", text);
    }
  }

  #notice(code: string, text: string): void {
    this.#options.onNotice?.(code, text);
  }
}

const KEEPALIVE_S = 15;
/** How often it is looked whether a revocation list comes near its end. */
const LISTS_MS = 86_400_000;
const RETRY_MIN_MS = 250;
const RETRY_MAX_MS = 15_000;
/** A connection that lasted this long resets the delay. */
const STEADY_MS = 10_000;
const TICK_MS = 1000;
/** How long a first message waits for others to share its commit. */
const GATHER_MS = 3;
/** Messages looked at for one commit. */
const DRAIN_MESSAGES = 64;
const STORE_RETRY_MS = 1000;
/** How often a shared store is asked for epochs that messages wait for. */
const EPOCHS_MS = 250;
const TROUBLE_MAX_MS = 5000;
/** How long stopping waits for the last receipts to go out. */
const LAST_RECEIPTS_MS = 1000;

/** What an operator reads instead of the word in quarantine. */
const REFUSED_BECAUSE: Readonly<Record<string, string>> = {
  topic: "its topic is none of ours",
  malformed: "it is no sealed record",
  "foreign-gateway": "it is of another gateway than its topic says",
  signature: "its signature is wrong",
  untrusted: "its key binding is not trusted; check the gateways root, revocations and clocks",
  recipient: "its epoch is not sealed to our key; check the recipients in the gateway's settings",
  "epoch-key": "its epoch does not open with our key; check recipient.key.pem",
  "epoch-conflict": "its epoch contradicts one we have",
};

async function pause(ms: number, stop: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal: stop }).catch(() => undefined);
}

function aborted(stop: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (stop.aborted) {
      resolve(null);
    }
    stop.addEventListener("abort", () => resolve(null), { once: true });
  });
}

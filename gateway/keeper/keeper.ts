import { createPublicKey, type KeyObject } from "node:crypto";
import type { Socket } from "node:net";
import { join } from "node:path";

import { asWardError, errorText, WardError } from "../errors.ts";
import { Forwarder } from "../uplink/forward.ts";
import { brokerConnection } from "./broker-connection.ts";
import { KeeperCounts, totalOf } from "./counts.ts";
import { CurrentIdentity } from "./current-identity.ts";
import { endsOf } from "./ends.ts";
import { IdentityDesk } from "./identity-desk.ts";
import { KeeperLink } from "./link.ts";
import type { KeeperConfig } from "./messages.ts";
import { KeeperNotices } from "./notices.ts";
import type { MqttWill, ProtocolVersion } from "../mqtt/mqtt-options.ts";
import { SealedCodec } from "./record-codec.ts";
import { OutboxDesk } from "./outbox-desk.ts";
import type { KeeperParts } from "./parts.ts";
import { answerMain } from "./questions.ts";
import { Outbox } from "../outbox/outbox.ts";
import type { OutboxEvents } from "../outbox/outbox-options.ts";
import { JournalDesk } from "./journal-desk.ts";
import { localKeyFile } from "./local-key.ts";
import { outboxEvents } from "./outbox-events.ts";
import type { ClassBacklog, OutboxStatus, RoomToMain } from "../rooms.ts";
import { readNeedEpoch, readReceipt } from "../uplink/uplink-messages.ts";
import { signState } from "../uplink/state-record.ts";
import type { LinkFacts } from "../uplink/link-facts.ts";
import { Uplink } from "../uplink/uplink.ts";
import type { UplinkConnection } from "../uplink/watched-connection.ts";
import { Vault } from "./vault.ts";
import { WardWatch } from "./ward-watch.ts";

/** How the keeper talks to the world beside its data directory. */
export interface KeeperOptions {
  readonly config: KeeperConfig;
  readonly send: (message: RoomToMain) => void;
  /** Only a new start can help: the process should end. */
  readonly fatal: (error: WardError) => void;
  /** Gateway time, epoch milliseconds. */
  readonly now: () => number;
  /** Makes connections to the broker; only tests give one. */
  readonly open?: (will: MqttWill, version: ProtocolVersion | undefined) => UplinkConnection;
  /** Waits between tries to connect; only tests give them (milliseconds). */
  readonly backoffMs?: readonly [shortest: number, longest: number];
}

/**
 * The keeper room: owns what must survive. It takes sealed batches from the flow host, stores them, forwards them, and
 * forgets what the hub has receipted. It sees no reading.
 */
export class Keeper {
  readonly #options: KeeperOptions;
  readonly #parts: KeeperParts;
  readonly #receiptKey: KeyObject;
  readonly #forwarder: Forwarder;
  readonly #uplink: Uplink;
  readonly #identity: IdentityDesk;
  readonly #desk: OutboxDesk;
  #link: KeeperLink | null = null;
  #backlog: Record<string, ClassBacklog>;
  #timer: NodeJS.Timeout | null = null;
  #ticks = 0;
  #isTicking = false;
  #receiptsUnderWay = 0;
  /** Why there is no connection to the broker, or null. */
  #brokerError: WardError | null = null;

  private constructor(
    options: KeeperOptions,
    parts: KeeperParts,
    backlog: Record<string, ClassBacklog>,
  ) {
    const { settings, tuning } = options.config;
    this.#options = options;
    this.#parts = parts;
    this.#backlog = backlog;
    this.#receiptKey = createPublicKey({
      key: Buffer.from(settings.receiptKey, "base64"),
      format: "der",
      type: "spki",
    });
    this.#uplink = new Uplink({
      gateway: settings.gateway,
      open: options.open ?? ((will, version) => this.#openBroker(will, version)),
      state: (online) => this.#state(online),
      pubackMs: tuning.pubackMs,
      ...(tuning.connectionMaxS === 0 ? {} : { connectionMaxMs: tuning.connectionMaxS * 1000 }),
      ...(options.backoffMs === undefined ? {} : { backoffMs: options.backoffMs }),
      events: {
        up: (link) => this.#up(link),
        down: (error) => this.#down(error),
        notReplaced: (error) => {
          this.#identity.failed(error);
          this.#parts.notices.forwarding(error);
        },
        receipt: (payload) => void this.#receipt(payload),
        needEpoch: (payload) => void this.#needEpoch(payload),
        journalAsked: (payload) => this.#parts.journal.asked(payload),
        bundleAnnounced: () => this.#parts.counts.bundleAnnounced(),
      },
    });
    this.#forwarder = new Forwarder({
      gateway: settings.gateway,
      source: parts.outbox,
      publish: (topic, payload) => this.#uplink.publish(topic, payload),
      windowSize: tuning.publishWindow,
      windowBytes: tuning.publishBytes,
      deleteOn: settings.deleteOn ?? "hub",
      forwarded: (name, items) => parts.counts.forwarded(name, items),
      trouble: (error) => parts.notices.forwarding(error),
    });
    this.#desk = new OutboxDesk({
      outbox: parts.outbox,
      gateway: settings.gateway,
      receiptKey: this.#receiptKey,
      report: () => this.#report(),
    });
    this.#identity = new IdentityDesk({
      dataDirectory: options.config.dataDirectory,
      identity: parts.identity,
      notices: parts.notices,
      receiptKey: this.#receiptKey,
      now: options.now,
      replace: () => this.#uplink.replace(),
      journal: parts.journal.book,
    });
  }

  /**
   * Loads the identity, opens the outbox and starts connecting. Throws WardError `WARD_IDENTITY`, `WARD_SITE` (settings
   * for another gateway), `WARD_VAULT_KEY`, `WARD_OUTBOX_OPEN`.
   */
  static async open(options: KeeperOptions): Promise<Keeper> {
    const { config, now } = options;
    const identity = new CurrentIdentity(config.dataDirectory);
    const { gateway, recipients } = config.settings;
    if (identity.gateway !== gateway) {
      throw new WardError(
        "WARD_SITE",
        `Cannot start: the settings are for gateway ${gateway}, the identity is ${identity.gateway}'s. Install the right site.cose.`,
      );
    }
    const notices = new KeeperNotices((notice) => options.send({ t: "notice", notice }), now);
    const counts = new KeeperCounts();
    const codec = new SealedCodec({ identity, recipients, now });
    const later: { keeper: Keeper | null } = { keeper: null };
    const journal = new JournalDesk({
      config,
      identity,
      now,
      publish: async (...what) => (await later.keeper?.publish(...what)) ?? 0,
      trouble: (error) => notices.forwarding(error),
    });
    const outbox = await Outbox.open({
      directory: join(config.dataDirectory, "store"),
      codec,
      bytesMax: config.tuning.outboxBytes,
      classes: config.tuning.classes,
      reserveBytes: config.tuning.diskReserveBytes,
      ballastBytes: config.tuning.ballastBytes,
      commitMs: config.tuning.commitMs,
      commitBytes: config.tuning.commitBytes,
      now,
      events: outboxEvents({
        notices,
        counts,
        codec,
        journal: journal.book,
        forward: () => later.keeper?.committed ?? null,
        fatal: options.fatal,
      }),
    });
    const vault = Vault.open({
      keyFile: localKeyFile(config.dataDirectory),
      gateway,
      documents: outbox,
      damaged: (name) => notices.document(name),
    });
    const watch = await WardWatch.open({ config, vault, notices, book: journal.book, now });
    const parts = { identity, notices, counts, outbox, vault, journal, watch };
    later.keeper = new Keeper(options, parts, await outbox.backlog());
    later.keeper.#start();
    return later.keeper;
  }

  /** The id of the store that new records go to, as hex. */
  get storeId(): string {
    return this.#parts.outbox.storeId;
  }

  /** How long the outbox took to open (milliseconds). */
  get openMs(): number {
    return this.#parts.outbox.openMs;
  }

  /** Where reports of bedside go. */
  get watch(): WardWatch {
    return this.#parts.watch;
  }

  /** Takes the flow host's socket; a link before it ends. */
  link(socket: Socket): void {
    this.#link?.close();
    const { outbox, vault, notices, journal } = this.#parts;
    const { settings } = this.#options.config;
    const damaged = (name: string): void => notices.document(name);
    const parts = { outbox, vault, settings, damaged, journal: journal.book };
    const link: KeeperLink = new KeeperLink(socket, parts, (reason) => {
      if (this.#link === link) {
        this.#link = null;
      }
      if (reason !== null) {
        this.#parts.notices.forwarding(reason);
      }
    });
    this.#link = link;
    link.status(this.#status());
  }

  /** Keeps bedside's checkpoint; says so when it is on disk. */
  async keepCheckpoint(n: number, text: string, isUrgent: boolean): Promise<void> {
    await this.#parts.vault.write("checkpoint", text, isUrgent ? "now" : "lazy");
    this.#options.send({ t: "checkpoint-kept", n });
  }

  /** What main may ask; see questions.ts. */
  async ask(what: string): Promise<unknown> {
    const { vault, journal } = this.#parts;
    const flows = async (): Promise<string | null> => (await this.#link?.flows()) ?? null;
    return answerMain(what, { vault, book: journal.book, flows, outbox: this.#desk });
  }

  /** Finishes the commit under way, says goodbye to the broker (2 seconds at most), and closes the store. */
  async close(): Promise<void> {
    clearInterval(this.#timer ?? undefined);
    this.#identity.stop();
    this.#desk.close();
    this.#link?.close();
    this.#forwarder.linkDown(false);
    await this.#parts.watch.close();
    await this.#parts.journal.close();
    await Promise.all([this.#uplink.close(), this.#parts.outbox.close()]);
  }

  #start(): void {
    this.#parts.journal.begun();
    if (this.#parts.outbox.renewed) {
      this.#parts.notices.renewed();
      const what = { store: this.storeId };
      this.#parts.journal.book.note({
        kind: "outbox-repaired",
        who: "gateway",
        outcome: "done",
        what,
      });
    }
    this.#parts.outbox.tend();
    this.#timer = setInterval(() => void this.#tick(), TICK_MS);
    this.#identity.start();
    this.#uplink.start();
  }

  /** Hands on what was committed. */
  readonly committed: OutboxEvents["committed"] = (records, epochs) => {
    this.#forwarder.committed(records, epochs);
  };

  /** See `Uplink.publish`. */
  async publish(topic: string, payload: Uint8Array, retain: boolean): Promise<number> {
    return this.#uplink.publish(topic, payload, retain);
  }

  #up(link: LinkFacts): void {
    this.#brokerError = null;
    this.#identity.connected();
    this.#parts.journal.certificate(this.#parts.identity.certificate);
    this.#parts.notices.up();
    this.#parts.journal.up();
    this.#link?.status(this.#status());
    this.#forwarder.linkUp(link).catch((error: unknown) => {
      this.#parts.notices.forwarding(asWardError(error));
    });
  }

  #down(error: WardError | null): void {
    this.#brokerError = error;
    if (error !== null) {
      this.#identity.failed(error);
    }
    this.#forwarder.linkDown(error !== null);
    this.#parts.notices.down(error);
    this.#link?.status(this.#status());
  }

  async #receipt(payload: Uint8Array): Promise<void> {
    if (this.#receiptsUnderWay >= RECEIPTS_MAX) {
      // What it names is sent again, and receipted again.
      return;
    }
    this.#receiptsUnderWay += 1;
    try {
      const { gateway } = this.#options.config.settings;
      const news = readReceipt(payload, this.#receiptKey, gateway);
      this.#identity.heard(payload);
      this.#forwarder.receiptCame();
      await this.#parts.outbox.receipt(await this.#parts.journal.mayBeDone(news));
      this.#forwarder.receiptDone();
    } catch (error) {
      this.#parts.notices.forwarding(asWardError(error));
    } finally {
      this.#receiptsUnderWay -= 1;
    }
  }

  async #needEpoch(payload: Uint8Array): Promise<void> {
    try {
      await this.#forwarder.needEpochs(readNeedEpoch(payload));
    } catch (error) {
      this.#parts.notices.forwarding(asWardError(error));
    }
  }

  async #tick(): Promise<void> {
    if (this.#isTicking) {
      return;
    }
    this.#isTicking = true;
    try {
      this.#ticks += 1;
      this.#identity.tick();
      this.#parts.outbox.tend();
      this.#parts.notices.storage(this.#parts.outbox.room);
      this.#backlog = await this.#parts.outbox.backlog();
      this.#link?.status(this.#status());
      const { connected } = this.#uplink;
      const { counts } = this.#parts;
      const { bundlesAnnounced } = counts;
      const facts = { connected, store: this.storeId, bundlesAnnounced };
      const classes = counts.with(this.#backlog);
      this.#options.send({ t: "stats", stats: { ...facts, classes, ...endsOf(this.#parts) } });
      if (this.#ticks % STATE_TICKS === 0 || this.#link?.hasNewFlow()) {
        await this.#uplink.publishState();
      }
    } catch (error) {
      this.#parts.notices.forwarding(asWardError(error));
    } finally {
      this.#isTicking = false;
    }
  }

  #status(): OutboxStatus {
    return { connected: this.#uplink.connected, classes: this.#backlog };
  }

  async #report(): Promise<object> {
    const { settings, tuning } = this.#options.config;
    this.#backlog = await this.#parts.outbox.backlog();
    return {
      gateway: settings.gateway,
      store: this.storeId,
      broker: settings.broker.url,
      connected: this.#uplink.connected,
      brokerError: this.#brokerError === null ? null : errorText(this.#brokerError),
      ...totalOf(this.#backlog),
      room: this.#parts.outbox.room,
      policies: tuning.classes,
      classes: this.#parts.counts.report(this.#backlog),
    };
  }

  /** The identity is read again for every connection, so that a renewed certificate is used at once. */
  #openBroker(will: MqttWill, version: ProtocolVersion | undefined): UplinkConnection {
    const identity = this.#identity.choose(this.#uplink.connected);
    return brokerConnection(this.#options.config, identity, { will, version });
  }

  #state(online: boolean): Uint8Array {
    const { identity, outbox } = this.#parts;
    const state = {
      version: 1,
      gateway: identity.gateway,
      online,
      at: this.#options.now(),
      store: outbox.storeId,
      ...totalOf(this.#backlog),
      flowHash: this.#link?.flowHash ?? null,
      certificateEnd: identity.certificate.validToDate.getTime(),
    } as const;
    return signState(state, identity.signingKey);
  }
}

const TICK_MS = 1000;
/** The retained state is renewed every so many ticks, and when another flow runs. */
const STATE_TICKS = 60;
/** Receipts that may wait for the store. */
const RECEIPTS_MAX = 64;

import { errorText, WardError } from "../errors.ts";
import type { LinkFacts } from "./link-facts.ts";
import { WatchedConnection, type UplinkConnection } from "./watched-connection.ts";
import type { MqttWill, ProtocolVersion } from "../mqtt/mqtt-options.ts";

export interface UplinkOptions {
  readonly gateway: string;
  /** A connection that is not made yet, with the identity of this moment; may throw a WardError. */
  readonly open: (will: MqttWill, version: ProtocolVersion | undefined) => UplinkConnection;
  /** The retained state message of this moment. */
  readonly state: (online: boolean) => Uint8Array;
  /** Without an acknowledgement for this long the connection is cut (milliseconds); see AckDeadline. */
  readonly pubackMs: number;
  /** A connection older than this is replaced (milliseconds; default: never). */
  readonly connectionMaxMs?: number;
  /** Shortest and longest wait before the next try (milliseconds; default 1000 and 30 000). */
  readonly backoffMs?: readonly [shortest: number, longest: number];
  readonly events: UplinkEvents;
}

export interface UplinkEvents {
  /** A connection is there; also when it took the place of one that was good. */
  up(link: LinkFacts): void;
  /** Also called when a try to connect failed; null after our own `close()`. */
  down(error: WardError | null): void;
  /** A new connection could not be made while the old one is still good: it stays, and there will be another try. */
  notReplaced(error: WardError): void;
  receipt(payload: Uint8Array): void;
  needEpoch(payload: Uint8Array): void;
  /** The hub asks for a proof of the journal. */
  journalAsked(payload: Uint8Array): void;
  /** Somebody says that there is a new bundle. It is a hint and no more: what it says is not looked at. */
  bundleAnnounced(): void;
}

/**
 * Keeps one connection to the broker alive: connects, subscribes, says that the gateway is online, and starts anew with a
 * growing, jittered wait when it is lost. It holds no data: what is published while there is no connection fails at once.
 */
export class Uplink {
  readonly #options: UplinkOptions;
  readonly #stop: AbortController = new AbortController();
  #connection: WatchedConnection | null = null;
  #version: ProtocolVersion | undefined;
  #failures = 0;
  /** Resolves when the connection should be replaced. */
  #replacement: PromiseWithResolvers<typeof REPLACE> = Promise.withResolvers();
  #replaceTimer: NodeJS.Timeout | null = null;
  #finished: Promise<void> = Promise.resolve();

  constructor(options: UplinkOptions) {
    this.#options = options;
  }

  /** Starts connecting, and goes on until `close()`. */
  start(): void {
    this.#finished = this.#run();
  }

  get connected(): boolean {
    return this.#connection !== null;
  }

  /**
   * Replaces the connection by a new one with the identity of now: the old one is given up only when the new one is good.
   * What was under way on it counts as not sent.
   */
  replace(): void {
    this.#replacement.resolve(REPLACE);
  }

  /**
   * Publishes with QoS 1; resolves with the PUBACK's reason code. Rejects with `WARD_BROKER_LOST` while there is no
   * connection or when it ends first, and as `MqttConnection.publish` does.
   */
  async publish(topic: string, payload: Uint8Array, retain = false): Promise<number> {
    return this.#connected().publish(topic, payload, retain);
  }

  /** Renews the retained state message, when there is a connection. */
  async publishState(): Promise<void> {
    const { gateway, state } = this.#options;
    await this.#connection?.publish(stateTopic(gateway), state(true), true);
  }

  /** Says goodbye and ends, within 2 seconds. */
  async close(): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#replaceTimer ?? undefined);
    const connection = this.#connection;
    await Promise.race([this.#goodbye(connection), wait(CLOSE_MS)]);
    connection?.destroy();
  }

  async #goodbye(connection: WatchedConnection | null): Promise<void> {
    if (connection !== null) {
      const { gateway, state } = this.#options;
      const said = connection.publish(stateTopic(gateway), state(false), true);
      await said.catch(() => undefined);
      await connection.goodbye();
    }
    await this.#finished;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const startedAt = performance.now();
      const error = await this.#live().catch(asWardError);
      this.#connection = null;
      clearTimeout(this.#replaceTimer ?? undefined);
      this.#failures = performance.now() - startedAt > STABLE_MS ? 1 : this.#failures + 1;
      this.#options.events.down(this.#stop.signal.aborted ? null : error);
      await wait(this.#backoffMs(), this.#stop.signal);
    }
  }

  /** From the first connection to the end of the last that replaced it; rejects when the first cannot be made. */
  async #live(): Promise<WardError | null> {
    let current = await this.#make();
    try {
      while (!this.#stop.signal.aborted) {
        this.#use(current);
        const end = await Promise.race([current.closed, this.#replacement.promise]);
        if (end !== REPLACE) {
          return end;
        }
        current = await this.#successorOf(current);
      }
      return null;
    } finally {
      current.destroy();
    }
  }

  #use(connection: WatchedConnection): void {
    if (connection === this.#connection) {
      return;
    }
    const { connectionMaxMs, events } = this.#options;
    this.#connection = connection;
    this.#replacement = Promise.withResolvers();
    clearTimeout(this.#replaceTimer ?? undefined);
    if (connectionMaxMs !== undefined) {
      // Gateways that were started together should not come back together.
      this.#replaceAfter(connectionMaxMs * (1 - Math.random() / 10));
    }
    events.up(connection.facts);
  }

  /** The connection that takes over, or the old one when none can be made. */
  async #successorOf(current: WatchedConnection): Promise<WatchedConnection> {
    try {
      const next = await this.#make();
      this.#failures = 0;
      current.destroy("it was replaced by a newer one");
      return next;
    } catch (error) {
      this.#failures += 1;
      this.#replacement = Promise.withResolvers();
      this.#replaceAfter(this.#backoffMs());
      if (!this.#stop.signal.aborted) {
        this.#options.events.notReplaced(asWardError(error));
      }
      return current;
    }
  }

  #replaceAfter(ms: number): void {
    clearTimeout(this.#replaceTimer ?? undefined);
    this.#replaceTimer = setTimeout(() => this.replace(), Math.min(ms, TIMER_MS_MAX));
  }

  /** Connects, subscribes and says that we are online. The broker ends an older connection of ours by itself. */
  async #make(): Promise<WatchedConnection> {
    const { gateway, open, state, pubackMs } = this.#options;
    const will = { topic: stateTopic(gateway), payload: state(false), retain: true };
    const connection = open(will, this.#version);
    const cut = (): void => connection.destroy();
    this.#stop.signal.addEventListener("abort", cut, { once: true });
    try {
      await connection.connect();
      this.#version = connection.protocolVersion;
      const watched = new WatchedConnection(connection, pubackMs);
      connection.onMessage((topic, payload) => this.#received(topic, payload));
      const filters = DOWN_BRANCHES.map((branch) => downTopic(gateway, branch));
      const online = watched.publish(stateTopic(gateway), state(true), true);
      await Promise.all([watched.subscribe(filters), online]);
      return watched;
    } catch (error) {
      connection.destroy();
      throw error;
    } finally {
      this.#stop.signal.removeEventListener("abort", cut);
    }
  }

  #received(topic: string, payload: Uint8Array): void {
    const { gateway, events } = this.#options;
    if (topic === downTopic(gateway, "receipt")) {
      events.receipt(payload);
    } else if (topic === downTopic(gateway, "need-epoch")) {
      events.needEpoch(payload);
    } else if (topic === downTopic(gateway, "journal")) {
      events.journalAsked(payload);
    } else if (topic === downTopic(gateway, "bundle")) {
      events.bundleAnnounced();
    }
  }

  #connected(): WatchedConnection {
    if (this.#connection === null) {
      throw new WardError(
        "WARD_BROKER_LOST",
        "Cannot publish: there is no connection to the broker.",
      );
    }
    return this.#connection;
  }

  #backoffMs(): number {
    const [shortest, longest] = this.#options.backoffMs ?? [1000, 30_000];
    const whole = Math.min(longest, shortest * 2 ** Math.min(this.#failures - 1, 16));
    return Math.max(shortest, whole * (0.5 + Math.random() / 2));
  }
}

const REPLACE = Symbol("replace");
const CLOSE_MS = 2000;
/** A connection that lasted this long was a good one: the next wait is a short one again. */
const STABLE_MS = 10_000;
/** What a timer of Node.js can wait. */
const TIMER_MS_MAX = 2 ** 31 - 1;

function asWardError(error: unknown): WardError {
  return error instanceof WardError ? error : new WardError("WARD_BROKER_LOST", errorText(error));
}

function stateTopic(gateway: string): string {
  return `ward/v1/${gateway}/state`;
}

const DOWN_BRANCHES = ["receipt", "need-epoch", "journal", "bundle"] as const;

function downTopic(gateway: string, branch: (typeof DOWN_BRANCHES)[number]): string {
  return `ward/v1/${gateway}/down/${branch}`;
}

/** Resolves after some milliseconds, or at once when stopped. */
function wait(ms: number, stop?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (stop?.aborted === true) {
      resolve();
      return;
    }
    const timer = setTimeout(resolve, ms);
    stop?.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}

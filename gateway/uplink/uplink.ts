import { errorText, WardError } from "../errors.ts";
import type { MqttWill, ProtocolVersion } from "../mqtt/mqtt-options.ts";
import type { MqttConnection } from "../mqtt/mqtt.ts";

/** One connection to the broker as the uplink uses it. */
export type UplinkConnection = Pick<
  MqttConnection,
  | "connect"
  | "publish"
  | "subscribe"
  | "onMessage"
  | "onClose"
  | "close"
  | "destroy"
  | "protocolVersion"
>;

export interface UplinkOptions {
  readonly gateway: string;
  /** A connection that is not made yet, with the identity of this moment; may throw a WardError. */
  readonly open: (will: MqttWill, version: ProtocolVersion | undefined) => UplinkConnection;
  /** The retained state message of this moment. */
  readonly state: (online: boolean) => Uint8Array;
  /** Without a PUBACK for this long the connection is cut (milliseconds). */
  readonly pubackMs: number;
  /** Shortest and longest wait before the next try (milliseconds; default 1000 and 30 000). */
  readonly backoffMs?: readonly [shortest: number, longest: number];
  readonly events: UplinkEvents;
}

export interface UplinkEvents {
  up(): void;
  /** Also called when a try to connect failed; null after our own `close()`. */
  down(error: WardError | null): void;
  receipt(payload: Uint8Array): void;
  needEpoch(payload: Uint8Array): void;
}

/**
 * Keeps one connection to the broker alive: connects, subscribes, says that the gateway is online, and starts anew with a
 * growing, jittered wait when it is lost. It holds no data: what is published while there is no connection fails at once.
 */
export class Uplink {
  readonly #options: UplinkOptions;
  readonly #stop: AbortController = new AbortController();
  #connection: UplinkConnection | null = null;
  #version: ProtocolVersion | undefined;
  #failures = 0;
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
   * Publishes with QoS 1; resolves with the PUBACK's reason code. Rejects with `WARD_BROKER_LOST` while there is no
   * connection or when it ends first, and as `MqttConnection.publish` does.
   */
  async publish(topic: string, payload: Uint8Array): Promise<number> {
    return this.#publishOn(this.#connected(), topic, payload, false);
  }

  /** Renews the retained state message, when there is a connection. */
  async publishState(): Promise<void> {
    const { gateway, state } = this.#options;
    if (this.#connection !== null) {
      await this.#publishOn(this.#connection, stateTopic(gateway), state(true), true);
    }
  }

  /** Says goodbye and ends, within 2 seconds. */
  async close(): Promise<void> {
    this.#stop.abort();
    const connection = this.#connection;
    await Promise.race([this.#goodbye(connection), wait(CLOSE_MS)]);
    connection?.destroy();
  }

  async #goodbye(connection: UplinkConnection | null): Promise<void> {
    if (connection !== null) {
      const { gateway, state } = this.#options;
      const said = connection.publish(stateTopic(gateway), state(false), { retain: true });
      await said.catch(() => undefined);
      await connection.close();
    }
    await this.#finished;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const startedAt = performance.now();
      const error = await this.#live().catch((thrown: unknown) =>
        thrown instanceof WardError ? thrown : new WardError("WARD_BROKER_LOST", errorText(thrown)),
      );
      this.#connection = null;
      this.#failures = performance.now() - startedAt > STABLE_MS ? 1 : this.#failures + 1;
      this.#options.events.down(this.#stop.signal.aborted ? null : error);
      await wait(this.#backoffMs(), this.#stop.signal);
    }
  }

  /** One connection from beginning to end; resolves with why it ended, rejects when it could not be made. */
  async #live(): Promise<WardError | null> {
    const { gateway, open, state, events } = this.#options;
    const will = { topic: stateTopic(gateway), payload: state(false), retain: true };
    const connection = open(will, this.#version);
    const closed = Promise.withResolvers<WardError | null>();
    const cut = (): void => connection.destroy();
    this.#stop.signal.addEventListener("abort", cut, { once: true });
    try {
      await connection.connect();
      this.#version = connection.protocolVersion;
    } finally {
      this.#stop.signal.removeEventListener("abort", cut);
    }
    connection.onClose((error) => closed.resolve(error));
    connection.onMessage((topic, payload) => this.#received(topic, payload));
    try {
      await this.#begin(connection);
      if (this.#stop.signal.aborted) {
        return null;
      }
      this.#connection = connection;
      events.up();
      return await closed.promise;
    } finally {
      connection.destroy();
    }
  }

  async #begin(connection: UplinkConnection): Promise<void> {
    const { gateway, pubackMs, state } = this.#options;
    const late = setTimeout(() => connection.destroy(), pubackMs);
    try {
      await connection.subscribe([downTopic(gateway, "receipt"), downTopic(gateway, "need-epoch")]);
    } finally {
      clearTimeout(late);
    }
    await this.#publishOn(connection, stateTopic(gateway), state(true), true);
  }

  #received(topic: string, payload: Uint8Array): void {
    const { gateway, events } = this.#options;
    if (topic === downTopic(gateway, "receipt")) {
      events.receipt(payload);
    } else if (topic === downTopic(gateway, "need-epoch")) {
      events.needEpoch(payload);
    }
  }

  async #publishOn(
    connection: UplinkConnection,
    topic: string,
    payload: Uint8Array,
    retain: boolean,
  ): Promise<number> {
    const late = setTimeout(() => connection.destroy(), this.#options.pubackMs);
    try {
      return await connection.publish(topic, payload, { retain });
    } finally {
      clearTimeout(late);
    }
  }

  #connected(): UplinkConnection {
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

const CLOSE_MS = 2000;
/** A connection that lasted this long was a good one: the next wait is a short one again. */
const STABLE_MS = 10_000;

function stateTopic(gateway: string): string {
  return `ward/v1/${gateway}/state`;
}

function downTopic(gateway: string, branch: "receipt" | "need-epoch"): string {
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

import type { WardError } from "../errors.ts";
import { AckDeadline } from "./ack-deadline.ts";
import type { LinkFacts } from "./link-facts.ts";
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
  | "inflightMax"
>;

/** An established connection that is cut when the broker does not answer in time. */
export class WatchedConnection {
  readonly #connection: UplinkConnection;
  readonly #pubackMs: number;
  readonly #deadline: AckDeadline;
  readonly #check: NodeJS.Timeout;
  /** Why it ended; null after `goodbye`. */
  readonly closed: Promise<WardError | null>;

  /** `pubackMs`: see AckDeadline. The connection must be open. */
  constructor(connection: UplinkConnection, pubackMs: number) {
    this.#connection = connection;
    this.#pubackMs = pubackMs;
    this.#deadline = new AckDeadline(pubackMs);
    this.#check = setInterval(() => this.#judge(), Math.min(CHECK_MS, pubackMs / 2));
    this.closed = new Promise((resolve) => {
      connection.onClose((error) => {
        clearInterval(this.#check);
        resolve(error);
      });
    });
  }

  get facts(): LinkFacts {
    const { inflightMax, protocolVersion } = this.#connection;
    return { inflightMax, tellsNobody: protocolVersion === 5 };
  }

  /** Subscribes; the connection is cut when there is no answer in time. */
  async subscribe(filters: readonly string[]): Promise<void> {
    const late = setTimeout(() => this.#giveUp(), this.#pubackMs);
    try {
      await this.#connection.subscribe(filters);
    } finally {
      clearTimeout(late);
    }
  }

  /** See `MqttConnection.publish`. */
  async publish(topic: string, payload: Uint8Array, retain: boolean): Promise<number> {
    const id = this.#deadline.sent(performance.now());
    try {
      return await this.#connection.publish(topic, payload, { retain });
    } finally {
      this.#deadline.answered(id, performance.now());
    }
  }

  /** Ends the connection in order. */
  async goodbye(): Promise<void> {
    await this.#connection.close();
  }

  destroy(reason?: string): void {
    clearInterval(this.#check);
    this.#connection.destroy(reason);
  }

  #judge(): void {
    if (this.#deadline.isOver(performance.now())) {
      this.#giveUp();
    }
  }

  #giveUp(): void {
    this.#connection.destroy(`it acknowledged nothing for ${this.#pubackMs} ms`);
  }
}

const CHECK_MS = 1000;

import {
  DataChangeNotification,
  DataType,
  StatusChangeNotification,
  VariantArrayType,
} from "./opcua-library.ts";
import type { ClientSubscription, DataValue, NotificationMessage } from "./opcua-library.ts";
import type { ReadSession } from "./opcua-services.ts";

/** How a subscription is made. */
export interface SubscriptionUse {
  readonly session: Pick<ReadSession, "createSubscription2">;
  readonly publishingMs: number;
  /** The server says at least this often that it lives. */
  readonly keepAliveMs: number;
  /** What one publish response brings; `handles` are those that the items were made with. */
  readonly onValues: (handles: readonly number[], values: readonly DataValue[]) => void;
}

/** One subscription and how alive it is. Beside its items it watches the server's clock, which never rests. */
export class Subscription {
  readonly #subscription: ClientSubscription;
  readonly #keepAliveMs: number;
  readonly #onValues: SubscriptionUse["onValues"];
  /** When anything, and when the clock, last came (performance.now()). */
  #aliveAt = performance.now();
  #beatAt = this.#aliveAt;
  #beats = 0;
  #clockLeadMs: number | null = null;
  #endedBy: string | null = null;

  private constructor(
    subscription: ClientSubscription,
    { keepAliveMs, onValues }: SubscriptionUse,
  ) {
    this.#subscription = subscription;
    this.#keepAliveMs = keepAliveMs;
    this.#onValues = onValues;
    subscription.on("raw_notification", (message) => this.#take(message));
  }

  static async open(use: SubscriptionUse): Promise<Subscription> {
    const { session, publishingMs, keepAliveMs } = use;
    const counts = (ms: number, least: number): number =>
      Math.max(least, Math.round(ms / publishingMs));
    const subscription = await session.createSubscription2({
      requestedPublishingInterval: publishingMs,
      requestedMaxKeepAliveCount: counts(keepAliveMs, 1),
      requestedLifetimeCount: counts(LIFETIME_MS, 10),
      maxNotificationsPerPublish: NOTIFICATIONS_MAX,
      publishingEnabled: true,
      priority: 1,
    });
    return new Subscription(subscription, use);
  }

  get id(): number {
    return this.#subscription.subscriptionId;
  }

  /** How far the server's clock was ahead when it last told it (milliseconds), or null. */
  get clockLeadMs(): number | null {
    return this.#clockLeadMs;
  }

  /** See `OpcuaWatch.trouble`. */
  trouble(now: number): string | null {
    // The server may have revised both to longer ones.
    const { publishingInterval, maxKeepAliveCount } = this.#subscription;
    const quietMs = now - this.#aliveAt;
    const beatMs = MISSED_MAX * Math.max(BEAT_MS, publishingInterval, this.#keepAliveMs);
    const isBeatMissing = this.#beats >= BEATS_MIN && now - this.#beatAt > beatMs;
    if (this.#endedBy !== null) {
      return `the server ended the subscription (${this.#endedBy})`;
    }
    if (isBeatMissing && quietMs <= beatMs) {
      return "the server says that it lives, but its own clock stands still";
    }
    return isBeatMissing || quietMs > MISSED_MAX * publishingInterval * maxKeepAliveCount
      ? "the server publishes nothing"
      : null;
  }

  async close(): Promise<void> {
    await this.#subscription.terminate();
  }

  #take(message: NotificationMessage): void {
    const data = message.notificationData ?? [];
    // The library would now look for opaque structures and tell an emitter of each item, at the cost of decoding it all again.
    message.notificationData = [];
    this.#aliveAt = performance.now();
    for (const notification of data) {
      if (notification instanceof DataChangeNotification) {
        this.#takeValues(notification);
      } else if (notification instanceof StatusChangeNotification) {
        this.#endedBy = notification.status.name;
      }
    }
  }

  #takeValues({ monitoredItems }: DataChangeNotification): void {
    const handles: number[] = [];
    const values: DataValue[] = [];
    for (const { clientHandle, value } of monitoredItems ?? []) {
      if (clientHandle === BEAT_HANDLE) {
        this.#beat(value);
      } else {
        handles.push(clientHandle);
        values.push(value);
      }
    }
    if (handles.length > 0) {
      this.#onValues(handles, values);
    }
  }

  #beat({ value: { dataType, arrayType, value } }: DataValue): void {
    const at: unknown = value;
    if (
      dataType === DataType.DateTime &&
      arrayType === VariantArrayType.Scalar &&
      at instanceof Date
    ) {
      this.#beatAt = this.#aliveAt;
      this.#beats += 1;
      this.#clockLeadMs = at.getTime() - Date.now();
    }
  }
}

/** The clock of the server (Server_ServerStatus_CurrentTime), watched under a handle that no point has. */
export const BEAT_NODE = "i=2258";
export const BEAT_HANDLE = 0;
export const BEAT_MS = 2000;
/** A clock that was told once may be one that is never told again. */
const BEATS_MIN = 3;
const MISSED_MAX = 3;
const LIFETIME_MS = 30_000;
const NOTIFICATIONS_MAX = 1000;

import type { OpcuaChange, OpcuaPoint } from "../devices/device.ts";
import type { OpcuaWatch, PointChange, WatchEvents } from "./opcua-session.ts";
import {
  AttributeIds,
  DataChangeNotification,
  DataType,
  TimestampsToReturn,
  VariantArrayType,
} from "./opcua-library.ts";
import type {
  ClientSession,
  ClientSubscription,
  DataValue,
  NodeId,
  NotificationMessage,
} from "./opcua-library.ts";
import { plainValue } from "./opcua-value.ts";

/** What this line may do with a session: neither Write nor Call is among it. */
export type ReadSession = Pick<
  ClientSession,
  "browse" | "browseNext" | "read" | "readNamespaceArray" | "createSubscription2" | "close"
>;

/** A point whose node is known. */
export interface FoundPoint {
  readonly point: OpcuaPoint;
  readonly nodeId: NodeId;
}

/** One subscription; what one publish response brings stays together. */
export class PointWatch implements OpcuaWatch {
  readonly #session: ReadSession;
  readonly #namespaces: readonly string[];
  readonly #found: readonly FoundPoint[];
  readonly #points = new Map<number, OpcuaPoint>();
  #subscription: ClientSubscription | null = null;

  constructor(session: ReadSession, namespaces: readonly string[], found: readonly FoundPoint[]) {
    this.#session = session;
    this.#namespaces = namespaces;
    this.#found = found;
  }

  get aliveMs(): number {
    const subscription = this.#subscription;
    return subscription === null
      ? KEEP_ALIVE_MS
      : subscription.publishingInterval * subscription.maxKeepAliveCount;
  }

  async open(samplingMs: number, events: WatchEvents): Promise<void> {
    const publishingMs = samplingMs / PUBLISHES_PER_SAMPLE;
    const subscription = await this.#session.createSubscription2({
      requestedPublishingInterval: publishingMs,
      requestedMaxKeepAliveCount: Math.max(1, Math.round(KEEP_ALIVE_MS / publishingMs)),
      requestedLifetimeCount: Math.max(10, Math.round(LIFETIME_MS / publishingMs)),
      maxNotificationsPerPublish: NOTIFICATIONS_MAX,
      publishingEnabled: true,
      priority: 1,
    });
    this.#subscription = subscription;
    let early: NotificationMessage[] | null = [];
    subscription.on("keepalive", () => events.onAlive());
    subscription.on("received_notifications", (message: NotificationMessage) => {
      if (early === null) {
        events.onChanges(this.#changesOf(message));
      } else {
        early.push(message);
      }
    });
    const group = await subscription.monitorItems(
      this.#found.map(({ nodeId }) => ({ nodeId, attributeId: VALUE })),
      { samplingInterval: samplingMs, discardOldest: true, queueSize: QUEUE_SIZE },
      TimestampsToReturn.Both,
    );
    for (const [place, item] of group.monitoredItems.entries()) {
      const point = this.#found[place]?.point;
      if (point !== undefined) {
        this.#points.set(item.monitoringParameters.clientHandle, point);
      }
    }
    const waiting = early;
    early = null;
    for (const message of waiting) {
      events.onChanges(this.#changesOf(message));
    }
  }

  async refresh(): Promise<readonly PointChange[]> {
    const nodes = this.#found.map(({ nodeId }) => ({ nodeId, attributeId: VALUE }));
    const values = await this.#session.read(nodes, 0);
    return values.flatMap((value, place) => {
      const point = this.#found[place]?.point;
      return point === undefined ? [] : [{ point, change: this.#changeOf(value) }];
    });
  }

  async close(): Promise<void> {
    await this.#subscription?.terminate();
  }

  #changesOf(message: NotificationMessage): PointChange[] {
    const changes: PointChange[] = [];
    for (const data of message.notificationData ?? []) {
      const items = data instanceof DataChangeNotification ? data.monitoredItems : [];
      for (const { clientHandle, value } of items ?? []) {
        const point = this.#points.get(clientHandle);
        if (point !== undefined) {
          changes.push({ point, change: this.#changeOf(value) });
        }
      }
    }
    return changes;
  }

  #changeOf({ value: variant, statusCode, sourceTimestamp }: DataValue): OpcuaChange {
    const sourceAt = sourceTimestamp?.getTime() ?? 0;
    const scalar: unknown = variant.arrayType === VariantArrayType.Scalar ? variant.value : null;
    return {
      value: plainValue(scalar, variant.dataType === DataType.Float, this.#namespaces),
      statusCode: statusCode.value >>> 0,
      sourceAt: Number.isSafeInteger(sourceAt) && sourceAt > 0 ? sourceAt : null,
    };
  }
}

const VALUE = AttributeIds.Value;
const KEEP_ALIVE_MS = 4000;
const LIFETIME_MS = 30_000;
/** The server looks this often whether there is something to publish, so that a value waits a quarter of its period at most. */
const PUBLISHES_PER_SAMPLE = 4;
const NOTIFICATIONS_MAX = 1000;
/** Values of one variable that the server keeps between two publish responses. */
const QUEUE_SIZE = 10;

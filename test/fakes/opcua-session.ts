import { EventEmitter } from "node:events";

import {
  DataChangeNotification,
  DataValue,
  StatusCodes,
  Variant,
  VariantArrayType,
} from "node-opcua-client";
import type { DataType, StatusCode } from "node-opcua-client";

import { limitsOf } from "../../gateway/lines/opcua-limits.ts";
import type { ServerLimits } from "../../gateway/lines/opcua-limits.ts";
import type { WatchUse } from "../../gateway/lines/opcua-watch.ts";

/** One monitored item as it was asked for. */
export interface AskedItem {
  readonly node: string;
  readonly handle: number;
  readonly hasFilter: boolean;
}

/** A session without a server, for what a real server cannot be made to do. */
export class FakeSession {
  readonly subscriptions: FakeSubscription[] = [];
  readonly items: AskedItem[] = [];
  /** What becomes of an item. */
  answer: (item: AskedItem) => StatusCode = () => StatusCodes.Good;
  /** What a read gives for each node; settled by the test. */
  read: () => Promise<DataValue[]> = async () => [];

  use(limits: ServerLimits = limitsOf({})): WatchUse {
    const session = {
      read: () => this.read(),
      createSubscription2: async () => {
        const subscription = new FakeSubscription(this.subscriptions.length + 1);
        this.subscriptions.push(subscription);
        return subscription;
      },
      createMonitoredItems: async ({ itemsToCreate }: { itemsToCreate: RawItem[] }) => {
        const asked = itemsToCreate.map(itemIn);
        this.items.push(...asked);
        return { results: asked.map((item) => ({ statusCode: this.answer(item) })) };
      },
    };
    return {
      session: session as unknown as WatchUse["session"],
      namespaces: [],
      limits,
      keepAliveMs: 1000,
    };
  }
}

interface RawItem {
  readonly itemToMonitor: { readonly nodeId: unknown };
  readonly requestedParameters: { readonly clientHandle: number; readonly filter?: unknown };
}

function itemIn({ itemToMonitor, requestedParameters }: RawItem): AskedItem {
  const { clientHandle, filter = null } = requestedParameters;
  return { node: String(itemToMonitor.nodeId), handle: clientHandle, hasFilter: filter !== null };
}

/** What the library gives for a subscription, as far as it is used. */
export class FakeSubscription extends EventEmitter {
  readonly subscriptionId: number;
  readonly publishingInterval = 100;
  readonly maxKeepAliveCount = 10;

  constructor(id: number) {
    super();
    this.subscriptionId = id;
  }

  /** Publishes values by client handle; none are a sign of life only. */
  publish(...values: readonly (readonly [handle: number, value: DataValue])[]): void {
    const monitoredItems = values.map(([clientHandle, value]) => ({ clientHandle, value }));
    const data =
      monitoredItems.length === 0 ? [] : [new DataChangeNotification({ monitoredItems })];
    this.emit("raw_notification", { notificationData: data });
  }

  terminate(): Promise<void> {
    return Promise.resolve();
  }
}

/** A value with its type. */
export function valueOf(
  dataType: DataType,
  value: unknown,
  statusCode: StatusCode = StatusCodes.Good,
): DataValue {
  const arrayType = VariantArrayType.Scalar;
  return new DataValue({ value: new Variant({ dataType, arrayType, value }), statusCode });
}

import type { OpcuaChange, OpcuaDeadband, OpcuaWatching } from "../devices/device.ts";
import { errorText, WardError } from "../errors.ts";
import {
  AttributeIds,
  DataChangeFilter,
  DataChangeTrigger,
  DeadbandType,
  MonitoringMode,
  StatusCodes,
  TimestampsToReturn,
  VariantArrayType,
} from "./opcua-library.ts";
import type { DataValue, MonitoredItemCreateRequestOptions, StatusCode } from "./opcua-library.ts";
import type { ServerLimits } from "./opcua-limits.ts";
import type { FoundPoint } from "./opcua-nodes.ts";
import type { ReadSession } from "./opcua-services.ts";
import type { OpcuaWatch, PointChange, WatchEvents } from "./opcua-session.ts";
import { Slices } from "./opcua-slices.ts";
import { BEAT_HANDLE, BEAT_MS, BEAT_NODE, Subscription } from "./opcua-subscription.ts";
import { kindOf, plainValue } from "./opcua-value.ts";

/** What points are watched with. */
export interface WatchUse {
  readonly session: Pick<ReadSession, "read" | "createSubscription2" | "createMonitoredItems">;
  readonly namespaces: readonly string[];
  readonly limits: ServerLimits;
  readonly keepAliveMs: number;
}

/** A point: whether the server watches it, has no room to, or will not; and how many values of it were published. */
interface Watched {
  readonly found: FoundPoint;
  state: "watched" | "polled" | "refused";
  values: number;
}

/** The subscriptions for the points of one device; what one publish response brings stays together. */
export class PointWatch implements OpcuaWatch {
  readonly #use: WatchUse;
  readonly #watching: OpcuaWatching;
  readonly #events: WatchEvents;
  /** By client handle, from `BEAT_HANDLE` + 1. */
  readonly #points: readonly Watched[];
  readonly #subscriptions: Subscription[] = [];
  #items = 0;

  private constructor(
    use: WatchUse,
    found: readonly FoundPoint[],
    { watching, events }: { readonly watching: OpcuaWatching; readonly events: WatchEvents },
  ) {
    this.#use = use;
    this.#watching = watching;
    this.#events = events;
    this.#points = found.map((one) => ({ found: one, state: "polled", values: 0 }));
  }

  static async open(
    use: WatchUse,
    found: readonly FoundPoint[],
    how: { readonly watching: OpcuaWatching; readonly events: WatchEvents },
  ): Promise<PointWatch> {
    const watch = new PointWatch(use, found, how);
    try {
      await watch.#open();
    } catch (error) {
      watch.#giveBack();
      throw error;
    }
    if (watch.#points.every(({ state }) => state === "refused")) {
      await watch.close();
      throw new WardError(
        "WARD_OPCUA_POINT",
        `Cannot read ${found[0]?.point.node ?? "the device"}: the server lets none of the points be read.`,
      );
    }
    return watch;
  }

  get clockLeadMs(): number | null {
    return this.#subscriptions[0]?.clockLeadMs ?? null;
  }

  get pollMs(): number | null {
    return this.#points.some(({ state }) => state === "polled") ? this.#watching.samplingMs : null;
  }

  trouble(now: number): string | null {
    for (const subscription of this.#subscriptions) {
      const trouble = subscription.trouble(now);
      if (trouble !== null) {
        return trouble;
      }
    }
    return null;
  }

  poll(): Promise<readonly PointChange[]> {
    return this.#read(this.#points.filter(({ state }) => state === "polled"));
  }

  refresh(): Promise<readonly PointChange[]> {
    return this.#read(this.#points.filter(({ state }) => state !== "refused"));
  }

  async close(): Promise<void> {
    this.#giveBack();
    await Promise.all(this.#subscriptions.map((subscription) => subscription.close()));
  }

  async #open(): Promise<void> {
    const { limits, session, keepAliveMs } = this.#use;
    const { samplingMs } = this.#watching;
    const publishingMs =
      this.#watching.publishingMs ??
      Math.max(PUBLISHING_MS_MIN, Math.min(samplingMs / PUBLISHES_PER_SAMPLE, PUBLISHING_MS_MAX));
    const most = this.#watching.itemsPerCall ?? Infinity;
    const slices = most < limits.monitor.most ? new Slices(most) : limits.monitor;
    for (let from = 0; from < this.#points.length;) {
      const wanted = Math.min(limits.itemsPerSubscription, this.#points.length - from);
      const places = Array.from({ length: wanted }, (_, place) => from + place);
      const subscription = await Subscription.open({
        session,
        publishingMs,
        keepAliveMs,
        onValues: (handles, values) => this.#take(handles, values),
      });
      this.#subscriptions.push(subscription);
      await this.#watchClock(subscription);
      const watched = await this.#monitor(subscription, slices, places);
      from += wanted;
      if (watched === 0) {
        return;
      }
    }
  }

  /** A server that does not let its clock be watched must do without that sign of life. */
  async #watchClock({ id }: Subscription): Promise<void> {
    this.#items += this.#use.limits.items.take(1);
    const parameters = { clientHandle: BEAT_HANDLE, samplingInterval: BEAT_MS, queueSize: 1 };
    const request = {
      subscriptionId: id,
      timestampsToReturn: TimestampsToReturn.Neither,
      itemsToCreate: [itemOf(BEAT_NODE, parameters)],
    };
    await this.#use.session.createMonitoredItems(request).catch(() => undefined);
  }

  /** Asks the server to watch points; returns how many it does. Those that it has no room for are polled. */
  async #monitor(
    subscription: Subscription,
    slices: Slices,
    places: readonly number[],
  ): Promise<number> {
    const taken = this.#use.limits.items.take(places.length);
    this.#items += taken;
    const asked = places.slice(0, taken);
    const { hasFilters } = this.#use.limits;
    const codes = await this.#create(subscription, slices, asked, hasFilters);
    const unfiltered = asked.filter(
      (place) =>
        this.#points[place]?.found.point.deadband !== undefined &&
        (!hasFilters || FILTER_REFUSED.has(codes.get(place) ?? 0)),
    );
    if (hasFilters) {
      for (const [place, code] of await this.#create(subscription, slices, unfiltered, false)) {
        codes.set(place, code);
      }
    }
    for (const place of unfiltered) {
      const code = this.#points[place]?.found.point.code ?? "";
      const text = `${code} comes with every change: the server has no dead-band for it`;
      this.#events.onFault("unfiltered", text);
    }
    return [...codes].filter(([place, code]) => this.#settle(place, code)).length;
  }

  async #create(
    { id }: Subscription,
    slices: Slices,
    places: readonly number[],
    filtered: boolean,
  ): Promise<Map<number, number>> {
    const { samplingMs, queueSize = QUEUE_SIZE } = this.#watching;
    const ask = async (slice: readonly number[]): Promise<readonly number[]> => {
      const { results } = await this.#use.session.createMonitoredItems({
        subscriptionId: id,
        timestampsToReturn: TimestampsToReturn.Source,
        itemsToCreate: slice.map((place) => {
          const { nodeId, point } = this.#points[place]?.found ?? NO_POINT;
          return itemOf(nodeId, {
            clientHandle: BEAT_HANDLE + 1 + place,
            samplingInterval: samplingMs,
            queueSize,
            filter: filtered && point?.deadband !== undefined ? filterOf(point.deadband) : null,
          });
        }),
      });
      return (results ?? []).map(({ statusCode }) => codeOf(statusCode));
    };
    // Some servers refuse the request as a whole.
    const codes = await slices.ask(places, (slice) =>
      ask(slice).catch((error: unknown) => {
        if (errorText(error).includes("BadTooManyMonitoredItems")) {
          return slice.map(() => StatusCodes.BadTooManyMonitoredItems.value);
        }
        throw error;
      }),
    );
    return new Map(places.map((place, index) => [place, codes[index] ?? UNEXPECTED]));
  }

  /** True when the server watches the point. */
  #settle(place: number, code: number): boolean {
    const watched = this.#points[place];
    if (watched === undefined) {
      return false;
    }
    if (isGood(code)) {
      watched.state = "watched";
      return true;
    }
    if (!NO_ROOM.has(code)) {
      watched.state = "refused";
      const why = PLAIN.get(code) ?? `the server says ${nameOf(code)}`;
      this.#events.onFault("unknown-field", `${watched.found.point.code} is not read: ${why}`);
    }
    return false;
  }

  #take(handles: readonly number[], values: readonly DataValue[]): void {
    const changes: PointChange[] = [];
    const lost: string[] = [];
    for (const [place, handle] of handles.entries()) {
      const watched = this.#points[handle - BEAT_HANDLE - 1];
      const value = values[place];
      if (watched !== undefined && value !== undefined) {
        const { point } = watched.found;
        const change = this.#changeOf(value);
        watched.values += 1;
        changes.push({ point, change });
        if ((change.statusCode & OVERFLOW) === OVERFLOW) {
          lost.push(point.code);
        }
      }
    }
    this.#events.onChanges(changes);
    if (lost.length > 0) {
      this.#events.onFault(
        "overflow",
        `values of ${[...new Set(lost)].slice(0, NAMES_MAX).join(", ")} are lost: more came between two answers than the server's queue holds`,
      );
    }
  }

  async #read(points: readonly Watched[]): Promise<readonly PointChange[]> {
    const before = points.map(({ values }) => values);
    const nodes = points.map(({ found }) => ({ nodeId: found.nodeId, attributeId: VALUE }));
    const values = await this.#use.limits.read.ask(nodes, (slice) =>
      this.#use.session.read([...slice], 0),
    );
    return values.flatMap((value, place) => {
      const watched = points[place];
      // What was published meanwhile is newer.
      return watched === undefined || watched.values !== before[place]
        ? []
        : [{ point: watched.found.point, change: this.#changeOf(value) }];
    });
  }

  #changeOf({ value: variant, statusCode, sourceTimestamp }: DataValue): OpcuaChange {
    const sourceAt = sourceTimestamp?.getTime() ?? 0;
    const scalar: unknown = variant.arrayType === VariantArrayType.Scalar ? variant.value : null;
    return {
      value: plainValue(scalar, kindOf(variant.dataType), this.#use.namespaces),
      statusCode: statusCode.value >>> 0,
      sourceAt: Number.isSafeInteger(sourceAt) && sourceAt > 0 ? sourceAt : null,
    };
  }

  #giveBack(): void {
    this.#use.limits.items.give(this.#items);
    this.#items = 0;
  }
}

interface ItemParameters {
  readonly clientHandle: number;
  readonly samplingInterval: number;
  readonly queueSize: number;
  readonly filter?: DataChangeFilter | null;
}

function itemOf(
  nodeId: FoundPoint["nodeId"] | string,
  parameters: ItemParameters,
): MonitoredItemCreateRequestOptions {
  return {
    itemToMonitor: { nodeId, attributeId: VALUE },
    monitoringMode: MonitoringMode.Reporting,
    requestedParameters: { ...parameters, discardOldest: true },
  };
}

function filterOf({ kind, value }: OpcuaDeadband): DataChangeFilter {
  return new DataChangeFilter({
    trigger: DataChangeTrigger.StatusValue,
    deadbandType: kind === "percent" ? DeadbandType.Percent : DeadbandType.Absolute,
    deadbandValue: value,
  });
}

/** The code alone, without the bits that tell more of it. */
function codeOf({ value }: StatusCode): number {
  return (value & 0xff_ff_00_00) >>> 0;
}

function nameOf(code: number): string {
  const known = Object.values(StatusCodes).find(({ value }) => value === code);
  return known?.name ?? code.toString(16);
}

function isGood(code: number): boolean {
  return code >>> 30 === 0;
}

const NO_POINT = { nodeId: BEAT_NODE, point: undefined } as const;
const VALUE: AttributeIds = AttributeIds.Value;
/** The server looks this often whether there is something to publish, so that a value waits a quarter of its period at most. */
const PUBLISHES_PER_SAMPLE = 4;
const PUBLISHING_MS_MIN = 50;
const PUBLISHING_MS_MAX = 1000;
/** Values of one variable that the server keeps between two publish responses. */
const QUEUE_SIZE = 10;
/** Names in one sentence, at most. */
const NAMES_MAX = 5;
/** Info type DataValue with the overflow bit (OPC 10000-4, StatusCode). */
const OVERFLOW = 0x04_80;
const UNEXPECTED = StatusCodes.BadUnexpectedError.value;
const FILTER_REFUSED: ReadonlySet<number> = new Set([
  StatusCodes.BadMonitoredItemFilterInvalid.value,
  StatusCodes.BadMonitoredItemFilterUnsupported.value,
  StatusCodes.BadFilterNotAllowed.value,
  StatusCodes.BadDeadbandFilterInvalid.value,
]);
/** The server would watch the point if it had room: it is polled instead. */
const NO_ROOM: ReadonlySet<number> = new Set([
  StatusCodes.BadTooManyMonitoredItems.value,
  StatusCodes.BadOutOfMemory.value,
  StatusCodes.BadResourceUnavailable.value,
]);
const PLAIN: ReadonlyMap<number, string> = new Map([
  [StatusCodes.BadNodeIdUnknown.value, "there is no such node"],
  [StatusCodes.BadNodeIdInvalid.value, "the node id is none"],
  [StatusCodes.BadAttributeIdInvalid.value, "the node is no variable"],
  [StatusCodes.BadUserAccessDenied.value, "the user may not read it"],
  [StatusCodes.BadNotReadable.value, "it cannot be read"],
]);

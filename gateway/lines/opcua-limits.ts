import { AttributeIds } from "./opcua-library.ts";
import type { ReadSession } from "./opcua-services.ts";
import { Slices } from "./opcua-slices.ts";

/** What a server can take. */
export interface ServerLimits {
  /** Requests by kind; a server that takes less than it says is asked for less from then on. */
  readonly read: Slices;
  readonly browse: Slices;
  readonly monitor: Slices;
  /** Points in one subscription, at most. */
  readonly itemsPerSubscription: number;
  /** Monitored items that may still be made. */
  readonly items: ItemBudget;
  /** False when it is known that the server has no filters. */
  readonly hasFilters: boolean;
}

/**
 * Reads what the server says of itself (OPC 10000-5, ServerCapabilities and OperationLimits) and takes the smaller of that and what is
 * known of its make. A server that says nothing gets requests of moderate size.
 */
export async function readLimits(session: Pick<ReadSession, "read">): Promise<ServerLimits> {
  const nodes = Object.values(NODES).map((id) => ({ nodeId: `i=${id}`, attributeId: VALUE }));
  const values = await new Slices(nodes.length).ask(nodes, (slice) => session.read([...slice], 0));
  const found = Object.fromEntries(
    Object.keys(NODES).map((name, place) => [name, values[place]?.value.value]),
  );
  return limitsOf(found);
}

/** The limits, from what the nodes of `NODES` hold by name; 0 and whatever is no number mean "no limit". */
export function limitsOf(found: Readonly<Record<string, unknown>>): ServerLimits {
  const make = `${textOf(found["manufacturer"])} ${textOf(found["product"])}`;
  const profile = PROFILES.find(({ pattern }) => pattern.test(make)) ?? USUAL;
  const least = (limit: unknown, usual: number): number => Math.min(wholeOf(limit), usual);
  return {
    read: new Slices(least(found["nodesPerRead"], USUAL_NODES)),
    browse: new Slices(
      Math.min(least(found["nodesPerBrowse"], USUAL_NODES), wholeOf(found["continuationPoints"])),
    ),
    monitor: new Slices(least(found["itemsPerCall"], profile.itemsPerCall)),
    // One of them watches the server's clock.
    itemsPerSubscription: Math.max(
      1,
      least(found["itemsPerSubscription"], SUBSCRIPTION_ITEMS_MAX) - 1,
    ),
    items: new ItemBudget(least(found["itemsInAll"], profile.itemsInAll)),
    hasFilters: profile.hasFilters,
  };
}

/** Monitored items, which all devices of a session share. */
export class ItemBudget {
  #left: number;

  constructor(items: number) {
    this.#left = items;
  }

  /** Takes as many of the wanted items as are left; returns how many those are. */
  take(wanted: number): number {
    const taken = Math.min(wanted, this.#left);
    this.#left -= taken;
    return taken;
  }

  give(items: number): void {
    this.#left += items;
  }
}

/** What is known of a make beyond what its servers say. */
interface Profile {
  readonly pattern: RegExp;
  readonly itemsPerCall: number;
  readonly itemsInAll: number;
  readonly hasFilters: boolean;
}

/** Values of `BuildInfo` are matched as "manufacturer product". */
const PROFILES: readonly Profile[] = [
  // It says 1000 items per call, and becomes fifty times slower above 200.
  { pattern: /siemens.*1200/i, itemsPerCall: 100, itemsInAll: 1000, hasFilters: false },
  { pattern: /siemens.*1500/i, itemsPerCall: 500, itemsInAll: 10_000, hasFilters: true },
];
const USUAL: Profile = { pattern: /^/, itemsPerCall: 100, itemsInAll: Infinity, hasFilters: true };
const USUAL_NODES = 100;
/** More items in one subscription than this make its publish responses long. */
const SUBSCRIPTION_ITEMS_MAX = 5000;

/** Ids of namespace 0 (OPC 10000-6, NodeIds.csv). */
const NODES = {
  manufacturer: 2263,
  product: 2261,
  continuationPoints: 2735,
  nodesPerRead: 11_705,
  nodesPerBrowse: 11_710,
  itemsPerCall: 11_714,
  itemsInAll: 24_097,
  itemsPerSubscription: 24_104,
} as const;

function wholeOf(limit: unknown): number {
  return typeof limit === "number" && Number.isSafeInteger(limit) && limit > 0 ? limit : Infinity;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value.slice(0, TEXT_MAX) : "";
}

const VALUE: AttributeIds = AttributeIds.Value;
const TEXT_MAX = 200;

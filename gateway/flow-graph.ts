/**
 * A Node-RED flow file as a graph of what can follow what. Wires, links, link calls, junctions, subflows, and the hidden
 * ways of catch and complete nodes are all steps. Pure: takes parsed JSON, trusts nothing in it.
 */

/** One node as far as its way is concerned. */
export interface FlowNode {
  readonly id: string;
  readonly type: string;
  /** The tab or subflow it stands on. */
  readonly z: string;
  readonly name: string;
  /** The group it stands in, or "". */
  readonly group: string;
  /** Ids of the nodes behind each output. */
  readonly wires: readonly (readonly string[])[];
  /** The whole node, for what only its type knows. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A tab or the inside of a subflow. */
export interface FlowSheet {
  readonly id: string;
  readonly label: string;
  readonly subflow: boolean;
  /** Ids of the nodes behind the subflow's input. */
  readonly entries: readonly string[];
  /** Per output of the subflow: which node's which output feeds it. */
  readonly exits: readonly (readonly { readonly id: string; readonly port: number }[])[];
}

/** Where a message is: at a node, inside these subflow instances and link calls (innermost last). */
export interface Place {
  readonly node: FlowNode;
  readonly frames: readonly FlowNode[];
}

/** Subflows and link calls inside each other, at most; Node-RED itself forbids a subflow inside itself. */
const FRAMES_MAX = 12;
/** Running copies of one node that are looked at; `placesOf` gives no more. */
export const COPIES_MAX = 1000;

export class FlowGraph {
  readonly #nodes = new Map<string, FlowNode>();
  readonly #watchers: FlowNode[] = [];
  readonly #sheets = new Map<string, FlowSheet>();

  /** `flow` is the content of a flow file. Disabled nodes and tabs are not part of the graph: they do not run. */
  constructor(flow: readonly unknown[]) {
    const records = flow.filter(isRecord);
    for (const record of records) {
      const sheet = sheetOf(record);
      if (sheet !== null && record["disabled"] !== true) {
        this.#sheets.set(sheet.id, sheet);
      }
    }
    for (const record of records) {
      const node = nodeOf(record);
      if (node !== null && this.#sheets.has(node.z) && record["d"] !== true) {
        this.#nodes.set(node.id, node);
      }
    }
    for (const node of this.#nodes.values()) {
      if (node.type === "complete" || node.type === "catch") {
        this.#watchers.push(node);
      }
    }
  }

  nodes(): Iterable<FlowNode> {
    return this.#nodes.values();
  }

  /** The tab or subflow a node stands on. */
  sheetOf(node: FlowNode): FlowSheet | null {
    return this.#sheets.get(node.z) ?? null;
  }

  /** Every running copy of a node: one on a tab, one per instance inside a subflow. */
  placesOf(node: FlowNode): Place[] {
    return this.#framesOf(node.z, FRAMES_MAX).map((frames) => ({ node, frames }));
  }

  /** Where a message that `place` sends on can be next. */
  sent({ node, frames }: Place): Place[] {
    switch (node.type) {
      case "link out":
        return node.fields["mode"] === "return"
          ? this.#returned(frames)
          : this.#at(linksOf(node), frames);
      case "link call":
        return frames.length >= FRAMES_MAX ? [] : this.#at(this.#called(node), [...frames, node]);
      default:
        return this.#entered(node, frames) ?? this.#wired(node, frames);
    }
  }

  /** Where Node-RED itself takes a message that `place` has received: complete nodes, and catch nodes if it fails. */
  observed(place: Place): Place[] {
    const found: Place[] = [];
    for (const watcher of this.#watchers) {
      if (watcher.type === "complete" && scopeNames(watcher, place.node.id)) {
        found.push({ node: watcher, frames: place.frames });
      }
    }
    let { node, frames } = place;
    for (;;) {
      for (const watcher of this.#watchers) {
        if (watcher.type === "catch" && watcher.z === node.z && catches(watcher, node)) {
          found.push({ node: watcher, frames });
        }
      }
      const instance = frames.findLastIndex(isInstance);
      const outer = frames[instance];
      if (this.sheetOf(node)?.subflow !== true || outer === undefined) {
        return found;
      }
      node = outer;
      frames = frames.slice(0, instance);
    }
  }

  #framesOf(sheet: string, depth: number): FlowNode[][] {
    if (this.#sheets.get(sheet)?.subflow !== true) {
      return [[]];
    }
    if (depth === 0) {
      return [];
    }
    const found: FlowNode[][] = [];
    for (const instance of this.#nodes.values()) {
      if (instance.type === `subflow:${sheet}` && found.length < COPIES_MAX) {
        for (const frames of this.#framesOf(instance.z, depth - 1)) {
          found.push(frames.concat(instance));
        }
      }
    }
    return found.slice(0, COPIES_MAX);
  }

  #at(ids: readonly string[], frames: readonly FlowNode[]): Place[] {
    const places: Place[] = [];
    for (const id of ids) {
      const node = this.#nodes.get(id);
      if (node !== undefined) {
        places.push({ node, frames });
      }
    }
    return places;
  }

  #wired(node: FlowNode, frames: readonly FlowNode[]): Place[] {
    return node.wires.flatMap((_, port) => this.#onward(node, port, frames));
  }

  /** Behind one output: along its wires, and out of the subflow it feeds. */
  #onward(node: FlowNode, port: number, frames: readonly FlowNode[]): Place[] {
    return this.#at(node.wires[port] ?? [], frames).concat(
      this.#left(node.z, node.id, port, frames),
    );
  }

  /** Into the subflow that `node` is an instance of; null when it is none. */
  #entered(node: FlowNode, frames: readonly FlowNode[]): Place[] | null {
    const sheet = isInstance(node)
      ? this.#sheets.get(node.type.slice("subflow:".length))
      : undefined;
    if (sheet === undefined) {
      return null;
    }
    if (frames.length >= FRAMES_MAX) {
      return [];
    }
    const inside = [...frames, node];
    return [...this.#at(sheet.entries, inside), ...this.#left(sheet.id, sheet.id, 0, inside)];
  }

  /** Out of a subflow, if output `port` of node `id` feeds one of its outputs. */
  #left(sheetId: string, id: string, port: number, frames: readonly FlowNode[]): Place[] {
    const instance = frames.findLastIndex(isInstance);
    const outer = frames[instance];
    if (outer === undefined || outer.type !== `subflow:${sheetId}`) {
      return [];
    }
    const exits = this.#sheets.get(sheetId)?.exits ?? [];
    const outside = frames.slice(0, instance);
    return exits.flatMap((feeds, exit) =>
      feeds.some((feed) => feed.id === id && feed.port === port)
        ? this.#onward(outer, exit, outside)
        : [],
    );
  }

  #returned(frames: readonly FlowNode[]): Place[] {
    const caller = frames.at(-1);
    return caller?.type === "link call" ? this.#wired(caller, frames.slice(0, -1)) : [];
  }

  /** A dynamic call takes its target from the message: it may be any link in node. */
  #called(node: FlowNode): readonly string[] {
    return node.fields["linkType"] === "dynamic"
      ? [...this.#nodes.values()].filter(({ type }) => type === "link in").map(({ id }) => id)
      : linksOf(node);
  }
}

function isInstance(node: FlowNode): boolean {
  return node.type.startsWith("subflow:");
}

function scopeNames(watcher: FlowNode, id: string): boolean {
  return strings(watcher.fields["scope"]).includes(id);
}

function catches(watcher: FlowNode, node: FlowNode): boolean {
  const scope = watcher.fields["scope"];
  // A catch node for its group also hears groups inside that group, so any grouped node counts.
  return Array.isArray(scope)
    ? scopeNames(watcher, node.id)
    : scope !== "group" || node.group !== "";
}

function linksOf(node: FlowNode): readonly string[] {
  const links = node.fields["links"];
  return typeof links === "string" ? [links] : strings(links);
}

function sheetOf(record: Readonly<Record<string, unknown>>): FlowSheet | null {
  const { id, type } = record;
  if (typeof id !== "string" || (type !== "tab" && type !== "subflow")) {
    return null;
  }
  const [input] = list(record["in"]);
  return {
    id,
    label: firstText(record["label"], record["name"], id),
    subflow: type === "subflow",
    entries: feedsOf(input).map((feed) => feed.id),
    exits: list(record["out"]).map(feedsOf),
  };
}

function feedsOf(connector: unknown): { id: string; port: number }[] {
  const wires = isRecord(connector) ? list(connector["wires"]) : [];
  return wires.flatMap((wire) =>
    isRecord(wire) && typeof wire["id"] === "string"
      ? [{ id: wire["id"], port: typeof wire["port"] === "number" ? wire["port"] : 0 }]
      : [],
  );
}

function nodeOf(record: Readonly<Record<string, unknown>>): FlowNode | null {
  const { id, type, z } = record;
  if (typeof id !== "string" || typeof type !== "string" || typeof z !== "string") {
    return null;
  }
  return {
    id,
    type,
    z,
    name: firstText(record["name"], type),
    group: typeof record["g"] === "string" ? record["g"] : "",
    wires: list(record["wires"]).map(strings),
    fields: record,
  };
}

function firstText(...candidates: readonly unknown[]): string {
  for (const candidate of candidates) {
    if (typeof candidate === "string" && candidate !== "") {
      return candidate;
    }
  }
  return "";
}

function strings(value: unknown): string[] {
  return list(value).filter((entry) => typeof entry === "string");
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

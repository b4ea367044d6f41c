import { type BundleChange, valueText } from "./change.ts";
import type { FlowNode } from "./content.ts";
import { leafChanges } from "./leaf-changes.ts";

/** What the editor calls a field of a type of node; the field's own name where it does not say. */
export type FieldLabel = (type: string, field: string) => string;

/** What is different between two flows, tab by tab in the order of the newer one. */
export function diffFlows(
  before: readonly FlowNode[],
  after: readonly FlowNode[],
  labelOf: FieldLabel,
): BundleChange[] {
  const [old, now] = [new Sheet(before), new Sheet(after)];
  const ids = [...new Set([...now.byId.keys(), ...old.byId.keys()])];
  const changes = ids.flatMap((id): BundleChange[] => {
    const [was, is] = [old.byId.get(id), now.byId.get(id)];
    if (is === undefined) {
      return was === undefined ? [] : [whole("removed", old, was)];
    }
    return was === undefined ? [whole("added", now, is)] : diffNode({ old, now, was, is, labelOf });
  });
  const tabs = [...new Set([...now.tabs, ...old.tabs])];
  return changes.sort((a, b) => tabs.indexOf(a.where) - tabs.indexOf(b.where));
}

/** Where a node stands in the editor, not what it does. */
const PLACE = new Set(["x", "y", "w", "h"]);
const SKIPPED = new Set(["id", "wires", "z", "nodes", ...PLACE]);
const LEAVES_MAX = 50;

/** A flow by ids, with how people call its nodes and tabs. */
class Sheet {
  readonly byId: ReadonlyMap<string, FlowNode>;
  readonly tabs: readonly string[];

  constructor(flow: readonly FlowNode[]) {
    this.byId = new Map(flow.map((node) => [textOf(node, "id"), node]));
    this.tabs = ["", ...flow.filter(isSheet).map((tab) => this.tabOf(tab))];
  }

  /** The tab or subflow a node stands on; "" for what stands on none. */
  tabOf(node: FlowNode): string {
    const sheet = isSheet(node) ? node : this.byId.get(textOf(node, "z"));
    if (sheet === undefined) {
      return "";
    }
    const label = textOf(sheet, "label") || textOf(sheet, "name") || textOf(sheet, "id");
    return `${valueText(label)} ${textOf(sheet, "type")}`;
  }

  nameOf(node: FlowNode): string {
    const own = [textOf(node, "name"), textOf(node, "device"), textOf(node, "url")];
    const name = own.find((text) => text !== "") ?? textOf(node, "label");
    const type = textOf(node, "type");
    return name === "" ? `${type} ${textOf(node, "id")}` : `${type} "${valueText(name)}"`;
  }

  /** Every wire of a node by output and id, with what a person would say. */
  wiresOf(node: FlowNode): ReadonlyMap<string, string> {
    const outputs: readonly unknown[] = Array.isArray(node["wires"]) ? node["wires"] : [];
    const wires = outputs.flatMap((targets, port) =>
      (Array.isArray(targets) ? targets : []).map((id): [string, string] => {
        const output = outputs.length > 1 ? `output ${port + 1} ` : "";
        return [`${port} ${String(id)}`, `${output}to ${this.#nameOfId(id) ?? "nowhere"}`];
      }),
    );
    return new Map(wires);
  }

  /** A value of a field; another node that it names by id is called by its name. */
  shown(value: unknown): string {
    return this.#nameOfId(value) ?? valueText(value);
  }

  #nameOfId(id: unknown): string | null {
    const node = typeof id === "string" ? this.byId.get(id) : undefined;
    return node === undefined ? null : this.nameOf(node);
  }
}

interface Pair {
  readonly old: Sheet;
  readonly now: Sheet;
  readonly was: FlowNode;
  readonly is: FlowNode;
  readonly labelOf: FieldLabel;
}

function diffNode(pair: Pair): BundleChange[] {
  const { old, now, was, is } = pair;
  const base = { area: "flow" as const, where: now.tabOf(is), what: now.nameOf(is), field: "" };
  const changes = fieldsOf(was, is).flatMap((field) => diffField(pair, field));
  const [from, to] = [old.tabOf(was), now.tabOf(is)];
  if (from !== to && !isSheet(is)) {
    changes.push({ ...base, kind: "changed", field: "tab", before: from, after: to });
  }
  const [wiresBefore, wiresNow] = [old.wiresOf(was), now.wiresOf(is)];
  const gone = only(wiresBefore, wiresNow).map((wire) => `no more ${wire}`);
  const fresh = only(wiresNow, wiresBefore).map((wire) => `now ${wire}`);
  if (gone.length + fresh.length > 0) {
    changes.push({ ...base, kind: "rewired", before: gone.join(", "), after: fresh.join(", ") });
  }
  const moved = [...PLACE].some((field) => was[field] !== is[field]);
  return moved && changes.length === 0
    ? [{ ...base, kind: "moved", before: "", after: "" }]
    : changes;
}

/** What the first has and the second has not. */
function only(
  first: ReadonlyMap<string, string>,
  second: ReadonlyMap<string, string>,
): readonly string[] {
  return [...first].filter(([key]) => !second.has(key)).map(([, text]) => text);
}

function fieldsOf(was: FlowNode, is: FlowNode): string[] {
  const names = new Set([...Object.keys(was), ...Object.keys(is)]);
  return [...names].filter((name) => !SKIPPED.has(name));
}

function diffField({ old, now, was, is, labelOf }: Pair, field: string): BundleChange[] {
  const base = {
    area: "flow",
    kind: "changed",
    where: now.tabOf(is),
    what: now.nameOf(is),
  } as const;
  const label = labelOf(textOf(is, "type"), field);
  return leafChanges(described(was[field]), described(is[field]), LEAVES_MAX).map((leaf) => {
    const path = leaf.path.replaceAll(/\[name ([^\]]*)\]\.value/g, " $1");
    return {
      ...base,
      field: `${label}${path === "" || /^[[ .]/.test(path) ? path : `.${path}`}`,
      before: old.shown(leaf.before),
      after: now.shown(leaf.after),
    };
  });
}

/** Options whose text is a description of a device are compared by what they say, not as one long text. */
function described(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map((entry: unknown) => described(entry));
  }
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, described(entry)]));
  }
  if (typeof value !== "string" || !value.startsWith("{")) {
    return value;
  }
  try {
    const parsed: unknown = JSON.parse(value);
    return parsed;
  } catch {
    return value;
  }
}

function whole(kind: "added" | "removed", sheet: Sheet, node: FlowNode): BundleChange {
  const from = isSheet(node) ? "" : sheet.tabOf(node);
  const what = isSheet(node) ? sheet.tabOf(node) : sheet.nameOf(node);
  return { area: "flow", kind, where: from, what, field: "", before: "", after: "" };
}

function isSheet(node: FlowNode): boolean {
  return node["type"] === "tab" || node["type"] === "subflow";
}

function textOf(node: FlowNode, field: string): string {
  const value = node[field];
  return typeof value === "string" ? value : "";
}

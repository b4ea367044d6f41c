import type { DeviceOptions, OpcuaDiscovery, OpcuaNode } from "../devices/device.ts";
import { WardError } from "../errors.ts";
import type { NodeId } from "./opcua-library.ts";
import { NodeClass } from "./opcua-library.ts";
import type { Child, ServerNodes } from "./opcua-nodes.ts";

/** A node while the tree grows. */
interface Growing extends OpcuaNode {
  readonly id: NodeId;
  readonly above: readonly Growing[];
  readonly children: Growing[];
  unitId: number | null;
}

/**
 * Browses below the root of a discovery as far as its driver follows, one level at a time, so that a level costs a few requests however
 * many nodes it has. Throws WardError `WARD_OPCUA_POINT` when there is no root.
 */
export async function discoverTree(
  nodes: ServerNodes,
  discovery: OpcuaDiscovery,
  options: DeviceOptions,
): Promise<OpcuaNode> {
  const found = await nodes.find(discovery.root);
  if (typeof found === "string") {
    throw new WardError("WARD_OPCUA_POINT", `Cannot look for points: ${found}.`);
  }
  const tree = new GrowingTree(nodes);
  const root = tree.root(found, discovery.root);
  let level: readonly Growing[] = [root];
  for (let depth = 0; depth < DEPTH_MAX && level.length > 0; depth += 1) {
    level = await tree.grow(level.filter((node) => discovery.follows(node, node.above, options)));
  }
  await tree.readUnits();
  return root;
}

class GrowingTree {
  readonly #nodes: ServerNodes;
  /** By type: the type and what it is derived from. */
  readonly #types = new Map<string, readonly string[]>();
  readonly #variables: Growing[] = [];
  #count = 0;

  constructor(nodes: ServerNodes) {
    this.#nodes = nodes;
  }

  root(id: NodeId, path: string): Growing {
    const name = path.split(";").at(-1) ?? path;
    const node = this.#nodes.textOf(id) ?? "";
    const rest = { isVariable: false, types: [], unitId: null, children: [], above: [] };
    return { id, node, namespace: "", name, ...rest };
  }

  /** Gives nodes their children; returns all of these. */
  async grow(parents: readonly Growing[]): Promise<readonly Growing[]> {
    const lists = await this.#nodes.childrenOf(parents.map(({ id }) => id));
    await this.#learnTypes(lists.flat().flatMap(({ type }) => (type === null ? [] : [type])));
    const grown: Growing[] = [];
    for (const [place, parent] of parents.entries()) {
      for (const child of lists[place] ?? []) {
        const node = this.#nodeOf(child, parent);
        if (node !== null) {
          parent.children.push(node);
          grown.push(node);
        }
      }
      if (parent.isVariable) {
        this.#variables.push(parent);
      }
    }
    return grown;
  }

  async readUnits(): Promise<void> {
    const units = await this.#nodes.unitsOf(this.#variables.map(({ id }) => id));
    for (const [place, variable] of this.#variables.entries()) {
      variable.unitId = units[place] ?? null;
    }
  }

  #nodeOf(child: Child, parent: Growing): Growing | null {
    const { node: id, namespace, name, nodeClass, type } = child;
    const node = this.#nodes.textOf(id);
    // A tree may have loops.
    const isLoop = [parent, ...parent.above].some((known) => known.node === node);
    if (node === null || isLoop || nodeClass === NodeClass.Method || this.#count >= NODES_MAX) {
      return null;
    }
    this.#count += 1;
    const types = (type === null ? undefined : this.#types.get(type.toString())) ?? [];
    const isVariable = nodeClass === NodeClass.Variable;
    const above = [...parent.above, parent];
    return { id, node, namespace, name, isVariable, types, unitId: null, children: [], above };
  }

  /** Follows types up to what they are derived from. */
  async #learnTypes(types: readonly NodeId[]): Promise<void> {
    const waiting = new Map(types.map((type) => [type.toString(), [type]]));
    for (const known of this.#types.keys()) {
      waiting.delete(known);
    }
    let chains = [...waiting.values()];
    for (let depth = 0; depth < TYPES_MAX && chains.length > 0; depth += 1) {
      const supertypes = await this.#nodes.supertypesOf(chains.flatMap((chain) => chain.slice(-1)));
      chains = chains.filter((chain, place) => {
        const supertype = supertypes[place];
        if (supertype !== undefined && supertype !== null) {
          chain.push(supertype);
          return true;
        }
        return false;
      });
    }
    for (const [key, chain] of waiting) {
      this.#types.set(
        key,
        chain.flatMap((type) => this.#nodes.textOf(type) ?? []),
      );
    }
  }
}

const DEPTH_MAX = 12;
/** Nodes of one discovery, at most. */
const NODES_MAX = 20_000;
/** How far types are followed. */
const TYPES_MAX = 16;

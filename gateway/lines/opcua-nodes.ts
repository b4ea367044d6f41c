import type { OpcuaPoint } from "../devices/device.ts";
import { parsePlace } from "../devices/opcua-place.ts";
import { errorText } from "../errors.ts";
import {
  AttributeIds,
  BrowseDirection,
  NodeClass,
  NodeId,
  resolveNodeId,
} from "./opcua-library.ts";
import type { DataValue, ReferenceDescription } from "./opcua-library.ts";
import type { ServerLimits } from "./opcua-limits.ts";
import { walkPath } from "./opcua-path.ts";
import type { ReadSession } from "./opcua-services.ts";
import { nodeText, unitOf } from "./opcua-value.ts";

/** A child of a node, as browsing gives it. */
export interface Child {
  readonly node: NodeId;
  readonly namespace: string;
  readonly name: string;
  readonly nodeClass: NodeClass;
  /** Null for what has no type definition. */
  readonly type: NodeId | null;
}

/** A point whose node is known. */
export interface FoundPoint {
  readonly point: OpcuaPoint;
  readonly nodeId: NodeId;
}

/** What nodes are to be found with. */
export interface NodesUse {
  readonly session: Pick<ReadSession, "browse" | "browseNext" | "read">;
  readonly namespaces: readonly string[];
  readonly limits: ServerLimits;
}

/** Looks for nodes of one server. What was browsed is kept, so that many points below the same node cost one look. */
export class ServerNodes {
  readonly #use: NodesUse;
  readonly #children = new Map<string, readonly Child[]>();

  constructor(use: NodesUse) {
    this.#use = use;
  }

  /** A node id as `nsu=<uri>;s=...`, or null for one that cannot be written so. */
  textOf(node: NodeId): string | null {
    return nodeText(node, this.#use.namespaces);
  }

  /** The node that a text names by its id, or below Objects by its path; or why there is none. */
  async find(text: string): Promise<NodeId | string> {
    try {
      const place = parsePlace(text);
      if (place.kind === "node") {
        const index = this.#use.namespaces.indexOf(place.namespace);
        return index === -1
          ? `the server has no namespace ${place.namespace}`
          : resolveNodeId(`ns=${index};${place.id}`);
      }
      const objects = resolveNodeId("ObjectsFolder");
      const nodes = await walkPath(objects, place.steps, (some) => this.childrenOf(some));
      const [node] = nodes;
      if (node === undefined || nodes.length > 1) {
        const why = nodes.length > 1 ? "more than one node fits" : "there is no such node";
        return `${why} (${text})`;
      }
      return node;
    } catch (error) {
      if (isOurs(error)) {
        return errorText(error).replace(/\.$/, "");
      }
      throw error;
    }
  }

  /** The nodes of points; `onMissing` is told what is not read and why. */
  async locate(
    points: readonly OpcuaPoint[],
    onMissing: (text: string) => void,
  ): Promise<readonly FoundPoint[]> {
    const found: FoundPoint[] = [];
    for (const point of points) {
      const nodeId = await this.find(point.node);
      if (typeof nodeId === "string") {
        onMissing(`${point.code} is not read: ${nodeId}`);
      } else {
        found.push({ point, nodeId });
      }
    }
    return this.#withRightUnit(found, onMissing);
  }

  /** The UNECE unit id that each variable declares, or null. */
  async unitsOf(variables: readonly NodeId[]): Promise<readonly (number | null)[]> {
    const properties = (await this.childrenOf(variables)).map(
      (children) => children.find(({ name }) => name === "EngineeringUnits")?.node,
    );
    const nodes = properties.filter((node) => node !== undefined);
    const values = await this.read(nodes.map((nodeId) => ({ nodeId, attributeId: VALUE })));
    const units = new Map(nodes.map((node, place) => [node, unitOf(values[place]?.value.value)]));
    return properties.map((node) => (node === undefined ? null : (units.get(node) ?? null)));
  }

  /** The children of nodes: objects, variables and methods that lead on in the hierarchy. */
  async childrenOf(nodes: readonly NodeId[]): Promise<readonly (readonly Child[])[]> {
    const unknown = new Map(
      nodes
        .map((node) => [node.toString(), node] as const)
        .filter(([key]) => !this.#children.has(key)),
    );
    const lists = await this.#browse([...unknown.values()], {
      browseDirection: BrowseDirection.Forward,
      referenceTypeId: "HierarchicalReferences",
      nodeClassMask: NodeClass.Object + NodeClass.Variable + NodeClass.Method,
    });
    for (const [place, key] of [...unknown.keys()].entries()) {
      this.#children.set(key, lists[place] ?? []);
    }
    return nodes.map((node) => this.#children.get(node.toString()) ?? []);
  }

  /** The type that each type is derived from, or null. */
  async supertypesOf(types: readonly NodeId[]): Promise<readonly (NodeId | null)[]> {
    const lists = await this.#browse(types, {
      browseDirection: BrowseDirection.Inverse,
      referenceTypeId: "HasSubtype",
      nodeClassMask: NodeClass.ObjectType + NodeClass.VariableType,
    });
    return lists.map((list) => list[0]?.node ?? null);
  }

  read(
    nodes: readonly { readonly nodeId: NodeId; readonly attributeId: AttributeIds }[],
  ): Promise<DataValue[]> {
    const { session, limits } = this.#use;
    return limits.read.ask(nodes, (slice) => session.read([...slice], 0));
  }

  #browse(nodes: readonly NodeId[], how: BrowseHow): Promise<(readonly Child[])[]> {
    const { session, limits } = this.#use;
    return limits.browse.ask(nodes, async (slice) => {
      const results = await session.browse(
        slice.map((nodeId) => ({ nodeId, ...how, includeSubtypes: true, resultMask: ALL_FIELDS })),
      );
      const lists: (readonly Child[])[] = [];
      for (const { references, continuationPoint } of results) {
        lists.push(await this.#continued(references ?? [], continuationPoint));
      }
      return lists;
    });
  }

  /** The rest of a list that did not fit into one answer. */
  async #continued(
    references: readonly ReferenceDescription[],
    point: Buffer | null,
  ): Promise<readonly Child[]> {
    const all = [...references];
    let next = point;
    while (next !== null && next.length > 0) {
      const isEnough = all.length >= CHILDREN_MAX;
      const [result] = await this.#use.session.browseNext([next], isEnough);
      if (isEnough || result === undefined) {
        break;
      }
      all.push(...(result.references ?? []));
      next = result.continuationPoint;
    }
    return all.slice(0, CHILDREN_MAX).flatMap((reference) => this.#childOf(reference));
  }

  #childOf({ nodeId, browseName, nodeClass, typeDefinition }: ReferenceDescription): Child[] {
    const node = this.#localNode(nodeId);
    return node === null
      ? []
      : [
          {
            node,
            namespace: this.#use.namespaces[browseName.namespaceIndex] ?? "",
            name: browseName.name ?? "",
            nodeClass,
            type: this.#localNode(typeDefinition),
          },
        ];
  }

  /** A node of this server, from a reference that may name its namespace by URI. */
  #localNode(expanded: ReferenceDescription["nodeId"]): NodeId | null {
    const { identifierType, value, namespaceUri, serverIndex } = expanded;
    const isNamed = typeof namespaceUri === "string" && namespaceUri !== "";
    const namespace = isNamed ? this.#use.namespaces.indexOf(namespaceUri) : expanded.namespace;
    const isHere = serverIndex === 0 || serverIndex === undefined;
    return isHere && namespace !== -1 && !expanded.isEmpty()
      ? new NodeId(identifierType, value, namespace)
      : null;
  }

  /** A variable whose server declares another unit than the driver gives must not be read: 98 could be degrees Fahrenheit. */
  async #withRightUnit(
    found: readonly FoundPoint[],
    onMissing: (text: string) => void,
  ): Promise<readonly FoundPoint[]> {
    const asked = found.filter(({ point }) => point.unitIds !== undefined);
    const units = await this.unitsOf(asked.map(({ nodeId }) => nodeId));
    const wrong = new Set<FoundPoint>();
    for (const [place, one] of asked.entries()) {
      const { code, unit, unitIds, unitMayMiss = false } = one.point;
      const declared = units[place] ?? null;
      if (declared === null ? !unitMayMiss : unitIds?.includes(declared) !== true) {
        wrong.add(one);
        onMissing(
          declared === null
            ? `${code} is not read: the server does not say its unit`
            : `${code} is not read: the server gives it in another unit than ${unit}`,
        );
      }
    }
    return found.filter((one) => !wrong.has(one));
  }
}

interface BrowseHow {
  readonly browseDirection: BrowseDirection;
  readonly referenceTypeId: string;
  readonly nodeClassMask: number;
}

/** A text that is no place: told for its point, like a node that is not there. */
function isOurs(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "WARD_OPCUA_POINT";
}

const VALUE = AttributeIds.Value;
/** All fields of a reference. */
const ALL_FIELDS = 63;
/** Children of one node that are looked at, at most. */
const CHILDREN_MAX = 1000;

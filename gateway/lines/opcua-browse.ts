import type { OpcuaChange } from "../devices/device.ts";
import { WardError } from "../errors.ts";
import { ucumOf } from "../devices/unece-units.ts";
import type { OpcuaContext } from "./opcua.ts";
import { settingsOf } from "./opcua.ts";
import { cannotOpen } from "./opcua-errors.ts";
import { AttributeIds, DataType, NodeClass, VariantArrayType } from "./opcua-library.ts";
import type { DataValue, NodeId } from "./opcua-library.ts";
import { readLimits } from "./opcua-limits.ts";
import type { Child } from "./opcua-nodes.ts";
import { ServerNodes } from "./opcua-nodes.ts";
import type { OpenSession } from "./opcua-open.ts";
import { openSession } from "./opcua-open.ts";
import { USUAL_TIMING } from "./opcua-session.ts";
import { kindOf, plainValue } from "./opcua-value.ts";
import { withDeadline } from "./transport.ts";

/** A child of a node, for an engineer who looks for what to read. */
export interface BrowsedNode {
  /** Node id to browse on from, or to write into a point table. */
  readonly node: string;
  readonly namespace: string;
  readonly name: string;
  readonly class: "object" | "variable" | "method";
  /** Browse name of the type definition, or null. */
  readonly type: string | null;
  /** What follows is null for all but variables. Data type, with [] for an array. */
  readonly dataType: string | null;
  /** UNECE unit id that the server declares, and the same unit in UCUM. */
  readonly unitId: number | null;
  readonly unit: string | null;
  readonly value: OpcuaChange["value"];
  /** Name of the StatusCode that came with the value. */
  readonly status: string | null;
}

/**
 * Looks once at what is below a node of a server, with the same care as reading: only servers of the trust list, and only services for
 * reading. `node` is a node id or a browse path; "" for Objects. Throws WardError.
 */
export async function browseOpcua(
  url: string,
  context: OpcuaContext,
  node = "",
): Promise<readonly BrowsedNode[]> {
  const settings = settingsOf(url, context);
  const timing = { ...USUAL_TIMING, ...context.timing };
  const stop = new AbortController();
  const lost = Promise.withResolvers<never>();
  lost.promise.catch(() => undefined);
  const look = async (): Promise<readonly BrowsedNode[]> => {
    const open = await openSession({
      ...settings,
      answerMs: timing.answerMs,
      onLost: (why) => lost.reject(new WardError("WARD_OPCUA_LOST", `Cannot browse: ${why}.`)),
      signal: stop.signal,
    });
    try {
      return await Promise.race([childrenOf(open, node), lost.promise]);
    } catch (error) {
      throw cannotOpen(settings.key, error);
    } finally {
      await open.session.close(true).catch(() => undefined);
      await open.connection.close();
    }
  };
  try {
    return await withDeadline(look(), timing.connectMs + timing.startMs, () => {
      return new WardError("WARD_LINE_OPEN", `Cannot browse ${settings.key}: no answer in time.`);
    });
  } finally {
    stop.abort();
  }
}

async function childrenOf(
  { session, namespaces }: OpenSession,
  text: string,
): Promise<readonly BrowsedNode[]> {
  const nodes = new ServerNodes({ session, namespaces, limits: await readLimits(session) });
  const found = await nodes.find(text === "" ? OBJECTS : text);
  if (typeof found === "string") {
    throw new WardError("WARD_OPCUA_POINT", `Cannot browse: ${found}.`);
  }
  const [children = []] = await nodes.childrenOf([found]);
  const variables = children.filter(({ nodeClass }) => nodeClass === NodeClass.Variable);
  const ids = variables.map(({ node }) => node);
  const values = await nodes.read(ids.map((nodeId) => ({ nodeId, attributeId: VALUE })));
  const units = await nodes.unitsOf(ids);
  const types = await typeNames(nodes, children);
  const details = new Map(
    variables.map((child, place) => [
      child,
      detailsOf(values[place], units[place] ?? null, namespaces),
    ]),
  );
  return children.flatMap((child) => {
    const { namespace, name, nodeClass, type } = child;
    const node = nodes.textOf(child.node);
    const known = CLASSES.get(nodeClass);
    const typeName = type === null ? null : (types.get(type.toString()) ?? null);
    return node === null || known === undefined
      ? []
      : [
          {
            node,
            namespace,
            name,
            class: known,
            type: typeName,
            ...(details.get(child) ?? NOTHING),
          },
        ];
  });
}

async function typeNames(
  nodes: ServerNodes,
  children: readonly Child[],
): Promise<ReadonlyMap<string, string>> {
  const types = new Map<string, NodeId>();
  for (const { type } of children) {
    if (type !== null) {
      types.set(type.toString(), type);
    }
  }
  const asked = [...types.values()].map((nodeId) => ({ nodeId, attributeId: BROWSE_NAME }));
  const names = await nodes.read(asked);
  return new Map(
    [...types.keys()].map((key, place) => {
      const name: unknown = names[place]?.value.value;
      return [key, nameIn(name)] as const;
    }),
  );
}

function nameIn(value: unknown): string {
  return typeof value === "object" && value !== null && "name" in value ? String(value.name) : "";
}

type Details = Pick<BrowsedNode, "dataType" | "unitId" | "unit" | "value" | "status">;

function detailsOf(
  found: DataValue | undefined,
  unitId: number | null,
  namespaces: readonly string[],
): Details {
  if (found === undefined) {
    return NOTHING;
  }
  const { value: variant, statusCode } = found;
  const isScalar = variant.arrayType === VariantArrayType.Scalar;
  const scalar: unknown = isScalar ? variant.value : null;
  const name = DataType[variant.dataType];
  return {
    dataType: name === "Null" ? null : `${name}${isScalar ? "" : "[]"}`,
    unitId,
    unit: unitId === null ? null : ucumOf(unitId),
    value: plainValue(scalar, kindOf(variant.dataType), namespaces),
    status: statusCode.name,
  };
}

const NOTHING: Details = { dataType: null, unitId: null, unit: null, value: null, status: null };
const OBJECTS = "i=85";
const VALUE: AttributeIds = AttributeIds.Value;
const BROWSE_NAME: AttributeIds = AttributeIds.BrowseName;
const CLASSES: ReadonlyMap<NodeClass, BrowsedNode["class"]> = new Map([
  [NodeClass.Object, "object"],
  [NodeClass.Variable, "variable"],
  [NodeClass.Method, "method"],
]);

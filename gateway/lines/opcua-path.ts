import { WardError } from "../errors.ts";

/** One step of a browse path: the browse name to look for, in one namespace or in any; null means every child. */
export interface PathStep {
  readonly namespace: string | null;
  readonly name: string | null;
}

/** Where a point is: below Objects by browse names, or at a node id of a namespace. */
export type PointPlace =
  | { readonly kind: "path"; readonly steps: readonly PathStep[] }
  | { readonly kind: "node"; readonly namespace: string; readonly id: string };

/** Reads `OpcuaPoint.node`. Throws WardError `WARD_OPCUA_POINT`. */
export function parsePlace(node: string): PointPlace {
  const nodeId = /^nsu=([^;]{1,512});([isgb]=.{1,512})$/.exec(node);
  if (nodeId?.[1] !== undefined && nodeId[2] !== undefined) {
    return { kind: "node", namespace: nodeId[1], id: nodeId[2] };
  }
  const steps = node.split(STEP_SEPARATOR).map((step) => parseStep(step));
  if (steps.length > STEPS_MAX || steps.some((step) => step.name === "")) {
    throw new WardError(
      "WARD_OPCUA_POINT",
      `Cannot look for OPC-UA node "${node.slice(0, 80)}": a step has no name, or there are more than ${STEPS_MAX}.`,
    );
  }
  return { kind: "path", steps };
}

/** Looks for one node by its path; `childrenOf` browses one node. Returns all nodes that fit, at most `NODES_MAX`. */
export async function walkPath<NodeKey>(
  root: NodeKey,
  steps: readonly PathStep[],
  childrenOf: (node: NodeKey) => Promise<readonly PathChild<NodeKey>[]>,
): Promise<readonly NodeKey[]> {
  let nodes: readonly NodeKey[] = [root];
  for (const step of steps) {
    const next: NodeKey[] = [];
    for (const node of nodes) {
      const children = await childrenOf(node);
      next.push(...children.filter((child) => fits(child, step)).map(({ node: found }) => found));
    }
    nodes = next.slice(0, NODES_MAX);
  }
  return nodes;
}

/** A child as browsing gives it. */
export interface PathChild<NodeKey> {
  readonly node: NodeKey;
  readonly namespace: string;
  readonly name: string;
}

function fits(child: PathChild<unknown>, step: PathStep): boolean {
  return (
    (step.name === null || step.name === child.name) &&
    (step.namespace === null || step.namespace === child.namespace)
  );
}

function parseStep(step: string): PathStep {
  if (step === "*") {
    return { namespace: null, name: null };
  }
  const semicolon = step.lastIndexOf(";");
  return semicolon === -1
    ? { namespace: null, name: step }
    : { namespace: step.slice(0, semicolon), name: step.slice(semicolon + 1) };
}

const STEP_SEPARATOR = " > ";
const STEPS_MAX = 16;
/** Nodes that are followed side by side, at most. */
const NODES_MAX = 64;

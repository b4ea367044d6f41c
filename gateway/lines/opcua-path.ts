import type { PathStep } from "../devices/opcua-place.ts";

/** A child as browsing gives it. */
export interface PathChild<NodeKey> {
  readonly node: NodeKey;
  readonly namespace: string;
  readonly name: string;
}

/** Looks for one node by its path; `childrenOf` browses nodes. Returns all nodes that fit, at most `NODES_MAX`. */
export async function walkPath<NodeKey>(
  root: NodeKey,
  steps: readonly PathStep[],
  childrenOf: (nodes: readonly NodeKey[]) => Promise<readonly (readonly PathChild<NodeKey>[])[]>,
): Promise<readonly NodeKey[]> {
  let nodes: readonly NodeKey[] = [root];
  for (const step of steps) {
    const children = (await childrenOf(nodes)).flat();
    nodes = children
      .filter((child) => fits(child, step))
      .slice(0, NODES_MAX)
      .map(({ node }) => node);
  }
  return nodes;
}

function fits(child: PathChild<unknown>, step: PathStep): boolean {
  return (
    (step.name === null || step.name === child.name) &&
    (step.namespace === null || step.namespace === child.namespace)
  );
}

/** Nodes that are followed side by side, at most. */
const NODES_MAX = 64;

import type { NodeStatus } from "./node-red.ts";

/** The last status under each node, bounded, for the report and for tests. */
export class NodeStatuses {
  readonly #statuses = new Map<string, NodeStatus>();

  set(status: NodeStatus): void {
    this.#statuses.delete(status.id);
    this.#statuses.set(status.id, status);
    if (this.#statuses.size > NODES_MAX) {
      for (const oldest of this.#statuses.keys()) {
        this.#statuses.delete(oldest);
        break;
      }
    }
  }

  /** The statuses of the nodes that run. */
  list(factsOf: (id: string) => NodeFacts): readonly (NodeStatus & NodeFacts)[] {
    return [...this.#statuses.values()]
      .map((status) => ({ ...status, ...factsOf(status.id) }))
      .filter(({ type }) => type !== "");
  }
}

interface NodeFacts {
  readonly type: string;
  readonly name: string;
}

const NODES_MAX = 500;

import type { FlowNode, Place } from "./flow-graph.ts";
import { COPIES_MAX, FlowGraph } from "./flow-graph.ts";

/** What is wrong with a flow. Words never change once released. */
export type FlowProblemCode =
  /** The file is no list of nodes. */
  | "not-a-flow"
  /** Readings can reach the outbox without passing the seal; the outbox would refuse them. */
  | "unsealed-path"
  /** What this source gives never reaches an outbox: all of it would be lost in the flow, and accounted as that. */
  | "source-unused"
  /** What is sealed can reach a seal again; the seal would refuse it. */
  | "sealed-twice"
  /** Two source nodes read one device. */
  | "device-twice"
  /** Too many ways through the flow to look at all of them. */
  | "too-many-paths";

export interface FlowProblem {
  readonly code: FlowProblemCode;
  /** Label of the tab, "" where there is none. */
  readonly tab: string;
  /** Name of the node, or its type where it has no name. */
  readonly node: string;
  readonly nodeId: string;
  /** One plain sentence with what to do. */
  readonly text: string;
}

/** Types of node that bring readings into a flow. */
export const SOURCE_TYPES = ["ward-serial", "ward-modbus", "ward-opcua", "ward-notices"] as const;

/**
 * Finds every way from a ward source to a ward-outbox that misses ward-seal, through subflows, link nodes, junctions, catch
 * and complete nodes; sources whose readings are never stored; and devices that are read twice. `flow` is a parsed flow
 * file. Disabled nodes and tabs do not count: they do not run.
 */
export function lintFlow(flow: unknown): FlowProblem[] {
  if (!Array.isArray(flow)) {
    const text = "The flow is not a list of nodes. Export it again from the editor.";
    return [{ code: "not-a-flow", tab: "", node: "", nodeId: "", text }];
  }
  const graph = new FlowGraph(flow);
  const sources = [...graph.nodes()].filter(isSource);
  const problems = [
    ...twice(graph, sources),
    ...sources.flatMap((node) => lintSource(graph, node)),
  ];
  const seen = new Set<string>();
  return problems.filter((problem) => {
    const key = `${problem.code} ${problem.nodeId} ${problem.text}`;
    const isNew = !seen.has(key);
    seen.add(key);
    return isNew;
  });
}

/** Steps that are followed from one source, at most. */
const STEPS_MAX = 100_000;

interface Step {
  readonly place: Place;
  readonly sealed: boolean;
}

function lintSource(graph: FlowGraph, source: FlowNode): FlowProblem[] {
  const problems: FlowProblem[] = [];
  const found = (code: FlowProblemCode, node: FlowNode, text: string): void => {
    problems.push(problemAt(graph, code, node, text));
  };
  const from = describe(graph, source);
  const steps: Step[] = graph.placesOf(source).map((place) => ({ place, sealed: false }));
  const copies = steps.length;
  const seen = new Set<string>();
  let stored = false;
  for (let next = steps.pop(); next !== undefined; next = steps.pop()) {
    const { place, sealed } = next;
    const key = keyOf(next);
    if (seen.has(key)) {
      continue;
    }
    seen.add(key);
    if (seen.size > STEPS_MAX || copies >= COPIES_MAX) {
      found("too-many-paths", source, `There are too many ways from ${from}. Use fewer links.`);
      return problems;
    }
    const { node } = place;
    if (node.type === "ward-outbox" && !sealed) {
      found(
        "unsealed-path",
        node,
        `Readings of ${from} reach it unsealed. Wire them to ward-seal first.`,
      );
    } else if (node.type === "ward-seal" && sealed) {
      found(
        "sealed-twice",
        node,
        `What is already sealed reaches it. Wire it to ward-outbox instead.`,
      );
    }
    stored ||= node.type === "ward-outbox" && sealed;
    push(steps, graph.observed(place), sealed);
    push(steps, graph.sent(place), sealed || node.type === "ward-seal");
  }
  if (!stored) {
    const text =
      "Its readings never reach an outbox. Wire it to ward-check, ward-seal and ward-outbox.";
    found("source-unused", source, text);
  }
  return problems;
}

function push(steps: Step[], places: readonly Place[], sealed: boolean): void {
  for (const place of places) {
    steps.push({ place, sealed });
  }
}

function twice(graph: FlowGraph, sources: readonly FlowNode[]): FlowProblem[] {
  const first = new Map<string, FlowNode>();
  const problems: FlowProblem[] = [];
  for (const source of sources) {
    const device = source.fields["device"];
    if (typeof device !== "string" || device === "") {
      continue;
    }
    const other = first.get(device);
    if (other === undefined) {
      first.set(device, source);
    } else {
      const text = `Device ${device.slice(0, 64)} is already read by ${describe(graph, other)}. Keep one of the two.`;
      problems.push(problemAt(graph, "device-twice", source, text));
    }
  }
  return problems;
}

function isSource(node: FlowNode): boolean {
  return SOURCE_TYPES.some((type) => type === node.type);
}

function keyOf({ place, sealed }: Step): string {
  return [sealed ? "sealed" : "open", place.node.id, ...place.frames.map(({ id }) => id)].join(" ");
}

function describe(graph: FlowGraph, node: FlowNode): string {
  return `"${node.name}" on tab "${graph.sheetOf(node)?.label ?? ""}"`;
}

function problemAt(
  graph: FlowGraph,
  code: FlowProblemCode,
  node: FlowNode,
  text: string,
): FlowProblem {
  const tab = graph.sheetOf(node)?.label ?? "";
  return { code, tab, node: node.name, nodeId: node.id, text };
}

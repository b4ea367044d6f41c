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

/** Reads `OpcuaPoint.node`. Throws WardError `WARD_OPCUA_POINT` that says what is wrong. */
export function parsePlace(node: string): PointPlace {
  if (/^ns=\d+;/.test(node)) {
    throw bad(
      node,
      "its namespace is a number, which changes when the server does; write nsu=<uri>;...",
    );
  }
  const match = NODE_ID.exec(node);
  const id = match?.[2];
  if (id !== undefined) {
    const namespace = match?.[1] ?? (id.startsWith("i=") ? OPCUA_NAMESPACE : undefined);
    if (namespace === undefined) {
      throw bad(node, "it has no namespace; write nsu=<uri>;...");
    }
    return { kind: "node", namespace, id };
  }
  const steps = node.split(STEP_SEPARATOR).map(parseStep);
  if (steps.length > STEPS_MAX || steps.some(({ name }) => name === "")) {
    throw bad(node, `a step has no name, or there are more than ${STEPS_MAX}`);
  }
  return { kind: "path", steps };
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

function bad(node: string, why: string): WardError {
  const shown = node.slice(0, SHOWN_MAX);
  return new WardError("WARD_OPCUA_POINT", `Cannot look for OPC-UA node "${shown}": ${why}.`);
}

/** The namespace of OPC-UA itself, always the first. */
export const OPCUA_NAMESPACE = "http://opcfoundation.org/UA/";
const NODE_ID = /^(?:nsu=([^;]{1,512});)?(i=\d{1,10}|[sgb]=.{1,512})$/s;
const STEP_SEPARATOR = " > ";
const STEPS_MAX = 16;
const SHOWN_MAX = 80;

import type { RequestListener, Server } from "node:http";

import RED from "node-red";

import { errorText, WardError } from "../errors.ts";
import { cloneOfWardMessage } from "./message-clone.ts";
import type { RedSettings } from "./red-settings.ts";

/** What the flow host wants to hear of Node-RED. */
export interface RedEvents {
  /** Some nodes are about to stop: nothing may be handed to the flow until it is started again. */
  readonly stopping: () => void;
  /** All nodes run, after a whole or a partial deploy. */
  readonly started: () => void;
  /** The flow will not start. */
  readonly failed: (error: WardError) => void;
  readonly status: (node: NodeStatus) => void;
}

/** What is shown under a node. */
export interface NodeStatus {
  readonly id: string;
  readonly fill: string;
  readonly shape: string;
  readonly text: string;
}

export interface NodeRed {
  readonly version: string;
  /** The editor and its API. */
  readonly admin: RequestListener;
  readonly stop: () => Promise<void>;
}

/** Starts the one Node-RED of this process; `events.started` follows when its flow runs. */
export async function startNodeRed(
  server: Server,
  settings: RedSettings,
  events: RedEvents,
): Promise<NodeRed> {
  RED.init(server, settings);
  RED.events.on("flows:stopping", () => events.stopping());
  RED.events.on("flows:started", () => events.started());
  RED.events.on("node-status", (event: unknown) => {
    const status = statusOf(event);
    if (status !== null) {
      events.status(status);
    }
  });
  RED.events.on("runtime-event", (event: unknown) => {
    const problem = problemOf(event);
    if (problem !== null) {
      events.failed(problem);
    }
  });
  cloneQuickly();
  await RED.start();
  return { version: versionOf(RED.version), admin: RED.httpAdmin, stop: () => RED.stop() };
}

/** Takes the cloning of ward messages over from Node-RED, by its own hook for messages that are about to be routed. */
function cloneQuickly(): void {
  const hooks: unknown = Reflect.get(RED, "hooks");
  const add: unknown = Reflect.get(Object(hooks), "add");
  if (typeof add !== "function") {
    return;
  }
  Reflect.apply(add, hooks, [
    "preRoute.wardgate",
    (event: { msg: unknown; cloneMessage: boolean }) => {
      const clone = event.cloneMessage ? cloneOfWardMessage(event.msg) : null;
      if (clone !== null) {
        event.msg = clone;
        event.cloneMessage = false;
      }
    },
  ]);
}

/** True for a node type that some loaded node file registered. */
export function isKnownType(type: string): boolean {
  return typeof call("getType", type) === "function";
}

/** A text according to the types, a function in fact. */
function versionOf(version: unknown): string {
  return typeof version === "function" ? String(Reflect.apply(version, RED, [])) : String(version);
}

/** Type and name of a running node; empty for one that does not run. */
export function nodeFacts(id: string): { readonly type: string; readonly name: string } {
  const node = call("getNode", id);
  return { type: text(node, "type"), name: text(node, "name") };
}

/** The types' own description of this part is empty. */
function call(name: string, argument: string): unknown {
  const act: unknown = Reflect.get(RED.nodes, name);
  return typeof act === "function" ? Reflect.apply(act, RED.nodes, [argument]) : undefined;
}

function statusOf(event: unknown): NodeStatus | null {
  const id = text(event, "id");
  if (id === "") {
    return null;
  }
  const status: unknown = Reflect.get(Object(event), "status");
  return {
    id,
    fill: text(status, "fill"),
    shape: text(status, "shape"),
    text: text(status, "text"),
  };
}

/** Node-RED stops its flow with one of these when it cannot run it, and stays up without one. */
const PROBLEMS: Readonly<Record<string, string>> = {
  "missing-types": "it uses nodes that this gateway does not have",
  "missing-modules": "it needs modules that this gateway does not have",
  "safe-mode": "safe mode is on",
};

function problemOf(event: unknown): WardError | null {
  const payload: unknown = Reflect.get(Object(event), "payload");
  const why = PROBLEMS[text(payload, "error")];
  if (why === undefined) {
    return null;
  }
  const types: unknown = Reflect.get(Object(payload), "types");
  const names = Array.isArray(types) ? ` (${errorText(types.slice(0, NAMES_MAX).join(", "))})` : "";
  return new WardError(
    "WARD_FLOWS_NOT_STARTED",
    `Cannot start the flow: ${why}${names}. Correct the flow.`,
  );
}

const NAMES_MAX = 10;
const TEXT_CHARS_MAX = 100;

function text(of: unknown, field: string): string {
  const value: unknown = typeof of === "object" && of !== null ? Reflect.get(of, field) : undefined;
  return typeof value === "string" ? value.slice(0, TEXT_CHARS_MAX) : "";
}

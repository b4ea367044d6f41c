import type { EventEmitter } from "node:events";
import type { Server } from "node:http";

import nodeRed from "node-red";

/** What the bench uses of Node-RED; its published types know less than half of it. */
interface Runtime {
  init(server: Server, settings: object): void;
  start(): Promise<void>;
  readonly events: EventEmitter;
  readonly hooks: {
    add(name: string, hook: (event: CompleteEvent) => void): void;
  };
  readonly nodes: {
    createNode(node: RunningNode, fields: object): void;
    registerType(
      set: string,
      type: string,
      constructor: (this: RunningNode, fields: object) => void,
    ): void;
  };
  readonly runtime: { readonly flows: { setFlows(change: object): Promise<unknown> } };
}

export interface RunningNode {
  readonly id: string;
  readonly type: string;
  send(message: object): void;
}

/** A node has called done(). */
interface CompleteEvent {
  readonly node: { readonly node?: RunningNode };
}

export const RED: Runtime = nodeRed as unknown as Runtime;

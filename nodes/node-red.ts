/** What this package uses of the API that Node-RED 5 hands to a node file. */
export interface Red {
  readonly nodes: {
    createNode(node: RedNode, fields: object): void;
    getNode(id: string): unknown;
    registerType(type: string, constructor: (this: RedNode, fields: object) => void): void;
  };
  /** The host's settings; `ward` holds the flow services. */
  readonly settings: { readonly ward?: unknown };
  readonly events: {
    on(event: "flows:stopping", listener: () => void): unknown;
  };
  readonly util: { getSetting(node: RedNode, name: string): unknown };
  readonly auth: { needsPermission(permission: string): AdminHandler };
  readonly httpAdmin: { get(path: string, ...handlers: readonly AdminHandler[]): unknown };
}

/** A node as Node-RED makes it. */
export interface RedNode {
  readonly id: string;
  readonly z?: string;
  on(event: "input", listener: InputListener): unknown;
  on(event: "close", listener: (removed: boolean, done: () => void) => void): unknown;
  send(message: Sent): void;
  status(status: RedStatus): void;
  warn(text: string): void;
  error(error: Error, message?: FlowMessage): void;
}

/** A message on its way; everything in it may have been changed by the flow. */
export interface FlowMessage {
  [field: string]: unknown;
}

/** One message for the first output, or one (or null) for each output. */
export type Sent = FlowMessage | (FlowMessage | null)[];
export type Send = (message: Sent) => void;
type InputListener = (message: FlowMessage, send: Send, done: (error?: Error) => void) => void;

export interface RedStatus {
  readonly fill?: StatusFill;
  readonly shape?: StatusShape;
  readonly text?: string;
}
export type StatusFill = "green" | "yellow" | "red" | "blue" | "grey";
export type StatusShape = "dot" | "ring";

export type AdminHandler = (
  request: unknown,
  response: AdminResponse,
  next: (error?: unknown) => void,
) => void;

export interface AdminResponse {
  status(code: number): AdminResponse;
  json(body: unknown): unknown;
}

import { Socket } from "node:net";

import { WardError } from "../errors.ts";
import type { MainToRoom, RoomToMain } from "../rooms.ts";

/**
 * The flow host's end of its channel to main. Flows are other people's code in the same process: after `openMainChannel` they
 * find neither main's messages and sockets nor the act of sending on `process`. That is no wall (whoever runs here
 * can write to any open file descriptor), so main treats what it hears as hostile; it keeps honest code from accidents.
 */
export interface MainChannelHandlers {
  readonly message: (message: MainToRoom, socket: Socket | null) => void;
  /** Main is gone. */
  readonly disconnect: () => void;
}

export type SendToMain = (message: RoomToMain, sent?: () => void) => void;

/** Takes the channel away from `process`. Throws WardError `WARD_NO_PARENT` when this process has no parent to talk to. */
export function openMainChannel(handlers: MainChannelHandlers): SendToMain {
  const send: unknown = Reflect.get(process, "_send");
  if (process.send === undefined || typeof send !== "function") {
    throw new WardError(
      "WARD_NO_PARENT",
      "Cannot start a room by hand: start the gateway with `wardgate run`.",
    );
  }
  const channel = Object.create(process, { _send: { value: send } });
  takeEvents(handlers);
  // Without a listener Node.js would queue messages instead of telling, and would not keep the process alive.
  process.on("message", () => undefined);
  hide(send, channel);
  return (message, sent) => {
    if (process.connected) {
      Reflect.apply(send, channel, [message, null, { swallowErrors: true }, sent]);
    } else {
      sent?.();
    }
  };
}

/** Node.js tells `process` what comes on the channel by calling its `emit`. */
function takeEvents(handlers: MainChannelHandlers): void {
  const emit = process.emit.bind(process);
  const internal = process.rawListeners("internalMessage");
  const mine: Readonly<Record<string, (...args: readonly unknown[]) => void>> = {
    internalMessage: (...args) => {
      for (const listener of internal) {
        Reflect.apply(listener, process, args);
      }
    },
    message: (message, handle) => {
      if (isMainToRoom(message)) {
        handlers.message(message, handle instanceof Socket ? handle : null);
      }
    },
    disconnect: () => handlers.disconnect(),
  };
  Object.defineProperty(process, "emit", {
    value: (event: string, ...args: readonly unknown[]) => {
      const act = Object.hasOwn(mine, event) ? mine[event] : undefined;
      act?.(...args);
      return act === undefined ? Reflect.apply(emit, process, [event, ...args]) : true;
    },
    writable: false,
    configurable: false,
  });
}

function hide(send: object, channel: object): void {
  Reflect.deleteProperty(process, "send");
  // Node.js itself says with `_send` that a socket has arrived.
  Object.defineProperty(process, "_send", {
    value: (message: unknown, ...rest: readonly unknown[]) =>
      isHandleAnswer(message) && typeof send === "function"
        ? Reflect.apply(send, channel, [message, ...rest])
        : false,
    writable: false,
    configurable: false,
  });
}

function isHandleAnswer(message: unknown): boolean {
  const command: unknown = Reflect.get(Object(message), "cmd");
  return command === "NODE_HANDLE_ACK" || command === "NODE_HANDLE_NACK";
}

/** Main is the parent and is trusted: only the kind of message is looked at. */
function isMainToRoom(message: unknown): message is MainToRoom {
  const kind: unknown = Reflect.get(Object(message), "t");
  return typeof kind === "string" && KINDS.has(kind);
}

const KINDS: ReadonlySet<string> = new Set<MainToRoom["t"]>([
  "start",
  "link",
  "editor",
  "ping",
  "notice",
  "checkpointed",
  "keep-checkpoint",
  "ask",
  "stop",
]);

import type { Socket } from "node:net";

import { errorCode, errorText } from "./errors.ts";
import type { MainToRoom, RoomToMain } from "./rooms.ts";

/**
 * The room's end of its channel to main: answers pings, says what is fatal, and ends the process when main is gone. A room
 * process calls this once; everything else of the room is ordinary code.
 */
export interface RoomHandlers {
  /** Messages other than ping and stop; some come with a socket. */
  readonly message: (message: MainToRoom, socket: Socket | null) => void;
  /** Age of the oldest unsettled work in milliseconds, for the pong. */
  readonly oldestUnsettledMs: () => number | null;
  /** Ends the room in order; the process exits when this resolves, or after 5 seconds. */
  readonly stop: () => Promise<void>;
}

export type SendToMain = (message: RoomToMain) => void;

const STOP_MS = 5000;

/** Starts listening to main; returns the way to talk to it. */
export function enterRoom(handlers: RoomHandlers): SendToMain {
  const send: SendToMain = (message) => {
    if (process.connected) {
      process.send?.(message, undefined, undefined, () => undefined);
    }
  };
  const leave = (code: number): void => {
    const forced = setTimeout(() => process.exit(code), STOP_MS);
    handlers
      .stop()
      .catch((error: unknown) =>
        send({ t: "fatal", code: errorCode(error), message: errorText(error) }),
      )
      .finally(() => {
        clearTimeout(forced);
        send({ t: "stopped" });
        setImmediate(() => process.exit(code));
      });
  };
  const fail = (error: unknown): void => {
    send({ t: "fatal", code: errorCode(error), message: errorText(error) });
    setImmediate(() => process.exit(1));
  };
  process.on("uncaughtException", fail);
  process.on("unhandledRejection", fail);
  process.on("disconnect", () => leave(1));
  // Ctrl-C in a terminal reaches the whole process group; the order of stopping is main's business.
  process.on("SIGINT", () => undefined);
  process.on("SIGTERM", () => undefined);
  process.on("message", (message: MainToRoom, handle: unknown) => {
    if (message.t === "ping") {
      send({ t: "pong", n: message.n, oldestUnsettledMs: handlers.oldestUnsettledMs() });
    } else if (message.t === "stop") {
      leave(0);
    } else {
      handlers.message(message, isSocket(handle) ? handle : null);
    }
  });
  return send;
}

function isSocket(handle: unknown): handle is Socket {
  return typeof handle === "object" && handle !== null && "write" in handle && "destroy" in handle;
}

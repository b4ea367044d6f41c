import { errorCode, errorText, WardError } from "../errors.ts";
import type { MainToRoom } from "../rooms.ts";
import { blame } from "./blame.ts";
import { assertConfined, dropRest } from "./confinement.ts";
import { Flowhost } from "./flowhost.ts";
import { openMainChannel } from "./main-channel.ts";
import { parseFlowhostConfig } from "./start-config.ts";
import type { Socket } from "node:net";

/** The process of the flow host. Main starts it under Node.js' permission model and talks to it by process messages. */
const STOP_MS_MAX = 5000;
const LAST_WORDS_MS = 200;

let flowhost: Flowhost | null = null;
let ending = false;

const send = openMainChannel({
  message: (message, socket) => {
    try {
      receive(message, socket);
    } catch (error) {
      socket?.destroy();
      fail(error);
    }
  },
  disconnect: () => leave(1),
});
process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);
// Ctrl-C in a terminal reaches the whole process group; the order of stopping is main's business.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => undefined);
assertConfined();
dropRest();

function receive(message: MainToRoom, socket: Socket | null): void {
  switch (message.t) {
    case "start":
      flowhost = new Flowhost({
        config: parseFlowhostConfig(message.config),
        toMain: (said) => send(said),
        fatal: fail,
      });
      break;
    case "ping":
      send({ t: "pong", n: message.n, oldestUnsettledMs: flowhost?.oldestUnsettledMs() ?? null });
      break;
    case "link":
    case "editor":
      takeSocket(message, socket);
      break;
    case "ask":
      send({ t: "answer", id: message.id, value: message.what === "stats" ? stats() : null });
      break;
    case "stop":
      leave(0);
      break;
    case "notice":
    case "conduct":
    case "checkpointed":
    case "keep-checkpoint":
    case "journaled":
    case "facts":
    case "queried":
      break;
  }
}

function takeSocket(
  message: Extract<MainToRoom, { t: "link" | "editor" }>,
  socket: Socket | null,
): void {
  if (socket === null || flowhost === null || ending) {
    socket?.destroy();
  } else if (message.t === "editor") {
    flowhost.acceptEditor(socket);
  } else if (message.peer === "bedside") {
    flowhost.linkBedside(socket);
  } else if (message.peer === "keeper") {
    flowhost.linkKeeper(socket);
  } else if (message.peer === "listener") {
    flowhost.console.link(socket);
  } else {
    socket.destroy();
  }
}

function stats(): unknown {
  return flowhost?.stats() ?? null;
}

function leave(code: number): void {
  if (ending) {
    return;
  }
  ending = true;
  const forced = setTimeout(() => process.exit(code), STOP_MS_MAX);
  Promise.resolve(flowhost?.stop())
    .catch((error: unknown) => {
      send({ t: "fatal", code: errorCode(error), message: errorText(error) });
    })
    .finally(() => {
      clearTimeout(forced);
      send({ t: "stopped" }, () => process.exit(code));
      setTimeout(() => process.exit(code), LAST_WORDS_MS);
    });
}

/** Code of a flow or of a node failed where nobody catches: only a new process is in a known state. */
function fail(error: unknown): void {
  const node = error instanceof WardError ? null : blame(error);
  const message = node === null ? errorText(error) : `${node}: ${errorText(error)}`;
  send({ t: "fatal", code: errorCode(error), message }, () => process.exit(1));
  setTimeout(() => process.exit(1), LAST_WORDS_MS);
}

import { createHash } from "node:crypto";
import { once } from "node:events";
import { realpathSync } from "node:fs";
import { chmod, rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";

import { errorCode, errorText, WardError } from "../errors.ts";
import type { House } from "./house.ts";

/**
 * How `wardgate outbox status` and `wardgate check` ask a running gateway: a UNIX socket in its data directory (mode 0600),
 * one JSON line in, one JSON line out. Only questions from a fixed list are answered; nothing can be changed here.
 */
export async function serveControl(dataDirectory: string, house: House): Promise<Server> {
  const path = socketPath(dataDirectory);
  if (!isAbstract(path)) {
    await rm(path, { force: true });
  }
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    void serve(socket, house);
  });
  server.maxConnections = CONNECTIONS_MAX;
  server.listen(path);
  await once(server, "listening");
  if (!isAbstract(path)) {
    await chmod(path, 0o600);
  }
  server.unref();
  return server;
}

/** Asks the gateway of a data directory; throws WardError `WARD_NOT_RUNNING` when none runs on it. */
export async function askControl(
  dataDirectory: string,
  question: ControlQuestion,
): Promise<unknown> {
  const socket = connect(socketPath(dataDirectory));
  socket.setTimeout(ASK_MS, () => socket.destroy(new Error("no answer")));
  try {
    await once(socket, "connect");
    socket.end(`${JSON.stringify({ question })}\n`);
    const answer = await readLine(socket, ANSWER_BYTES_MAX);
    const value: unknown = JSON.parse(answer);
    if (typeof value === "object" && value !== null && "error" in value) {
      throw new WardError("WARD_ROOM_SILENT", String(value.error));
    }
    return value;
  } catch (error) {
    if (["ENOENT", "ECONNREFUSED"].includes(errorCode(error))) {
      const message = `Cannot ask the gateway on ${dataDirectory}: none is running there. Start it with: wardgate run --data ${dataDirectory}`;
      throw new WardError("WARD_NOT_RUNNING", message, { cause: error });
    }
    throw error;
  } finally {
    socket.destroy();
  }
}

const QUESTIONS = {
  outbox: (house: House) => house.ask("keeper", "outbox-status"),
  bedside: async (house: House) => house.stats("bedside"),
} as const;
export type ControlQuestion = keyof typeof QUESTIONS;

const ASK_MS = 5000;
const QUESTION_BYTES_MAX = 1024;
const ANSWER_BYTES_MAX = 1024 * 1024;
const CONNECTIONS_MAX = 8;
/** Longest path of a UNIX socket, sun_path less its final zero. */
const PATH_BYTES_MAX = 107;

async function serve(socket: Socket, house: House): Promise<void> {
  socket.on("error", () => socket.destroy());
  socket.setTimeout(ASK_MS, () => socket.destroy());
  try {
    const asked: unknown = JSON.parse(await readLine(socket, QUESTION_BYTES_MAX));
    const name =
      typeof asked === "object" && asked !== null && "question" in asked ? asked.question : null;
    const question = Object.entries(QUESTIONS).find(([key]) => key === name)?.[1];
    if (question === undefined) {
      throw new WardError("WARD_USAGE", "Cannot answer: unknown question.");
    }
    socket.end(`${JSON.stringify(await question(house))}\n`);
  } catch (error) {
    socket.end(`${JSON.stringify({ error: errorText(error) })}\n`);
  }
}

async function readLine(socket: Socket, most: number): Promise<string> {
  let text = "";
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    text += String(chunk);
    if (text.length > most) {
      throw new WardError("WARD_CONTROL", "Cannot read: the line is too long.");
    }
    if (text.includes("\n")) {
      break;
    }
  }
  return text;
}

/** In the data directory, or an abstract name where that path is too long for a UNIX socket. */
function socketPath(dataDirectory: string): string {
  const path = join(realpathSync(dataDirectory), "control.sock");
  if (Buffer.byteLength(path) <= PATH_BYTES_MAX) {
    return path;
  }
  return `\0wardgate-control-${createHash("sha256").update(path).digest("hex").slice(0, 32)}`;
}

function isAbstract(path: string): boolean {
  return path.startsWith("\0");
}

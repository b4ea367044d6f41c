import { readFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";

import { awaitReady } from "../editor-socket.ts";
import { WardError } from "../errors.ts";
import type { JournalEvent } from "../journal/event.ts";
import { enterRoom } from "../room-process.ts";
import { socketPair } from "../socket-pair.ts";
import { Listener } from "./listener.ts";

/** What main gives the listener at its start. */
export interface ListenerConfig {
  readonly host: string;
  readonly port: number;
  /** Holds console.crt.pem and console.key.pem. */
  readonly directory: string;
}

/** The listener process: the only one that a browser reaches. */
let listener: Listener | null = null;
/** Events that main has not answered for yet, by their numbers. */
const unwritten = new Map<number, (problem: string | null) => void>();
let events = 0;

const send = enterRoom({
  message: (message) => {
    if (message.t === "start" && isListenerConfig(message.config)) {
      start(message.config).catch((error: unknown) => {
        setImmediate(() => {
          throw error;
        });
      });
    } else if (message.t === "ask" && message.what === "login") {
      send({ t: "answer", id: message.id, value: listener?.issueLogin() ?? null });
    } else if (message.t === "ask" && message.what === "login-due") {
      send({ t: "answer", id: message.id, value: listener?.loginDue ?? false });
    } else if (message.t === "journaled") {
      unwritten.get(message.id)?.(message.problem);
      unwritten.delete(message.id);
    }
  },
  oldestUnsettledMs: () => null,
  stop: async () => {
    await listener?.close();
  },
});

async function start({ host, port, directory }: ListenerConfig): Promise<void> {
  const [cert, key] = await Promise.all(
    ["console.crt.pem", "console.key.pem"].map((file) => readFile(join(directory, file), "utf8")),
  );
  if (cert === undefined || key === undefined) {
    throw new WardError(
      "WARD_CONSOLE_CERTIFICATE",
      `Cannot read the console's certificate in ${directory}.`,
    );
  }
  const opened = new Listener({ host, port, cert, key, connectEditor, journal });
  const openPort = await opened.open();
  listener = opened;
  send({ t: "ready", facts: { port: openPort } });
}

/** Has main write something down. Rejects with WardError `WARD_JOURNAL_WRITE`. */
function journal(event: JournalEvent): Promise<void> {
  events += 1;
  const id = events;
  return new Promise((resolve, reject) => {
    const refuse = (why: string): void =>
      reject(new WardError("WARD_JOURNAL_WRITE", `Cannot write the journal: ${why}`));
    if (unwritten.size >= UNWRITTEN_MAX) {
      refuse("too much waits to be written down.");
      return;
    }
    unwritten.set(id, (problem) => (problem === null ? resolve() : refuse(problem)));
    send({ t: "journal", id, event });
  });
}

const UNWRITTEN_MAX = 256;

/** One end for us, the other by way of main to the flow host. */
async function connectEditor(): Promise<Socket> {
  const [near, far] = await socketPair();
  far.on("error", () => far.destroy());
  process.send?.({ t: "editor" }, near, undefined, (error) => {
    if (error !== null) {
      far.destroy();
    }
  });
  return awaitReady(far);
}

function isListenerConfig(config: unknown): config is ListenerConfig {
  return typeof config === "object" && config !== null && "directory" in config && "port" in config;
}

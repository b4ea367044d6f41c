import { readFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import type { WardBeds } from "../access/wards.ts";
import { awaitReady } from "../editor-socket.ts";
import { WardError } from "../errors.ts";
import { enterRoom } from "../room-process.ts";
import type { MainToRoom } from "../rooms.ts";
import { socketPair } from "../socket-pair.ts";
import { Console } from "./console.ts";
import { FlowhostFeed } from "./flowhost-feed.ts";
import { Listener } from "./listener.ts";
import { MainTalk } from "./main-talk.ts";
import { StaticFiles } from "./static-files.ts";

/** What main gives the listener at its start. */
export interface ListenerConfig {
  readonly host: string;
  readonly port: number;
  /** Holds console.crt.pem and console.key.pem. */
  readonly directory: string;
  readonly gateway: string;
  readonly authoring: boolean;
  /** From the signed settings; empty where they name none. */
  readonly wards: readonly WardBeds[];
}

/** The listener process: the only one that a browser reaches. Nothing here but the wiring of its parts. */
let listener: Listener | null = null;
let pages: Console | null = null;

const send = enterRoom({
  message: (message, socket) => hear(message, socket),
  oldestUnsettledMs: () => null,
  stop: async () => {
    await listener?.close();
  },
});
const main = new MainTalk(send);
const feed = new FlowhostFeed({
  onBoard: (event) => pages?.board(event),
  onWaves: (event) => pages?.waves(event),
  // The facts that main tells each second say it too.
  onUp: () => undefined,
});

function hear(message: MainToRoom, socket: Socket | null): void {
  switch (message.t) {
    case "start":
      if (isListenerConfig(message.config)) {
        start(message.config).catch((error: unknown) => {
          setImmediate(() => {
            throw error;
          });
        });
      }
      break;
    case "link":
      if (socket !== null && message.peer === "flowhost") {
        feed.attach(socket);
      } else {
        socket?.destroy();
      }
      break;
    case "ask":
      send({ t: "answer", id: message.id, value: answerTo(message.what) });
      break;
    case "journaled":
    case "queried":
      main.heard(message);
      break;
    case "facts":
      pages?.facts(message.facts);
      break;
    default:
      socket?.destroy();
  }
}

function answerTo(what: string): unknown {
  switch (what) {
    case "login":
      return listener?.issueLogin() ?? null;
    case "login-due":
      return listener?.loginDue ?? false;
    default:
      return null;
  }
}

async function start(config: ListenerConfig): Promise<void> {
  const { host, port, directory, gateway, authoring, wards } = config;
  const [cert, key] = await Promise.all(
    ["console.crt.pem", "console.key.pem"].map((file) => readFile(join(directory, file), "utf8")),
  );
  if (cert === undefined || key === undefined) {
    throw new WardError(
      "WARD_CONSOLE_CERTIFICATE",
      `Cannot read the console's certificate in ${directory}.`,
    );
  }
  pages = new Console({
    gateway,
    authoring,
    wards,
    query: (what, argument) => main.query(what, argument),
    journal: (event) => main.journal(event),
    watch: (on, waves) => {
      send({ t: "watch", on });
      feed.watch(on, waves);
    },
    now: () => performance.now(),
  });
  const opened = new Listener({
    host,
    port,
    cert,
    key,
    console: pages,
    files: new StaticFiles(fileURLToPath(new URL("built", import.meta.url))),
    connectEditor,
    journal: (event) => main.journal(event),
  });
  const openPort = await opened.open();
  listener = opened;
  send({ t: "ready", facts: { port: openPort } });
}

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
  return (
    typeof config === "object" && config !== null && "directory" in config && "wards" in config
  );
}

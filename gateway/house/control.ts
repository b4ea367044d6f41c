import { once } from "node:events";
import { closeSync, constants, openSync } from "node:fs";
import { rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";

import { errorCode, errorText, WardError } from "../errors.ts";
import { type JournalEvent, type JournalKind, parseJournalEvent } from "../journal/event.ts";
import { textAt } from "../json-value.ts";
import { editorLogin } from "./editor-login.ts";
import { appendBy } from "./house-journal.ts";
import type { BundleTrials } from "./bundle-trial.ts";
import type { Health } from "./health.ts";
import type { House } from "./house.ts";

/** What the answers are made from. */
export type ControlledHouse = Pick<House, "ask" | "stats" | "facts"> & {
  /** Missing where the signed settings name no channel of bundles. */
  readonly bundles?: Pick<BundleTrials, "activate" | "status"> | undefined;
  /** How the gateway is by the age of its data. */
  readonly health: () => Health;
};

/**
 * How `wardgate outbox`, `check`, `health` and `login` ask a running gateway: a UNIX socket in its data directory
 * (mode 0600), one JSON line in, one JSON line out. Only questions from a fixed list are answered, and no answer changes
 * anything but which login to the editor is the newest, what a receipt that the hub has signed says, and that a signed bundle
 * is tried.
 */
export async function serveControl(dataDirectory: string, house: ControlledHouse): Promise<Server> {
  const directory = openDirectory(dataDirectory);
  const path = socketPath(directory);
  await rm(path, { force: true });
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    void serve(socket, house);
  });
  server.maxConnections = CONNECTIONS_MAX;
  server.on("close", () => closeSync(directory));
  // The socket is made while listen() runs: at no moment may somebody else connect to it.
  const umask = process.umask(0o177);
  server.listen(path);
  process.umask(umask);
  await once(server, "listening");
  server.unref();
  return server;
}

/**
 * Asks the gateway of a data directory; `argument` belongs to the question. Throws WardError `WARD_NOT_RUNNING` when none runs
 * on it, or with the code of what went wrong there.
 */
export async function askControl(
  dataDirectory: string,
  question: ControlQuestion,
  argument = "",
): Promise<unknown> {
  let directory: number | null = null;
  try {
    directory = openDirectory(dataDirectory);
    return await askAt(socketPath(directory), { question, argument });
  } catch (error) {
    if (["ENOENT", "ECONNREFUSED"].includes(errorCode(error))) {
      const message = `Cannot ask the gateway on ${dataDirectory}: none is running there. Start it with: wardgate run --data ${dataDirectory}`;
      throw new WardError("WARD_NOT_RUNNING", message, { cause: error });
    }
    throw error;
  } finally {
    if (directory !== null) {
      closeSync(directory);
    }
  }
}

async function askAt(
  path: string,
  asked: { readonly question: ControlQuestion; readonly argument: string },
): Promise<unknown> {
  const socket = connect(path);
  socket.setTimeout(ASK_MS, () => socket.destroy(new Error("no answer")));
  try {
    await once(socket, "connect");
    socket.end(`${JSON.stringify(asked)}\n`);
    const answer = await readLine(socket, ANSWER_BYTES_MAX);
    const value: unknown = JSON.parse(answer);
    if (typeof value === "object" && value !== null && "error" in value) {
      throw new WardError(textAt(value, "code") || "WARD_ROOM_SILENT", String(value.error));
    }
    return value;
  } finally {
    socket.destroy();
  }
}

const QUESTIONS = {
  outbox: (house: ControlledHouse) => house.ask("keeper", "outbox-status"),
  "outbox-verify": (house: ControlledHouse) => house.ask("keeper", "outbox-verify"),
  "outbox-verified": (house: ControlledHouse) => house.ask("keeper", "outbox-verified"),
  "outbox-waiting": (house: ControlledHouse) => house.ask("keeper", "outbox-waiting"),
  "outbox-epochs": askOutbox("outbox-epochs"),
  "outbox-read": askOutbox("outbox-read"),
  "outbox-receipt": askOutbox("outbox-receipt"),
  flows: (house: ControlledHouse) => house.ask("keeper", "flows"),
  bundle: async (house: ControlledHouse) => needBundles(house).status(),
  "bundle-activate": async (house: ControlledHouse) => needBundles(house).activate(),
  bedside: async (house: ControlledHouse) => house.stats("bedside"),
  health: async (house: ControlledHouse) => house.health(),
  "journal-append": async (house: ControlledHouse, argument: string) => {
    await appendBy((what) => house.ask("keeper", what), localEvent(argument));
    return { written: true };
  },
  login: async (house: ControlledHouse) => {
    const event = { kind: "login-issued", who: "local", outcome: "accepted", what: {} } as const;
    await appendBy((what) => house.ask("keeper", what), event);
    return { editor: await editorLogin(house) };
  },
} as const;
export type ControlQuestion = keyof typeof QUESTIONS;

function needBundles({ bundles }: ControlledHouse): Pick<BundleTrials, "activate" | "status"> {
  if (bundles === undefined) {
    throw new WardError(
      "WARD_BUNDLE_CHANNEL",
      "Cannot use bundles: the signed settings of this gateway name no channel. Have them signed with one.",
    );
  }
  return bundles;
}

/** What somebody on the gateway itself has done with a command, from JSON in base64. Throws WardError. */
function localEvent(argument: string): JournalEvent {
  const value: unknown = JSON.parse(Buffer.from(argument, "base64").toString("utf8"));
  const event = parseJournalEvent(value);
  if (!LOCAL_KINDS.has(event.kind) || !event.who.startsWith("local")) {
    throw new WardError("WARD_USAGE", `Cannot write the journal: ${event.kind} is no command's.`);
  }
  return event;
}

const LOCAL_KINDS: ReadonlySet<JournalKind> = new Set([
  "bundle",
  "bundle-refused",
  "device-login",
  "enrolment-asked",
  "outbox-salvaged",
]);

/** Hands a question on to the keeper together with its argument: numbers, words and base64. */
function askOutbox(what: string) {
  return (house: ControlledHouse, argument: string): Promise<unknown> => {
    if (!/^[\w+/= -]*$/.test(argument)) {
      throw new WardError("WARD_USAGE", `Cannot answer ${what}: its argument is none.`);
    }
    return house.ask("keeper", `${what} ${argument}`);
  };
}

const ASK_MS = 5000;
/** A receipt in base64. */
const QUESTION_BYTES_MAX = 2 * 1024 * 1024;
/** The largest record in base64, or several smaller ones. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;
const CONNECTIONS_MAX = 8;

async function serve(socket: Socket, house: ControlledHouse): Promise<void> {
  socket.on("error", () => socket.destroy());
  socket.setTimeout(ASK_MS, () => socket.destroy());
  try {
    const asked: unknown = JSON.parse(await readLine(socket, QUESTION_BYTES_MAX));
    const name = textAt(asked, "question");
    const question = Object.entries(QUESTIONS).find(([key]) => key === name)?.[1];
    if (question === undefined) {
      throw new WardError("WARD_USAGE", "Cannot answer: unknown question.");
    }
    socket.end(`${JSON.stringify(await question(house, textAt(asked, "argument")))}\n`);
  } catch (error) {
    const said = { code: errorCode(error), error: errorText(error) };
    socket.end(`${JSON.stringify(said)}\n`);
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

function openDirectory(path: string): number {
  return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
}

/**
 * A UNIX socket's path has at most 107 bytes (unix(7)), a directory's may have more: so the open directory stands for
 * it. An abstract name would be short too, but everybody on the machine may connect to one.
 */
function socketPath(directory: number): string {
  return `/proc/self/fd/${directory}/control.sock`;
}

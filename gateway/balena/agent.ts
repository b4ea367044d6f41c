import { once } from "node:events";
import { rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";

import { errorCode, errorText, WardError } from "../errors.ts";
import { askSupervisor, stateOf, type SupervisorPlace } from "./supervisor.ts";
import { clearStaleLock, UPDATE_LOCK, UpdateLock } from "./update-lock.ts";

/** What the agent listens to. */
export const AGENT_WORDS = ["lock", "unlock", "update", "reboot", "status"] as const;
type AgentWord = (typeof AGENT_WORDS)[number];

export interface AgentOptions {
  /** Path of the UNIX socket. Whoever may open it may say the words: give it a directory of its own. */
  readonly socket: string;
  /** Null where there is no supervisor: then only the locks work. */
  readonly supervisor: SupervisorPlace | null;
  readonly lockPath?: string;
  /** How long updates may be held off at a time, by whomever, and how long then not (milliseconds; default 25 hours and one). */
  readonly hold?: { readonly mostMs: number; readonly restMs: number };
}

/**
 * The only service of the box that may talk to balena's supervisor. It listens on a UNIX socket for single words, one a line, and
 * answers each with one line of JSON. A lock lasts until `unlock` or until its connection ends, whichever comes first, so a
 * gateway that dies holds off nothing; and for no longer than a day, so that one that somebody has got into cannot keep the
 * updates away that would throw him out.
 */
export class Agent {
  readonly #options: AgentOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #holders = new Set<Socket>();
  #lock: UpdateLock | null = null;
  #holdTimer: NodeJS.Timeout | null = null;
  /** Until then nothing is held (steady milliseconds). */
  #restUntil = 0;
  /** Locks are taken and given back one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(options: AgentOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#serve(socket));
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  /** Clears what an agent before left, and listens. Throws WardError `WARD_UPDATE_LOCK`, or the error of the socket. */
  static async open(options: AgentOptions): Promise<Agent> {
    clearStaleLock(options.lockPath ?? UPDATE_LOCK);
    await rm(options.socket, { force: true });
    const agent = new Agent(options);
    // The group of the directory may talk, nobody else.
    const umask = process.umask(0o117);
    agent.#server.listen(options.socket);
    process.umask(umask);
    await once(agent.#server, "listening");
    return agent;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#sockets.forEach((socket) => socket.destroy());
    this.#holders.clear();
    await this.#inTurn(() => this.#settle());
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.#sockets.delete(socket);
      this.#holders.delete(socket);
      this.#inTurn(() => this.#settle()).catch(() => undefined);
    });
    let begun = "";
    let unanswered = 0;
    socket.setEncoding("utf8").on("data", (text) => {
      const [last = "", ...lines] = `${begun}${String(text)}`.split("\n").toReversed();
      begun = last;
      unanswered += lines.length;
      // Neither a line without an end nor more than can be answered must fill the memory.
      if (begun.length > WORD_MAX || unanswered > WORDS_MAX) {
        socket.destroy();
        return;
      }
      for (const line of lines.toReversed()) {
        void this.#reply(socket, line).then(() => {
          unanswered -= 1;
        });
      }
    });
  }

  async #reply(socket: Socket, line: string): Promise<void> {
    const said = await this.#answer(socket, line);
    socket.write(`${JSON.stringify(said)}\n`);
    if (socket.writableLength > UNREAD_MAX) {
      socket.destroy();
    }
  }

  async #answer(socket: Socket, line: string): Promise<object> {
    try {
      const word = AGENT_WORDS.find((known) => known === line);
      if (word === undefined) {
        throw new WardError("WARD_USAGE", `Cannot do that. Say ${AGENT_WORDS.join(", ")}.`);
      }
      return { done: word, ...(await this.#do(socket, word)) };
    } catch (error) {
      return { code: errorCode(error), error: errorText(error) };
    }
  }

  async #do(socket: Socket, word: AgentWord): Promise<object> {
    switch (word) {
      case "lock":
        if (performance.now() < this.#restUntil) {
          throw new WardError(
            "WARD_UPDATE_LOCK",
            "Cannot hold off updates now: they were held off for too long. Try again in an hour.",
          );
        }
        this.#holders.add(socket);
        await this.#inTurn(() => this.#settle()).catch((error: unknown) => {
          this.#holders.delete(socket);
          throw error;
        });
        return {};
      case "unlock":
        this.#holders.delete(socket);
        await this.#inTurn(() => this.#settle());
        return {};
      case "status":
        return stateOf(await askSupervisor(this.#supervisor(), word));
      case "update":
      case "reboot":
        await askSupervisor(this.#supervisor(), word);
        return {};
    }
  }

  #supervisor(): SupervisorPlace {
    const { supervisor } = this.#options;
    if (supervisor === null) {
      throw new WardError("WARD_SUPERVISOR", "Cannot ask the supervisor: there is none here.");
    }
    return supervisor;
  }

  /** The lock is held while anybody wants it. */
  async #settle(): Promise<void> {
    if (this.#holders.size > 0 && this.#lock === null) {
      this.#lock = await UpdateLock.take(this.#options.lockPath);
      const { mostMs, restMs } = this.#options.hold ?? HOLD;
      this.#holdTimer = setTimeout(() => {
        this.#restUntil = performance.now() + restMs;
        this.#holders.forEach((socket) => socket.destroy());
      }, mostMs);
    } else if (this.#holders.size === 0 && this.#lock !== null) {
      clearTimeout(this.#holdTimer ?? undefined);
      const lock = this.#lock;
      this.#lock = null;
      await lock.release();
    }
  }

  #inTurn(act: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(act);
    this.#turn = done.catch(() => undefined);
    return done;
  }
}

const CONNECTIONS_MAX = 16;
/** A gateway holds off updates for a day at most (`updateHoldS`). */
const HOLD = { mostMs: 25 * 3_600_000, restMs: 3_600_000 } as const;
const WORD_MAX = 256;
/** Words of one client that wait for their answers, and bytes of answers that it has not taken, at most. */
const WORDS_MAX = 32;
const UNREAD_MAX = 64 * 1024;

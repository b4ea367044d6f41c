import { type ChildProcess, fork } from "node:child_process";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";

import { errorText, WardError } from "../errors.ts";
import { NODE_OPTIONS } from "../program/options.ts";
import { parseRoomToMain } from "./room-words.ts";
import type { MainToRoom, RoomName, RoomToMain } from "../rooms.ts";

/** How one room is started. */
export interface RoomProgram {
  readonly name: RoomName;
  /** Entry file, relative to gateway/. */
  readonly entry: string;
  /** Node.js options: heap limit and the room's one privilege. */
  readonly nodeOptions: readonly string[];
  /** What its environment has beside the time zone. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface RoomChildEvents {
  readonly message: (message: RoomToMain, socket: Socket | null) => void;
  /** The process is gone; `why` is plain words. */
  readonly exit: (why: string) => void;
}

/**
 * One running process of a room, as main sees it: what it says, whether it still answers, and its end. It never
 * restarts anything: house.ts does.
 */
export class RoomChild {
  readonly name: RoomName;
  readonly startedAt: number = performance.now();
  readonly #child: ChildProcess;
  readonly #events: RoomChildEvents;
  readonly #asked = new Map<number, (value: unknown) => void>();
  readonly #hangMs: number;
  #pingTimer: NodeJS.Timeout;
  #pings = 0;
  #answeredAt = performance.now();
  #pingedAt = performance.now();
  #fatal: string | null = null;
  #asks = 0;
  #gone = false;

  constructor(program: RoomProgram, hangMs: number, events: RoomChildEvents) {
    this.name = program.name;
    this.#events = events;
    this.#hangMs = hangMs;
    this.#child = fork(fileURLToPath(new URL(`../${program.entry}`, import.meta.url)), [], {
      execArgv: [...NODE_OPTIONS, ...program.nodeOptions],
      env: { ...roomEnvironment(), ...program.environment },
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#child.on("message", (message: unknown, handle: unknown) => {
      this.#hear(message, isSocket(handle) ? handle : null);
    });
    this.#child.stderr?.on("data", (chunk: Buffer) => this.#keepLastWords(chunk));
    this.#child.on("error", (error) => {
      this.#keepLastWords(Buffer.from(error.message));
      // A process that could not be started at all never says that it ended.
      if (this.#child.pid === undefined) {
        this.#exited(null, null);
      }
    });
    this.#child.on("exit", (code, signal) => this.#exited(code, signal));
    this.#pingTimer = setInterval(() => this.#ping(), PING_MS);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** Sends a message, with a socket if one belongs to it. A room that is gone hears nothing. */
  send(message: MainToRoom, socket?: Socket): void {
    if (this.#gone || !this.#child.connected) {
      socket?.destroy();
      return;
    }
    this.#child.send(message, socket, undefined, (error) => {
      if (error !== null) {
        socket?.destroy();
      }
    });
  }

  /** Asks the room something; rejects with WardError `WARD_ROOM_SILENT` after `withinMs`. */
  ask(what: string, withinMs: number): Promise<unknown> {
    this.#asks += 1;
    const id = this.#asks;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#asked.delete(id);
        reject(
          new WardError(
            "WARD_ROOM_SILENT",
            `Cannot learn "${what}": the ${this.name} does not answer.`,
          ),
        );
      }, withinMs);
      this.#asked.set(id, (value) => {
        clearTimeout(timer);
        resolve(value);
      });
      this.send({ t: "ask", id, what });
    });
  }

  /** Ends the room: politely, and after `withinMs` by SIGKILL. Resolves when it is gone. */
  async stop(withinMs: number): Promise<void> {
    if (this.#gone) {
      return;
    }
    const gone = new Promise<void>((resolve) => {
      this.#child.once("exit", () => resolve());
    });
    this.send({ t: "stop" });
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), withinMs);
    await gone;
    clearTimeout(timer);
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** A room that says something unusable is in an unknown state: it ends, and main goes on. */
  #hear(message: unknown, socket: Socket | null): void {
    try {
      this.#receive(parseRoomToMain(this.name, message), socket);
    } catch (error) {
      socket?.destroy();
      this.#fatal = errorText(error);
      this.kill();
    }
  }

  #receive(message: RoomToMain, socket: Socket | null): void {
    switch (message.t) {
      case "pong":
        this.#answeredAt = performance.now();
        return;
      case "answer":
        this.#asked.get(message.id)?.(message.value);
        this.#asked.delete(message.id);
        return;
      case "fatal":
        this.#fatal = `${message.message} (${message.code})`;
        return;
      default:
        this.#events.message(message, socket);
    }
  }

  #ping(): void {
    const now = performance.now();
    if (now - this.#pingedAt > PING_MS * 3) {
      // Main itself stood still: the answers lie unread, nobody is to blame.
      this.#answeredAt = now;
    }
    this.#pingedAt = now;
    if (performance.now() - this.#answeredAt > this.#hangMs) {
      this.#fatal = `did not answer for ${Math.round(this.#hangMs / 1000)} s`;
      this.kill();
      return;
    }
    this.#pings += 1;
    this.send({ t: "ping", n: this.#pings });
  }

  /** What a dying room wrote to stderr is the best there is; only the last line, bounded. */
  #keepLastWords(chunk: Buffer): void {
    const line = chunk.toString("utf8").trim().split("\n").at(-1) ?? "";
    this.#fatal ??= errorText(line.slice(0, LAST_WORDS_MAX));
  }

  #exited(code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#gone) {
      return;
    }
    clearInterval(this.#pingTimer);
    this.#gone = true;
    const how = signal === null ? `exit code ${code}` : signal;
    this.#events.exit(this.#fatal === null ? how : `${this.#fatal}, ${how}`);
  }
}

const PING_MS = 1000;
const LAST_WORDS_MAX = 300;

/**
 * Rooms get nothing of main's environment but the time zone: a flow can read its own environment. glibc would give each of a
 * process' threads a heap of its own; two are as fast here, and a tenth of the memory stays free.
 */
function roomEnvironment(): NodeJS.ProcessEnv {
  const zone = process.env["TZ"];
  return { ...(zone === undefined ? {} : { TZ: zone }), MALLOC_ARENA_MAX: "2" };
}

function isSocket(handle: unknown): handle is Socket {
  return typeof handle === "object" && handle !== null && "write" in handle && "destroy" in handle;
}

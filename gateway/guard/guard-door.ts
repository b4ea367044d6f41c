import { once } from "node:events";
import { rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";

import { WardError } from "../errors.ts";
import {
  type GuardState,
  type GuardToKeeper,
  KEEPER_LINE_MAX,
  type KeeperToGuard,
  type NamedSighting,
  NEIGHBOURS_MAX,
  readKeeperLine,
} from "./message.ts";
import type { Neighbour } from "./sightings.ts";
import { hearLines } from "./socket-lines.ts";

/** What is handed to the keeper at a time. */
export interface Handful {
  readonly sightings: readonly NamedSighting[];
  readonly left: number;
}

export interface GuardDoorOptions {
  readonly state: () => GuardState;
  /** What is to be told next, or null. */
  readonly next: () => Handful | null;
  /** The keeper has written it down. */
  readonly heard: (told: Handful) => void;
  readonly settings: (offer: Extract<KeeperToGuard, { t: "settings" }>) => void;
}

/**
 * The guard's end of its UNIX socket: the only thing on which it listens. One keeper is talked to, the one that brought settings
 * last; what it has not confirmed is told again to the next one.
 */
export class GuardDoor {
  readonly #path: string;
  readonly #options: GuardDoorOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #keeper: Socket | null = null;
  #told: { readonly n: number; readonly handful: Handful } | null = null;
  #neighbours = "";
  #count = 0;

  constructor(path: string, options: GuardDoorOptions) {
    this.#path = path;
    this.#options = options;
    this.#server = createServer((socket) => this.#serve(socket));
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  /** Throws WardError `WARD_GUARD_TWICE` when somebody listens there already: two guards would set their rules in turn, without end. */
  async refuseSecond(): Promise<void> {
    const socket = connect(this.#path);
    const answers = await once(socket, "connect").then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (answers) {
      throw new WardError(
        "WARD_GUARD_TWICE",
        `Cannot guard: another guard listens on ${this.#path}. End that one first.`,
      );
    }
  }

  async open(): Promise<void> {
    await rm(this.#path, { force: true });
    // The group of the directory may talk, nobody else.
    const umask = process.umask(0o117);
    this.#server.listen(this.#path);
    process.umask(umask);
    await once(this.#server, "listening");
  }

  close(): void {
    this.#server.close();
    this.#sockets.forEach((socket) => socket.destroy());
  }

  /** Says how the guard is doing; a keeper that does not listen hears it another time. */
  tell(state: GuardState): void {
    if ((this.#keeper?.writableLength ?? 0) < UNHEARD_MAX) {
      this.#send(state);
    }
  }

  /** Hands over what is new. */
  hand(neighbours: readonly Neighbour[]): void {
    const known = neighbours.slice(0, NEIGHBOURS_MAX);
    const text = JSON.stringify(known);
    if (this.#keeper !== null && text !== this.#neighbours) {
      this.#neighbours = text;
      this.#send({ t: "neighbours", neighbours: known });
    }
    this.#handNext();
  }

  #handNext(): void {
    const handful = this.#keeper === null || this.#told !== null ? null : this.#options.next();
    if (handful !== null) {
      this.#count += 1;
      this.#told = { n: this.#count, handful };
      this.#send({ t: "seen", n: this.#count, ...handful });
    }
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.#sockets.delete(socket);
      if (this.#keeper === socket) {
        this.#is(null);
      }
    });
    hearLines(socket, KEEPER_LINE_MAX, (line) => {
      try {
        this.#hear(socket, readKeeperLine(line));
      } catch {
        socket.destroy();
      }
    });
  }

  #hear(socket: Socket, message: KeeperToGuard): void {
    if (message.t === "settings") {
      this.#is(socket);
      this.#options.settings(message);
      this.#handNext();
    } else if (this.#keeper === socket && this.#told?.n === message.n) {
      const { handful } = this.#told;
      this.#told = null;
      this.#options.heard(handful);
      this.#handNext();
    }
  }

  #is(keeper: Socket | null): void {
    if (this.#keeper !== keeper) {
      this.#keeper?.destroy();
      this.#keeper = keeper;
      this.#told = null;
      this.#neighbours = "";
    }
  }

  #send(message: GuardToKeeper): void {
    this.#keeper?.write(`${JSON.stringify(message)}\n`);
  }
}

const CONNECTIONS_MAX = 4;
/** Bytes that the keeper has not taken, at most, before no more states are said. */
const UNHEARD_MAX = 2 ** 16;

import { EventEmitter } from "node:events";
import { mkdir } from "node:fs/promises";
import type { Socket } from "node:net";

import { CrashLoop, restartPause } from "./crash-loop.ts";
import { errorText, WardError } from "../errors.ts";
import { HouseJournal } from "./house-journal.ts";
import { CheckpointMemory } from "./checkpoint-memory.ts";
import { ConsoleDesk } from "./console-desk.ts";
import type { Health } from "./health.ts";
import { RoomChild } from "./room-child.ts";
import { NoticeQueue } from "./notice-queue.ts";
import { becomesReady, type HouseEvents } from "./readiness.ts";
import { drainOutbox, lastWords, retire } from "./room-ends.ts";
import { handOver, linkRoom } from "./room-links.ts";
import { opcuaPki, roomConfig } from "./room-configs.ts";
import { newPlace, type RoomFacts, type RoomPlace } from "./room-place.ts";
import { syncStore } from "./store-sync.ts";
import { roomProgram } from "./room-programs.ts";
import { type NoticeText, type RoomName, type RoomToMain } from "../rooms.ts";
import type { Settings } from "../settings.ts";
import type { SignedSettings } from "../identity/signed-settings.ts";

/**
 * The parent of the rooms: starts them, gives them their links, watches and restarts them, and stops them in order. It
 * reads no device, runs no flow, opens no key and listens to nobody.
 */
export interface HouseOptions {
  /** Locked for this process (data-lock.ts). */
  readonly dataDirectory: string;
  readonly settings: Settings;
  /** Already verified. */
  readonly site: SignedSettings;
  /** False: no editor, nothing listens. */
  readonly editor: boolean;
}

export class House extends EventEmitter<HouseEvents> {
  readonly #options: HouseOptions;
  readonly #rooms: Record<RoomName, RoomPlace> = {
    keeper: newPlace(),
    bedside: newPlace(),
    flowhost: newPlace(),
    listener: newPlace(),
  };
  #crashLoop: CrashLoop;
  #site: SignedSettings;
  readonly #checkpoints = new CheckpointMemory();
  readonly journal: HouseJournal;
  readonly #console: ConsoleDesk;
  readonly #notices = new NoticeQueue();
  #stopping = false;
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(options: HouseOptions) {
    super();
    this.#options = options;
    this.#site = options.site;
    this.#crashLoop = newCrashLoop(options.settings);
    this.journal = new HouseJournal(options.settings, (what) => this.ask("keeper", what));
    this.#console = new ConsoleDesk({
      gateway: () => this.#site.gateway,
      broker: () => this.#site.broker.url,
      room: (name) => this.#rooms[name],
      ask: (what) => this.ask("keeper", what),
    });
  }

  /** Starts all rooms; resolves when the flow is running. Rejects with WardError `WARD_ROOM_START`. */
  async start(): Promise<void> {
    // A directory that a room may write to has to be there when the room starts.
    await mkdir(opcuaPki(this.#options.dataDirectory), { recursive: true, mode: 0o700 });
    this.#startRoom("keeper");
    await becomesReady(this, "keeper", START_TRIES);
    await this.journal.began(this.#site);
    // What decided which flow runs is on disk before that flow runs.
    await this.journal.flush();
    await this.#startBedside();
    this.#startRoom("flowhost");
    if (this.#options.editor) {
      this.#startRoom("listener");
    }
    // A flow that ends the flow host while it starts must come to the built-in flow, not to a gateway that gives up.
    await becomesReady(this, "flowhost", this.#options.settings.crashLoopCount + START_TRIES);
  }

  /** Stops in order: no more taking, flow drained, outbox sent as far as the hub keeps up, all closed. At most about 5 seconds. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#console.close();
    this.#timers.forEach((timer) => clearTimeout(timer));
    const { keeper, bedside, flowhost, listener } = this.#rooms;
    await listener.child?.stop(500);
    await lastWords(bedside, "stop-taking", 1000);
    await lastWords(bedside, "settled", SETTLE_MS);
    await flowhost.child?.stop(FLOWHOST_STOP_MS);
    await lastWords(bedside, "final-checkpoint", 500);
    await bedside.child?.stop(500);
    await drainOutbox(keeper);
    await this.journal.stopping();
    await keeper.child?.stop(KEEPER_STOP_MS);
  }

  /**
   * Goes on under other signed settings: keeper and flow host are started anew, in order; bedside goes on taking and holds
   * what it takes until they are there. Rejects with WardError `WARD_ROOM_START` when one of them has ended `tries` times.
   */
  async change(site: SignedSettings, tries: number): Promise<void> {
    if (this.#stopping) {
      return;
    }
    this.#site = site;
    this.journal.loaded(site);
    await this.journal.flush();
    this.#crashLoop = newCrashLoop(this.#options.settings);
    const { keeper, flowhost } = this.#rooms;
    await retire(flowhost, FLOWHOST_STOP_MS);
    await retire(keeper, KEEPER_STOP_MS);
    for (const room of ["keeper", "flowhost"] as const) {
      if (this.#stopping) {
        return;
      }
      this.#startRoom(room);
      await becomesReady(this, room, tries);
    }
  }

  /** From now on the pages say how the gateway is in these words. */
  tellHealth(health: () => Health): void {
    this.#console.tellHealth(health);
  }

  /** The process of a room, for tests and the report; 0 when it is not running. */
  pid(room: RoomName): number {
    const { child } = this.#rooms[room];
    return child === null || child.gone ? 0 : child.pid;
  }

  facts(room: RoomName): RoomFacts {
    return this.#rooms[room].facts;
  }

  /** The room's last report about itself. */
  stats(room: RoomName): unknown {
    return this.#rooms[room].stats;
  }

  restarts(room: RoomName): number {
    return this.#rooms[room].restarts;
  }

  /** Milliseconds from fork to ready of the running process of a room, or null. */
  startMs(room: RoomName): number | null {
    return this.#rooms[room].startMs;
  }

  /** Asks a room something. */
  async ask(room: RoomName, what: string): Promise<unknown> {
    const { child } = this.#rooms[room];
    if (child === null || child.gone) {
      throw new WardError(
        "WARD_ROOM_SILENT",
        `Cannot learn "${what}": the ${room} is not running.`,
      );
    }
    return child.ask(what, ASK_MS);
  }

  #startRoom(name: RoomName): void {
    const { settings, dataDirectory } = this.#options;
    const room = this.#rooms[name];
    const child: RoomChild = new RoomChild(
      roomProgram(name, settings, dataDirectory),
      settings.hangMs,
      {
        message: (message, socket) => this.#receive(name, child, message, socket),
        exit: (why) => this.#gone(name, child, why),
      },
    );
    room.child = child;
    room.ready = false;
    this.emit("room", { room: name, state: "starting", pid: child.pid, text: "" });
    const config = roomConfig(name, {
      dataDirectory,
      settings,
      site: this.#site,
      checkpoint: this.#checkpoints.text,
      collectorOnly: this.#crashLoop.looping,
    });
    child.send({ t: "start", config });
    this.#later(READY_MS, () => {
      if (room.child === child && !room.ready) {
        child.kill();
      }
    });
    if (name === "flowhost") {
      this.#link(name);
    }
  }

  /** Bedside starts with what the one before it had counted: main's memory, or else the keeper's checkpoint. */
  async #startBedside(): Promise<void> {
    if (this.#checkpoints.text === null) {
      await this.#recallCheckpoint();
    }
    this.#startRoom("bedside");
    await becomesReady(this, "bedside", START_TRIES);
  }

  async #recallCheckpoint(): Promise<void> {
    const kept = await this.ask("keeper", "checkpoint");
    this.#noteIf("checkpoint-lost", this.#checkpoints.recall(kept));
  }

  /** Gives a room fresh links to every peer that is there. */
  #link(name: RoomName): void {
    linkRoom(name, (peer) => this.#linkable(peer)).catch((error: unknown) => {
      this.note("link-failed", errorText(error));
      this.#later(LINK_RETRY_MS, () => this.#link(name));
    });
  }

  /** The flow host is ready only once its links are there; the others are linked once they are ready. */
  #linkable(name: RoomName): RoomChild | null {
    const { child, ready } = this.#rooms[name];
    return child !== null && !child.gone && (ready || name === "flowhost") ? child : null;
  }

  #receive(name: RoomName, child: RoomChild, message: RoomToMain, socket: Socket | null): void {
    const room = this.#rooms[name];
    switch (message.t) {
      case "ready":
        room.ready = true;
        room.facts = message.facts;
        room.startMs = Math.round(performance.now() - child.startedAt);
        this.emit("room", { room: name, state: "ready", pid: child.pid, text: "" });
        if (name === "keeper") {
          this.#noteIf("store-not-synced", syncStore(this.#options.dataDirectory));
          void this.journal.flush();
        }
        if (name !== "flowhost") {
          this.#link(name);
        }
        if (name === "bedside") {
          this.#deliverNotices();
        }
        break;
      case "stats":
        room.stats = message.stats;
        break;
      case "notice":
        this.journal.heard(name, message.notice);
        this.#notice(message.notice);
        break;
      case "counted":
        if (name === "bedside") {
          this.#checkpoints.counted(message.text);
        }
        break;
      case "checkpoint":
        if (name === "bedside") {
          this.#checkpoints.reserved(message.text);
          this.#rooms.keeper.child?.send({
            t: "keep-checkpoint",
            n: message.n,
            text: message.text,
            isUrgent: message.isUrgent,
          });
        }
        break;
      case "checkpoint-kept":
        if (name === "keeper") {
          this.#rooms.bedside.child?.send({ t: "checkpointed", n: message.n });
        }
        break;
      case "conduct":
        this.#rooms.keeper.child?.send({ t: "conduct", conduct: message.conduct });
        break;
      case "editor":
        handOver(name, this.#rooms.flowhost, socket);
        break;
      case "journal":
        void this.journal.answer(child, message);
        break;
      case "watch":
        this.#console.watch(child, message.on);
        break;
      case "query":
        void this.#console.answer(child, message);
        break;
      default:
        break;
    }
  }

  #gone(name: RoomName, child: RoomChild, why: string): void {
    const room = this.#rooms[name];
    if (room.child !== child) {
      return;
    }
    const wasReady = room.ready;
    room.ready = false;
    this.emit("room", { room: name, state: "gone", pid: child.pid, text: why });
    if (this.#stopping) {
      return;
    }
    room.restarts += 1;
    this.journal.roomEnded(name, why);
    this.note("room-restarted", `The ${name} of this gateway ended (${why}) and is started again.`);
    const crashes =
      name === "flowhost"
        ? this.#crashLoop.crashed(performance.now())
        : wasReady
          ? 1
          : room.restarts;
    if (name === "flowhost" && this.#crashLoop.justBegan) {
      this.note(
        "flows-off",
        "The flow ended again and again. The built-in collector-only flow runs instead: values are still stored, but not checked or filtered.",
      );
    }
    const pause = restartPause(crashes, this.#options.settings);
    this.#later(pause, () => this.#restart(name));
  }

  #later(afterMs: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, afterMs);
    this.#timers.add(timer);
  }

  /** Ends the rooms that hear strangers: after something unexpected in main itself, one of them is the likely cause. */
  distrust(why: unknown): void {
    this.note("rooms-distrusted", `Something unexpected happened in main: ${errorText(why)}`);
    this.#rooms.flowhost.child?.kill();
    this.#rooms.listener.child?.kill();
  }

  #restart(name: RoomName): void {
    // A room that was retired, or has been started by somebody else since, is not this timer's business.
    if (this.#stopping || this.#rooms[name].child?.gone !== true) {
      return;
    }
    if (name === "bedside") {
      this.#startBedside().catch((error: unknown) => {
        this.note("room-failed", errorText(error));
        if (this.#rooms.bedside.child?.gone !== false) {
          this.#later(LINK_RETRY_MS, () => this.#restart("bedside"));
        }
      });
    } else {
      this.#startRoom(name);
    }
  }

  /** Says something of the gateway itself, as a notice. */
  note(notice: string, text: string): void {
    this.#notice({ device: "", notice, text, since: Date.now() });
  }

  #noteIf(notice: string, text: string | null): void {
    if (text !== null) {
      this.note(notice, text);
    }
  }

  #notice(notice: NoticeText): void {
    this.emit("notice", notice);
    this.#console.heard(notice);
    this.#notices.add(notice);
    this.#deliverNotices();
  }

  /** Bedside numbers notices; while it is down they wait. */
  #deliverNotices(): void {
    const { child, ready } = this.#rooms.bedside;
    if (child !== null && ready && !child.gone) {
      this.#notices.takeAll().forEach((notice) => child.send({ t: "notice", notice }));
    }
  }
}

const READY_MS = 30_000;
const START_TRIES = 4;
const ASK_MS = 3000;
const SETTLE_MS = 1500;
const FLOWHOST_STOP_MS = 1000;
const KEEPER_STOP_MS = 2500;
const LINK_RETRY_MS = 1000;

function newCrashLoop({ crashLoopCount, crashLoopMs }: Settings): CrashLoop {
  return new CrashLoop(crashLoopCount, crashLoopMs);
}

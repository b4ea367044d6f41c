import { type ChildProcess, fork } from "node:child_process";
import type { KeyObject } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { request } from "node:http";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";

import { digestOf } from "../../gateway/digest.ts";
import type { ClassName, Item, Notice, Reading, Take } from "../../gateway/reading.ts";
import { RoomLink } from "../../gateway/room-link.ts";
import { awaitReady } from "../../gateway/editor-socket.ts";
import { roomProgram } from "../../gateway/house/room-programs.ts";
import { NODE_OPTIONS } from "../../gateway/program/options.ts";
import type {
  BedsideToFlowhost,
  FlowhostToBedside,
  FlowhostToKeeper,
  KeeperToFlowhost,
  MainToRoom,
  Outcome,
  RoomToMain,
  Subscription,
  TakeGap,
} from "../../gateway/rooms.ts";
import { openEpochKey, readWrappedEpoch } from "../../gateway/sealing/epoch.ts";
import { openItems, openTally } from "../../gateway/sealing/open.ts";
import type { DroppedTab, TallyTake } from "../../gateway/sealing/tally.ts";
import { readSettings } from "../../gateway/settings.ts";
import { socketPair } from "../../gateway/socket-pair.ts";
import { TakeEncoder } from "../../gateway/takes/take-encoder.ts";
import { TakeMessages } from "../../gateway/takes/take-messages.ts";
import { party, reading } from "./sealing-kit.ts";

export const BOOT = "00000000000000b1";

/** A take of `count` readings. */
export function vitalTake(device: string, take: number, count = 3): Take {
  const items = Array.from({ length: count }, (_, index) =>
    reading({
      device,
      boot: BOOT,
      take,
      index,
      value: 90 + (take % 9),
      text: `${90 + (take % 9)}`,
    }),
  );
  return takeOf("vital", items);
}

/** A take of one notice. */
export function noticeTake(take: number): Take {
  const { code: _c, mdc: _m, value: _v, unit: _u, ...rest } = reading();
  const notice: Notice = {
    kind: "notice",
    device: "gateway",
    boot: BOOT,
    take,
    index: 0,
    notice: "room-restarted",
    text: "The keeper was started again.",
    at: rest.at,
    clock: rest.clock,
    since: null,
  };
  return takeOf("notice", [notice]);
}

export function takeOf(className: ClassName, items: readonly Item[]): Take {
  const { device, boot, take } = items[0]!;
  return { device, boot, take, class: className, digest: digestOf(items), items };
}

/** Bedside's end of a link: holds takes until they are settled, hands them over again in every generation. */
export class FakeBedside {
  readonly events: EventEmitter = new EventEmitter();
  readonly outcomes: Map<string, Outcome> = new Map<string, Outcome>();
  readonly held: Map<string, Take> = new Map<string, Take>();
  readonly gaps: Map<string, TakeGap> = new Map<string, TakeGap>();
  generation = 0;
  subscriptions: readonly Subscription[] = [];
  handedOver = 0;
  #link: RoomLink<FlowhostToBedside, BedsideToFlowhost> | null = null;
  readonly #encoder = new TakeEncoder();
  #messages: TakeMessages = new TakeMessages();

  attach(socket: Socket): void {
    this.#link?.close();
    const link = new RoomLink<FlowhostToBedside, BedsideToFlowhost>(socket, {
      parse: (value) => value as FlowhostToBedside,
      onMessage: (message) => this.#receive(message),
      onClose: () => undefined,
    });
    this.#link = link;
    this.#messages = new TakeMessages();
    link.send({ t: "hello", version: 1, boot: BOOT });
  }

  feed(take: Take): void {
    this.held.set(`${take.device} ${take.take}`, take);
    if (this.generation > 0) {
      this.handedOver += 1;
      this.#hand([take]);
    }
  }

  feedGap(gap: TakeGap): void {
    this.gaps.set(gap.id, gap);
    this.send({ t: "gaps", gaps: [gap] });
  }

  send(message: BedsideToFlowhost): void {
    this.#link?.send(message);
  }

  /** Resolves when everything that was fed is settled. */
  async allSettled(): Promise<void> {
    while (this.held.size > 0 || this.gaps.size > 0) {
      await once(this.events, "settled");
    }
  }

  #hand(takes: readonly Take[]): void {
    const encoded = takes.map((take) => this.#encoder.encode(take));
    for (const bytes of this.#messages.write(encoded)) {
      this.#link?.send({ t: "takes", generation: this.generation }, [bytes]);
    }
  }

  #receive(message: FlowhostToBedside): void {
    if (message.t === "flows") {
      this.generation = message.generation;
      this.subscriptions = message.subscriptions;
      const takes = [...this.held.values()];
      this.handedOver += takes.length;
      for (let from = 0; from < takes.length; from += 256) {
        this.#hand(takes.slice(from, from + 256));
      }
      this.#link?.send({ t: "gaps", gaps: [...this.gaps.values()] });
      this.events.emit("flows", message);
    } else if (message.t === "settled") {
      for (const outcome of message.outcomes) {
        this.outcomes.set(`${outcome.device} ${outcome.take}`, outcome);
        this.held.delete(`${outcome.device} ${outcome.take}`);
      }
      message.gaps.forEach((id) => this.gaps.delete(id));
      this.events.emit("settled", message);
    }
  }
}

/** The keeper's end: opens everything it is given, as the hub would. */
export class FakeKeeper {
  readonly events: EventEmitter = new EventEmitter();
  readonly documents: Map<string, string> = new Map<string, string>();
  /** How often each item was stored, by "device take index". */
  readonly stored: Map<string, number> = new Map<string, number>();
  readonly items: Item[] = [];
  readonly rows: Map<string, TallyTake> = new Map<string, TallyTake>();
  readonly gaps: Map<string, TakeGap> = new Map<string, TakeGap>();
  readonly droppedTabs: DroppedTab[] = [];
  readonly problems: string[] = [];
  authoring = true;
  /** Puts are answered only when this is true. */
  answering = true;
  /** What to answer the next puts with instead of storing them. */
  failures: string[] = [];
  puts = 0;
  readonly #hub = party("hub-1");
  readonly #epochs = new Map<string, KeyObject>();
  #link: RoomLink<FlowhostToKeeper, KeeperToFlowhost> | null = null;

  attach(socket: Socket): void {
    this.#link?.close();
    const link = new RoomLink<FlowhostToKeeper, KeeperToFlowhost>(socket, {
      parse: (value) => value as FlowhostToKeeper,
      onMessage: (message, blobs) => this.#receive(message, blobs),
      onClose: (reason) => {
        if (reason !== null) {
          this.problems.push(reason.message);
        }
      },
    });
    this.#link = link;
    const policy = {
      gateway: "gw-1",
      recipients: [this.#hub.recipient],
      authoring: this.authoring,
    };
    link.send({ t: "hello", version: 1, policy });
  }

  send(message: KeeperToFlowhost): void {
    this.#link?.send(message);
  }

  #receive(message: FlowhostToKeeper, blobs: readonly Uint8Array[]): void {
    switch (message.t) {
      case "hello":
        return;
      case "load":
        this.#load(message);
        return;
      case "save":
        this.documents.set(message.what, Buffer.from(blobs[0]!).toString());
        this.send({ t: "saved", id: message.id });
        return;
      case "put":
        this.puts += 1;
        this.events.emit("put", message);
        if (this.answering) {
          this.#put(message, blobs);
        }
    }
  }

  #load({ id, what }: Extract<FlowhostToKeeper, { t: "load" }>): void {
    const text = this.documents.get(what);
    const blobs = text === undefined ? [] : [Buffer.from(text)];
    this.#link?.send({ t: "loaded", id, found: text !== undefined }, blobs);
  }

  #put(put: Extract<FlowhostToKeeper, { t: "put" }>, blobs: readonly Uint8Array[]): void {
    const failure = this.failures.shift();
    if (failure !== undefined) {
      this.send({ t: "failed", id: put.id, code: failure, message: "Cannot store: told so." });
      return;
    }
    for (const place of put.epochs) {
      const { epoch, parts } = readWrappedEpoch(blobs[place]!);
      this.#epochs.set(epoch, openEpochKey(parts, this.#hub));
    }
    for (const { blob } of put.batches) {
      for (const item of this.#open(blobs[blob]!, openItems)) {
        const key = `${item.device} ${item.take} ${item.index}`;
        this.stored.set(key, (this.stored.get(key) ?? 0) + 1);
        this.items.push(item);
      }
    }
    const tally = this.#open(blobs[put.tally]!, openTally);
    for (const row of tally.takes) {
      this.rows.set(`${row.device} ${row.take}`, row);
    }
    tally.gaps.forEach((gap) => this.gaps.set(gap.id, gap));
    this.droppedTabs.push(...tally.droppedTabs);
    this.send({ t: "stored", id: put.id });
  }

  /** Only one of the few epochs fits. */
  #open<T>(bytes: Uint8Array, opener: (bytes: Uint8Array, key: KeyObject) => T): T {
    for (const key of this.#epochs.values()) {
      try {
        return opener(bytes, key);
      } catch {
        // Another epoch.
      }
    }
    this.problems.push("a record without its epoch");
    throw new Error("no epoch fits");
  }
}

export interface FlowhostKit {
  readonly child: ChildProcess;
  readonly bedside: FakeBedside;
  readonly keeper: FakeKeeper;
  readonly said: RoomToMain[];
  readonly stderr: string[];
  linkBedside(): Promise<void>;
  linkKeeper(): Promise<void>;
  heard<T extends RoomToMain["t"]>(t: T): Promise<Extract<RoomToMain, { t: T }>>;
  send(message: MainToRoom): void;
  /** A browser's connection. */
  editorSocket(): Promise<Socket>;
  admin(method: string, path: string, options?: AdminOptions): Promise<AdminAnswer>;
  /** Deploys and waits until the flow runs again. */
  deploy(type: "full" | "flows" | "nodes", flows: readonly object[]): Promise<AdminAnswer>;
  stop(): Promise<void>;
}

export interface AdminOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface AdminAnswer {
  readonly status: number;
  readonly text: string;
}

export interface FlowhostKitOptions {
  readonly flows?: readonly object[];
  /** What the keeper has stored beside the flows, or instead of them. */
  readonly documents?: Readonly<Record<string, string>>;
  readonly authoring?: boolean;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly nodeOptions?: readonly string[];
  /** Links are made, and the kit waits for `ready`; default true. */
  readonly ready?: boolean;
}

/** Starts a real flow host process, confined as main confines it, between a fake bedside and a fake keeper. */
export async function startFlowhost(options: FlowhostKitOptions = {}): Promise<FlowhostKit> {
  const program = roomProgram("flowhost", readSettings(undefined, {}), "/nonexistent");
  const entry = fileURLToPath(new URL(`../../gateway/${program.entry}`, import.meta.url));
  const child = fork(entry, [], {
    execArgv: [...NODE_OPTIONS, ...program.nodeOptions, ...(options.nodeOptions ?? [])],
    env: { WARD_TEST: "1", SECRET: "must not be seen" },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  const bedside = new FakeBedside();
  const keeper = new FakeKeeper();
  keeper.authoring = options.authoring ?? true;
  keeper.documents.set("flows", JSON.stringify(options.flows ?? []));
  for (const [name, text] of Object.entries(options.documents ?? {})) {
    keeper.documents.set(name, text);
  }
  const said: RoomToMain[] = [];
  const stderr: string[] = [];
  const events = new EventEmitter();
  child.on("message", (message: RoomToMain) => {
    said.push(message);
    events.emit("said");
  });
  child.on("exit", () => {
    events.emit("said");
    // Whoever waits for something of this child waits no more.
    const gone = new Error(`the flow host is gone: ${JSON.stringify(said.at(-1))}`);
    for (const waiting of [bedside.events, keeper.events]) {
      if (waiting.listenerCount("error") > 0) {
        waiting.emit("error", gone);
      }
    }
  });
  child.stderr!.on("data", (chunk: Buffer) => {
    stderr.push(chunk.toString());
  });
  child.stdout!.on("data", (chunk: Buffer) => stderr.push(chunk.toString()));
  const handOver = async (message: MainToRoom): Promise<Socket> => {
    const [near, far] = await socketPair();
    child.send(message, near);
    return far;
  };
  const kit: FlowhostKit = {
    child,
    bedside,
    keeper,
    said,
    stderr,
    linkBedside: async () => bedside.attach(await handOver({ t: "link", peer: "bedside" })),
    linkKeeper: async () => keeper.attach(await handOver({ t: "link", peer: "keeper" })),
    heard: async <T extends RoomToMain["t"]>(t: T) => {
      for (;;) {
        const found = said.find((message) => message.t === t);
        if (found !== undefined) {
          return found as Extract<RoomToMain, { t: T }>;
        }
        if (child.exitCode !== null || child.signalCode !== null) {
          throw new Error(`the flow host is gone: ${JSON.stringify(said)} ${stderr.join("")}`);
        }
        await once(events, "said");
      }
    },
    send: (message) => void child.send(message),
    editorSocket: async () => awaitReady(await handOver({ t: "editor" })),
    admin: async (method, path, { body, headers = {} } = {}) => {
      const socket = await kit.editorSocket();
      const sent = request({
        method,
        path,
        headers: { "content-type": "application/json", host: "ward", ...headers },
        createConnection: () => socket,
      });
      sent.end(body === undefined ? undefined : JSON.stringify(body));
      const [response] = await once(sent, "response");
      let text = "";
      for await (const chunk of response) {
        text += String(chunk);
      }
      socket.destroy();
      return { status: response.statusCode, text };
    },
    deploy: async (type, flows) => {
      const started = once(bedside.events, "flows");
      started.catch(() => undefined);
      const headers = { "node-red-deployment-type": type, "node-red-api-version": "v2" };
      const answer = await kit.admin("POST", "/flows", { body: { flows }, headers });
      if (answer.status === 200) {
        await started;
      }
      return answer;
    },
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        const gone = once(child, "exit");
        child.send({ t: "stop" });
        await gone;
      }
    },
  };
  child.send({
    t: "start",
    config: { gateway: "gw-1", mode: "flows", ...options.config },
  });
  if (options.ready !== false) {
    await kit.linkKeeper();
    await kit.linkBedside();
    await kit.heard("ready");
  }
  return kit;
}

/** The flow of a ward: sources, check, filter, seal, outbox, board, on one tab. */
export function wardFlow(devices: readonly string[], more: readonly object[] = []): object[] {
  const at = (x: number, y: number): object => ({ z: "tab-1", x, y });
  return [
    { id: "tab-1", type: "tab", label: "Ward 3", disabled: false },
    { id: "line-1", type: "ward-serial-line", url: "tcp://127.0.0.1:9" },
    ...devices.map((device, row) => ({
      id: `source-${row}`,
      type: "ward-serial",
      device,
      model: "nonin-oem3-format2",
      line: "line-1",
      wires: [["check"]],
      ...at(100, 60 * (row + 1)),
    })),
    { id: "notices", type: "ward-notices", wires: [["seal"]], ...at(100, 20) },
    { id: "check", type: "ward-check", wires: [["filter", "board"], []], ...at(300, 60) },
    {
      id: "filter",
      type: "ward-filter",
      deadBand: "none",
      size: "0",
      wires: [["seal"]],
      ...at(450, 60),
    },
    { id: "seal", type: "ward-seal", windowMs: "20", wires: [["outbox"]], ...at(600, 60) },
    { id: "outbox", type: "ward-outbox", wires: [], ...at(750, 60) },
    { id: "board", type: "ward-board", wires: [], ...at(450, 120) },
    ...more,
  ];
}

/** Items that are neither stored nor accounted for, and what does not add up; empty when all is well. */
export function unaccounted(takes: readonly Take[], keeper: FakeKeeper): string[] {
  const wrong: string[] = [];
  for (const take of takes) {
    const row = keeper.rows.get(`${take.device} ${take.take}`);
    if (row === undefined) {
      wrong.push(`no row for ${take.device} ${take.take}`);
      continue;
    }
    for (const { index } of take.items) {
      const inSet = (set: number): boolean => Math.floor(set / 2 ** index) % 2 === 1;
      const stored = keeper.stored.has(`${take.device} ${take.take} ${index}`);
      const ends = [row.kept, row.withheld, row.refused, row.dropped].filter(inSet).length;
      if (ends !== 1 || (inSet(row.kept) && !stored)) {
        wrong.push(`${take.device} ${take.take} ${index}: ${ends} ends, stored ${stored}`);
      }
    }
  }
  return wrong;
}

export type { Reading };

import type { Socket } from "node:net";
import { setTimeout as later } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { errorText, WardError } from "../errors.ts";
import { RoomLink } from "../room-link.ts";
import {
  type FlowhostToBedside,
  type FlowhostToKeeper,
  type FlowPolicy,
  type HeardFromBedside,
  type KeeperToFlowhost,
  type Outcome,
  ROOMS_VERSION,
  type RoomToMain,
} from "../rooms.ts";
import { Sealer } from "../sealing/seal.ts";
import { bedsideParser } from "./bedside-messages.ts";
import { Board } from "./board.ts";
import { ConsoleFeed } from "./console-feed.ts";
import { Documents } from "./documents.ts";
import { makeEditorPages } from "./editor-pages.ts";
import { Editor } from "./editor.ts";
import { FlowClock } from "./flow-clock.ts";
import { FlowLog } from "./flow-log.ts";
import { Handover } from "./handover.ts";
import { TakeReader } from "../takes/take-reader.ts";
import { parseKeeperToFlowhost } from "./keeper-messages.ts";
import { Intake } from "./intake.ts";
import { isKnownType, nodeFacts, type NodeRed, startNodeRed } from "./node-red.ts";
import { NodeStatuses } from "./node-statuses.ts";
import { OutboxWatch } from "./outbox-watch.ts";
import { LinkWatch } from "./link-watch.ts";
import { ProbeDesk } from "./probe-desk.ts";
import { readProbe } from "./probe-request.ts";
import { makeRedSettings } from "./red-settings.ts";
import { makeFlowServices } from "./services.ts";
import { settledMessages } from "./settled-messages.ts";
import { Settlement } from "./settlement.ts";
import type { FlowhostConfig } from "./start-config.ts";
import { StartDeadline } from "./start-deadline.ts";
import { loadFlows, makeStorage } from "./storage.ts";

export interface FlowhostOptions {
  readonly config: FlowhostConfig;
  readonly toMain: (message: RoomToMain) => void;
  /** Something after which only a new process helps. */
  readonly fatal: (error: unknown) => void;
}

type BedsideLink = RoomLink<HeardFromBedside, FlowhostToBedside>;
type KeeperLink = RoomLink<KeeperToFlowhost, FlowhostToKeeper>;

/**
 * The second room: it embeds Node-RED, hands takes of bedside to the source nodes of the flow and sealed batches of the flow to
 * the keeper, and keeps account of how every item ended. It has no devices, no private keys, no network and no files.
 */
export class Flowhost {
  readonly #options: FlowhostOptions;
  readonly #clock: FlowClock = new FlowClock(() => performance.now(), CLOCK_STEP_MAX_MS);
  readonly #settlement: Settlement;
  readonly #documents: Documents;
  readonly #editor: Editor;
  readonly #board: Board = new Board();
  /** What the pages show of the board. */
  readonly console: ConsoleFeed = new ConsoleFeed({ board: this.#board });
  readonly #statuses: NodeStatuses = new NodeStatuses();
  readonly #outbox: OutboxWatch = new OutboxWatch();
  readonly #intake: Intake;
  readonly #log: FlowLog = new FlowLog();
  readonly #links: LinkWatch;
  readonly #startDeadline: StartDeadline;
  readonly #probes: ProbeDesk = new ProbeDesk((message) => void this.#bedside?.send(message));
  readonly #timers: NodeJS.Timeout[] = [];
  #bedside: BedsideLink | null = null;
  #keeper: KeeperLink | null = null;
  #policy: FlowPolicy | null = null;
  #handover: Handover | null = null;
  #nodeRed: NodeRed | null = null;
  #lastId = 0;
  #starting = false;
  #ready = false;

  constructor(options: FlowhostOptions) {
    this.#options = options;
    const { unsettledMax, droppedAfterMs } = options.config;
    this.#links = new LinkWatch(options.fatal);
    this.#startDeadline = new StartDeadline(options.fatal);
    this.#settlement = new Settlement({ countMax: unsettledMax, droppedAfterMs });
    this.#documents = new Documents({ nextId: () => this.#nextId() });
    this.#intake = new Intake({
      settlement: this.#settlement,
      unsettledMax,
      announce: (generation, subscriptions) => {
        this.#bedside?.send({ t: "flows", generation, subscriptions });
      },
      settled: (outcomes) => this.#tellSettled(outcomes, []),
      account: () => this.#handover?.account(),
      log: (line) => this.#log.add(line),
    });
    this.#editor = new Editor(
      makeEditorPages({
        board: this.#board,
        probes: this.#probes,
        flows: () => loadFlows(this.#documents, (line) => this.#log.add(line)),
        readProbe,
      }),
    );
  }

  /** Takes a new socket to bedside; the one before it is closed. */
  linkBedside(socket: Socket): void {
    const before = this.#bedside;
    const link: BedsideLink = new RoomLink(socket, {
      parse: bedsideParser(new TakeReader()),
      onMessage: (message) => this.#fromBedside(link, message),
      onClose: (reason) => {
        if (this.#bedside === link) {
          this.#links.ended("bedside", reason);
        }
      },
    });
    this.#bedside = link;
    before?.close();
    this.#probes.forgetAll();
    this.#links.linked("bedside");
    link.send({ t: "hello", version: ROOMS_VERSION });
    this.#intake.announce();
    this.#startWhenLinked();
  }

  /** Takes a new socket to the keeper; the one before it is closed. */
  linkKeeper(socket: Socket): void {
    const before = this.#keeper;
    const link: KeeperLink = new RoomLink(socket, {
      parse: parseKeeperToFlowhost,
      onMessage: (message, blobs) => this.#fromKeeper(link, message, blobs),
      onClose: (reason) => {
        if (this.#keeper === link) {
          this.#handover?.detach();
          this.#documents.detach();
          this.#outbox.lost();
          this.#links.ended("keeper", reason);
        }
      },
    });
    this.#keeper = link;
    this.#handover?.detach();
    this.#documents.detach();
    before?.close();
    this.#links.linked("keeper");
    link.send({ t: "hello", version: ROOMS_VERSION });
  }

  /** Takes a browser's connection. */
  acceptEditor(socket: Socket): void {
    this.#editor.accept(socket);
  }

  /** Age of the oldest unsettled take in milliseconds of flow time, or null. */
  oldestUnsettledMs(): number | null {
    const at = this.#settlement.oldestAt;
    return at === null ? null : Math.round(this.#clock.elapsed - at);
  }

  /** What is sent to main every second. */
  stats(): Readonly<Record<string, unknown>> {
    return {
      generation: this.#intake.generation,
      mode: this.#options.config.mode,
      subscriptions: this.#intake.subscriptions,
      unsettled: this.#settlement.unsettled,
      batchesWaiting: this.#handover?.waiting ?? 0,
      oldestUnsettledMs: this.oldestUnsettledMs(),
      board: this.#board.size,
      nodes: this.#statuses.list(nodeFacts),
      log: this.#log.lines(),
    };
  }

  /** Ends in order: flows stop (what waits for a seal is sealed), then what is sealed is put; each within its time. */
  async stop(): Promise<void> {
    this.#editor.close();
    this.console.close();
    const nodeRed = this.#nodeRed;
    if (nodeRed !== null) {
      const stopped = nodeRed.stop().catch((error: unknown) => this.#log.add(errorText(error)));
      await Promise.race([stopped, later(STOP_FLOWS_MS)]);
    }
    this.#intake.pause();
    await this.#handover?.drain(DRAIN_MS);
    this.#timers.forEach((timer) => clearInterval(timer));
    this.#outbox.close();
    const [bedside, keeper] = [this.#bedside, this.#keeper];
    this.#bedside = null;
    this.#keeper = null;
    bedside?.close();
    keeper?.close();
  }

  #fromBedside(link: BedsideLink, message: HeardFromBedside): void {
    if (link !== this.#bedside) {
      return;
    }
    switch (message.t) {
      case "hello":
        break;
      case "takes":
        this.#intake.admit(message.generation, message.takes, this.#clock.elapsed);
        // Nodes hand messages on from one turn of the event loop to the next: what they have not, need not be made yet.
        link.pause();
        setImmediate(() => link.resume());
        break;
      case "gaps":
        this.#tellSettled([], this.#settlement.addGaps(message.gaps));
        this.#handover?.account();
        break;
      case "line":
        this.#intake.sources.line(message.device, message.line);
        break;
      case "probed":
        this.#probes.told(message.id, message.view);
        break;
    }
  }

  #fromKeeper(link: KeeperLink, message: KeeperToFlowhost, blobs: readonly Uint8Array[]): void {
    if (link !== this.#keeper) {
      return;
    }
    switch (message.t) {
      case "hello":
        this.#welcomeKeeper(link, message.policy);
        break;
      case "stored":
        this.#handover?.stored(message.id);
        break;
      case "loaded":
        this.#documents.answered(message.id, blobs[0] ?? null);
        break;
      case "saved":
        this.#documents.answered(message.id, null);
        break;
      case "failed":
        if (this.#handover?.failed(message.id, message.code, message.message) !== true) {
          this.#documents.failed(message.id, message.code, message.message);
        }
        break;
      case "outbox":
        this.#outbox.update(message.outbox);
        break;
    }
  }

  /** What this process seals to, and whether flows may be changed, is decided once: another policy needs another process. */
  #welcomeKeeper(link: KeeperLink, policy: FlowPolicy): void {
    if (policy.gateway !== this.#options.config.gateway) {
      throw new WardError(
        "WARD_POLICY_CHANGED",
        `Cannot work for gateway ${policy.gateway}: this one is ${this.#options.config.gateway}.`,
      );
    }
    if (this.#policy !== null && JSON.stringify(this.#policy) !== JSON.stringify(policy)) {
      const error = new WardError(
        "WARD_POLICY_CHANGED",
        "Cannot go on: the signed settings have changed. The flow host is started again.",
      );
      this.#options.fatal(error);
      return;
    }
    this.#policy = policy;
    this.#documents.attach((question, blobs) => void link.send(question, blobs));
    this.#handover?.attach((message, blobs) => void link.send(message, blobs));
    this.#startWhenLinked();
  }

  #startWhenLinked(): void {
    const { config, fatal } = this.#options;
    if (this.#policy === null || this.#bedside === null || this.#starting) {
      return;
    }
    this.#starting = true;
    this.#start(this.#policy, config).catch((error: unknown) => fatal(error));
  }

  async #start(policy: FlowPolicy, config: FlowhostConfig): Promise<void> {
    const sealer = new Sealer({
      gateway: config.gateway,
      origin: "flowhost",
      recipients: policy.recipients,
      now: Date.now,
    });
    this.#handover = new Handover({
      settlement: this.#settlement,
      sealer,
      onSettled: ({ outcomes, gaps }) => this.#tellSettled(outcomes, gaps),
      onEpochLost: (error) => this.#options.fatal(error),
      nextId: () => this.#nextId(),
      tallyMs: config.tallyMs,
    });
    const keeper = this.#keeper;
    if (keeper !== null && !keeper.closed) {
      this.#handover.attach((message, blobs) => void keeper.send(message, blobs));
    }
    const services = makeFlowServices({
      sources: this.#intake.sources,
      settlement: this.#settlement,
      handover: this.#handover,
      sealer,
      board: this.#board,
      outbox: this.#outbox,
      generation: () => this.#intake.generation,
      models: config.models,
      allowedLines: config.allowedLines,
    });
    const { mode } = config;
    const { authoring } = policy;
    const storage = makeStorage({
      documents: this.#documents,
      mode,
      authoring,
      isKnownType,
      log: (line) => this.#log.add(line),
    });
    // A flow that cannot be read is said here; Node-RED would start without one and stay silent.
    await storage.getFlows();
    this.#startDeadline.await();
    this.#timers.push(
      setInterval(() => this.#intake.tick(this.#clock.tick()), TICK_MS),
      setInterval(() => this.#probes.tick(), STATS_MS),
      setInterval(() => this.#options.toMain({ t: "stats", stats: this.stats() }), STATS_MS),
    );
    const settings = makeRedSettings({
      storage,
      services,
      authoring,
      gateway: config.gateway,
      nodesDirectory:
        config.nodesDirectory ?? fileURLToPath(new URL("../../nodes", import.meta.url)),
      log: (line) => this.#log.add(line),
    });
    const nodeRed = await startNodeRed(this.#editor.server, settings, {
      stopping: () => this.#flowsStopping(),
      started: () => this.#flowsStarted(),
      failed: (error) => this.#options.fatal(error),
      status: (status) => this.#statuses.set(status),
    });
    this.#nodeRed = nodeRed;
    this.#editor.mount(nodeRed.admin);
    this.#sayReady();
  }

  #flowsStopping(): void {
    this.#intake.pause();
    this.#startDeadline.await();
  }

  #flowsStarted(): void {
    this.#startDeadline.met();
    this.#intake.start(this.#clock.elapsed);
    this.#sayReady();
  }

  #sayReady(): void {
    const nodeRed = this.#nodeRed;
    if (this.#ready || nodeRed === null || !this.#intake.running) {
      return;
    }
    this.#ready = true;
    this.#options.toMain({
      t: "ready",
      facts: {
        nodeRed: nodeRed.version,
        mode: this.#options.config.mode,
        subscriptions: this.#intake.subscriptions,
      },
    });
  }

  #tellSettled(outcomes: readonly Outcome[], gaps: readonly string[]): void {
    for (const message of settledMessages(outcomes, gaps)) {
      this.#bedside?.send(message);
    }
  }

  #nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }
}

const TICK_MS = 250;
const STATS_MS = 1000;
const CLOCK_STEP_MAX_MS = 1000;
/** Main waits 1.5 s for this room to stop. */
const STOP_FLOWS_MS = 900;
const DRAIN_MS = 450;

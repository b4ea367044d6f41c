import type { EventEmitter } from "node:events";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import type { Item } from "../../gateway/reading.ts";
import type { WardMessage } from "../../gateway/rooms.ts";
import nodeRed from "node-red";

/** What the tests use of Node-RED; its published types know less than half of it. */
interface Runtime {
  init(server: Server, settings: object): void;
  start(): Promise<void>;
  stop(): Promise<void>;
  readonly httpAdmin: (request: IncomingMessage, response: ServerResponse) => void;
  readonly events: EventEmitter;
  readonly nodes: {
    getNode(id: string): RunningNode;
    createNode(node: RunningNode, fields: object): void;
    registerType(
      set: string,
      type: string,
      constructor: (this: RunningNode, fields: object) => void,
    ): void;
  };
  readonly runtime: { readonly flows: { setFlows(change: object): Promise<unknown> } };
}

interface RunningNode {
  readonly id: string;
  receive(message: object): void;
  send(message: object): void;
  on(event: "input", listener: (message: Seen, send: unknown, done: () => void) => void): void;
}

const RED = nodeRed as unknown as Runtime;

/** A message as a sink node saw it. */
export interface Seen {
  readonly topic: string;
  readonly payload: readonly Item[];
  readonly ward: WardMessage;
  readonly error: { readonly message: string; readonly code?: string };
  readonly complete?: unknown;
}

export interface StatusSeen {
  readonly fill?: string;
  readonly shape?: string;
  readonly text?: string;
}

interface StatusEvent {
  readonly id: string;
  readonly status?: StatusSeen;
}

/**
 * A real Node-RED runtime with the ward nodes, all in memory. Node type `test-sink` keeps what it receives. One per process:
 * Node-RED cannot be started twice.
 */
export class TestRed {
  readonly #server: Server;
  readonly #userDir: string;
  readonly #received = new Map<string, Seen[]>();
  readonly #waiting = new Set<() => void>();
  readonly statuses = new Map<string, StatusSeen[]>();
  readonly log: string[] = [];

  private constructor(server: Server, userDir: string) {
    this.#server = server;
    this.#userDir = userDir;
  }

  static async open(options: {
    ward?: unknown;
    editor?: boolean;
    settings?: object;
  }): Promise<TestRed> {
    const server = createServer((request, response) => {
      RED.httpAdmin(request, response);
    });
    const userDir = await mkdtemp(join(tmpdir(), "wardgate-red-"));
    const red = new TestRed(server, userDir);
    RED.init(server, red.#settings(options));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    RED.events.on("node-status", (event: StatusEvent) => red.#status(event));
    await RED.start();
    red.#registerSink();
    await red.deploy([]);
    return red;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Replaces the flows and waits until they run. */
  async deploy(flow: readonly object[], deploymentType = "full"): Promise<void> {
    const started = once(RED.events, "flows:started");
    await RED.runtime.flows.setFlows({
      flows: { flows: structuredClone(flow) },
      deploymentType,
      user: null,
      req: {},
    });
    await started;
  }

  /** Hands a message to a node as if it came over a wire. */
  inject(id: string, message: object): void {
    RED.nodes.getNode(id).receive(message);
  }

  send(id: string, message: object): void {
    RED.nodes.getNode(id).send(message);
  }

  /** The first `count` messages a sink has received, waiting for them. */
  async received(id: string, count: number): Promise<Seen[]> {
    for (;;) {
      const seen = this.#received.get(id) ?? [];
      if (seen.length >= count) {
        return seen;
      }
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** Waits until some node shows another status. */
  async statusChange(): Promise<void> {
    await once(RED.events, "node-status");
  }

  /** What a sink has received so far. */
  soFar(id: string): Seen[] {
    return this.#received.get(id) ?? [];
  }

  /** Waits until all messages that are on their way have arrived. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn += 1) {
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  forget(): void {
    this.#received.clear();
    this.statuses.clear();
    this.log.length = 0;
  }

  async close(): Promise<void> {
    await RED.stop();
    this.#server.closeAllConnections();
    this.#server.close();
    await rm(this.#userDir, { recursive: true, force: true });
  }

  #registerSink(): void {
    const keep = (id: string, message: Seen): void => {
      this.#received.set(id, [...(this.#received.get(id) ?? []), message]);
      for (const wake of this.#waiting) {
        wake();
      }
      this.#waiting.clear();
    };
    RED.nodes.registerType(
      "wardgate-test/test-sink",
      "test-sink",
      function sink(this: RunningNode, fields: object) {
        RED.nodes.createNode(this, fields);
        this.on("input", (message: Seen, _send: unknown, done: () => void) => {
          keep(this.id, message);
          done();
        });
      },
    );
  }

  #status({ id, status }: StatusEvent): void {
    if (status !== undefined) {
      this.statuses.set(id, [...(this.statuses.get(id) ?? []), status]);
    }
  }

  #settings({
    ward,
    editor = false,
    settings = {},
  }: {
    ward?: unknown;
    editor?: boolean;
    settings?: object;
  }): object {
    return {
      userDir: this.#userDir,
      nodesDir: [fileURLToPath(new URL("../../nodes", import.meta.url))],
      nodesIncludes: ["nodes", ...CORE],
      storageModule: memoryStorage(),
      contextStorage: { default: { module: "memory" } },
      credentialSecret: false,
      disableEditor: !editor,
      httpNodeRoot: false,
      telemetry: { enabled: false, updateNotification: false },
      diagnostics: { enabled: false, ui: false },
      functionExternalModules: false,
      externalModules: {
        autoInstall: false,
        palette: { allowInstall: false, allowUpdate: false, allowUpload: false },
        modules: { allowInstall: false },
      },
      editorTheme: { tours: false, projects: { enabled: false } },
      logging: {
        console: {
          level: "warn",
          handler:
            () =>
            ({ msg }: { msg: unknown }) =>
              this.log.push(msg instanceof Error ? msg.message : String(msg)),
        },
      },
      ward,
      ...settings,
    };
  }
}

const CORE = [
  "05-junction.js",
  "20-inject.js",
  "21-debug.js",
  "24-complete.js",
  "25-catch.js",
  "25-status.js",
  "60-link.js",
  "90-comment.js",
  "91-global-config.js",
  "98-unknown.js",
  "10-switch.js",
  "15-change.js",
  "89-delay.js",
];

function memoryStorage(): object {
  const kept: Record<string, unknown> = { flows: [], credentials: {}, settings: {}, sessions: {} };
  const get = (name: string) => async () => structuredClone(kept[name]);
  const save = (name: string) => async (value: unknown) => {
    kept[name] = structuredClone(value);
  };
  return {
    init: async () => undefined,
    getFlows: get("flows"),
    saveFlows: save("flows"),
    getCredentials: get("credentials"),
    saveCredentials: save("credentials"),
    getSettings: get("settings"),
    saveSettings: save("settings"),
    getSessions: get("sessions"),
    saveSessions: save("sessions"),
    getLibraryEntry: async () => [],
    saveLibraryEntry: async () => undefined,
  };
}

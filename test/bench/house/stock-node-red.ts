import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

import { onCommand, tell } from "../program.ts";
import { RED, type RunningNode } from "./stock-red.ts";
import { stockReadings } from "./stock-readings.ts";

/**
 * The stock way: Node-RED as it comes, a node that makes readings, and the core node `mqtt out` with QoS 1 over TLS 1.3 with a
 * client certificate. A program of its own:
 *
 *     node stock-node-red.ts BROKER-PORT SERVER-NAME GATEWAY GATEWAY-DIRECTORY
 *
 * It takes `{"perMessage":N}` (readings in one message), `{"window":N}` (messages without an acknowledgement, at most) and
 * `{"perSecond":N}` (messages a second; 0 as fast as the window allows), and answers `{"count":n}`.
 */
const [port = "", serverName = "", gateway = "", directory = ""] = process.argv.slice(2);

const startedAt = Date.now();
const readings = stockReadings();
// Beside the gateway's directory, so that it goes when the bench's directory goes.
const userDir = mkdtempSync(join(directory, "..", "stock-"));

/** How the load is wanted. */
const load = { perMessage: 1, window: 0, perSecond: 0 };
let place = 0;
/** Messages handed to `mqtt out`, and those for which the broker's acknowledgement came. */
let emitted = 0;
let acknowledged = 0;
/** Of the messages since the last command; what vanished before it must not narrow the window for ever. */
let inFlight = 0;
let send: ((message: object) => void) | null = null;
let firstMs: number | null = null;

const server = createServer();
RED.init(server, {
  userDir,
  flowFile: "flows.json",
  httpAdminRoot: false,
  httpNodeRoot: false,
  // Node-RED waits 15 s by default; the bench is short.
  mqttReconnectTime: 1000,
  telemetry: { enabled: false, updateNotification: false },
  logging: { console: { level: "off", metrics: false, audit: false } },
});
const loaded = once(RED.events, "flows:started");
await RED.start();
// The empty flow of a new directory; a flow that is set while it loads would be overwritten by it.
await loaded;
RED.nodes.registerType("bench/bench-feed", "bench-feed", function feed(this: RunningNode, fields) {
  RED.nodes.createNode(this, fields);
  send = (message) => this.send(message);
});
// The cheapest way to learn that `mqtt out` has called done(), which it does when the broker has acknowledged.
RED.hooks.add("onComplete.bench", ({ node }) => {
  if (node.node?.type === "mqtt out") {
    acknowledged += 1;
    inFlight = Math.max(0, inFlight - 1);
    firstMs ??= Date.now() - startedAt;
    refill();
  }
});
const started = once(RED.events, "flows:started");
await RED.runtime.flows.setFlows({ flows: { flows: flow() }, user: null, req: {} });
await started;

onCommand((command) => {
  const { perMessage, window, perSecond } = command;
  if (
    typeof perMessage === "number" &&
    typeof window === "number" &&
    typeof perSecond === "number"
  ) {
    Object.assign(load, { perMessage, window, perSecond });
    inFlight = 0;
    refill();
  }
  if (typeof command["count"] === "number") {
    tell({ kind: "count", n: command["count"], emitted, acknowledged, firstMs });
  }
});
tell({ kind: "ready" });

const TICK_MS = 10;
let due = 0;
let lastAt = performance.now();
setInterval(() => {
  const now = performance.now();
  due = Math.min(due + ((now - lastAt) * load.perSecond) / 1000, load.perSecond);
  lastAt = now;
  for (; due >= 1; due -= 1) {
    emit();
  }
}, TICK_MS);

function refill(): void {
  while (load.perSecond === 0 && inFlight < load.window) {
    emit();
  }
}

function emit(): void {
  const { perMessage } = load;
  const at = Date.now();
  const next = Array.from({ length: perMessage }, (_, ahead) => ({
    at,
    ...readings[(place + ahead) % readings.length],
  }));
  place = (place + perMessage) % readings.length;
  emitted += 1;
  inFlight += 1;
  send?.({ payload: perMessage === 1 ? next[0] : next });
}

function flow(): object[] {
  const file = (name: string): string => join(directory, "identity", name);
  const node = { z: "tab", x: 0, y: 0, name: "" };
  return [
    { id: "tab", type: "tab", label: "Stock", disabled: false, info: "" },
    { ...node, id: "feed", type: "bench-feed", wires: [["out"]] },
    {
      ...node,
      id: "out",
      type: "mqtt out",
      topic: `ward/v1/${gateway}/up/stock`,
      qos: "1",
      retain: "",
      broker: "broker",
      wires: [],
    },
    {
      id: "broker",
      type: "mqtt-broker",
      name: "",
      broker: "127.0.0.1",
      port,
      clientid: gateway,
      autoConnect: true,
      usetls: true,
      tls: "tls",
      protocolVersion: "4",
      keepalive: "60",
      cleansession: true,
    },
    {
      id: "tls",
      type: "tls-config",
      name: "",
      cert: file("gateway.crt.pem"),
      key: file("gateway.key.pem"),
      ca: file("servers-root.crt.pem"),
      servername: serverName,
      verifyservercert: true,
    },
  ];
}

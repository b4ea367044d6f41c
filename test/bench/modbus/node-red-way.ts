import { once } from "node:events";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

import { RED, type RunningNode } from "../house/stock-red.ts";

/**
 * Node-RED with node-red-contrib-modbus as it is installed, its client with its own defaults, and one message for each register into a
 * flex getter, eight waiting at any time. A program of its own:
 *
 *     node node-red-way.ts PORT USER-DIRECTORY SECONDS ADDRESS,ADDRESS,...
 */
const [port = "", userDir = "", seconds = "", list = ""] = process.argv.slice(2);
const addresses = list.split(",").map(Number);
const WAITING = 8;

let place = 0;
let answered = 0;
let send: ((message: object) => void) | null = null;

function ask(): void {
  const address = addresses[place % addresses.length];
  place += 1;
  send?.({ payload: { fc: 3, unitid: 1, address, quantity: 1 }, asked: address });
}

const server = createServer();
RED.init(server, {
  userDir,
  flowFile: "flows.json",
  httpAdminRoot: false,
  httpNodeRoot: false,
  telemetry: { enabled: false, updateNotification: false },
  externalModules: { palette: { allowInstall: false } },
  logging: { console: { level: "off", metrics: false, audit: false } },
});
const loaded = once(RED.events, "flows:started");
await RED.start();
await loaded;
RED.nodes.registerType("bench/bench-ask", "bench-ask", function feed(this: RunningNode, fields) {
  RED.nodes.createNode(this, fields);
  send = (message) => this.send(message);
});
RED.nodes.registerType("bench/bench-take", "bench-take", function take(this: RunningNode, fields) {
  RED.nodes.createNode(this, fields);
  (this as unknown as NodeJS.EventEmitter).on(
    "input",
    (message: Taken, _send, done: () => void) => {
      if (message.payload[0] !== message.asked) {
        throw new Error(`register ${message.asked} read as ${message.payload[0]}`);
      }
      answered += 1;
      done();
      // Not from within its own answer: the client would call itself.
      setImmediate(ask);
    },
  );
});

interface Taken {
  readonly payload: readonly number[];
  readonly asked: number;
}

const started = once(RED.events, "flows:started");
await RED.runtime.flows.setFlows({
  flows: {
    flows: [
      { id: "tab", type: "tab", label: "bench" },
      { id: "ask", type: "bench-ask", z: "tab", wires: [["get"]] },
      {
        id: "get",
        type: "modbus-flex-getter",
        z: "tab",
        server: "client",
        useIOFile: false,
        keepMsgProperties: true,
        emptyMsgOnFail: false,
        wires: [["take"], []],
      },
      { id: "take", type: "bench-take", z: "tab", wires: [] },
      {
        id: "client",
        type: "modbus-client",
        clienttype: "tcp",
        bufferCommands: true,
        tcpHost: "127.0.0.1",
        tcpPort: port,
        tcpType: "DEFAULT",
        unit_id: "1",
        commandDelay: "1",
        clientTimeout: "1000",
        reconnectOnTimeout: true,
        reconnectTimeout: "2000",
        parallelUnitIdsAllowed: true,
      },
    ],
  },
  user: null,
  req: {},
});
await started;
// The client connects by itself, a while later.
for (let tries = 0; tries < 20; tries += 1) {
  await sleep(500);
  if (answered > 0) {
    break;
  }
  ask();
}
for (let waiting = 1; waiting < WAITING; waiting += 1) {
  ask();
}
await sleep(500);
const [before, from] = [answered, performance.now()];
await sleep(1000 * Number(seconds));
const rate = (1000 * (answered - before)) / (performance.now() - from);
process.stdout.write(`points per second ${Math.round(rate)}\n`);
process.exit(0);

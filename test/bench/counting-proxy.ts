import { connect, createServer, type Socket } from "node:net";

import { onCommand, tell } from "./program.ts";

/**
 * Stands between a client and the broker, counts the bytes that pass and looks at none: TLS goes through untouched. A program of
 * its own:
 *
 *     node counting-proxy.ts BROKER-PORT
 *
 * It says `{"kind":"ready","port":N}`, takes `{"open":false}` and `{"open":true}` (the broker is out of reach, and back), and
 * answers `{"count":n}` with the bytes towards the broker (`up`) and from it (`down`).
 */
const brokerPort = Number(process.argv[2]);
const bytes = { up: 0, down: 0 };
const sockets = new Set<Socket>();
let open = true;

const server = createServer({ noDelay: true }, (client) => {
  if (!open) {
    client.destroy();
    return;
  }
  const broker = connect({ port: brokerPort, host: "127.0.0.1", noDelay: true });
  pass(client, broker, "up");
  pass(broker, client, "down");
});

function pass(from: Socket, to: Socket, way: keyof typeof bytes): void {
  sockets.add(from);
  from.on("data", (chunk) => {
    bytes[way] += chunk.length;
    if (!to.write(chunk)) {
      from.pause();
      to.once("drain", () => from.resume());
    }
  });
  from.on("error", () => undefined);
  from.on("close", () => {
    sockets.delete(from);
    to.destroy();
  });
}

onCommand((command) => {
  if (typeof command["open"] === "boolean") {
    open = command["open"];
    if (!open) {
      sockets.forEach((socket) => socket.destroy());
    }
  }
  if (typeof command["count"] === "number") {
    tell({ kind: "count", n: command["count"], ...bytes });
  }
});

server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  tell({
    kind: "ready",
    port: typeof address === "object" && address !== null ? address.port : 0,
  });
});

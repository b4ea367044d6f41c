import { type Agent, type IncomingMessage, request, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";

import { hasBody, requestHeaders } from "./headers.ts";

/** True for an upgrade as the editor's own channel asks for it. */
export function isEditorChannel(incoming: IncomingMessage): boolean {
  return (
    incoming.method === "GET" &&
    incoming.headers.upgrade?.toLowerCase() === "websocket" &&
    !hasBody(incoming)
  );
}

/** Refuses an upgrade. */
export function refuseUpgrade(socket: Duplex, status: number): void {
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`;
  socket.end(`${head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`, () => socket.destroy());
}

/**
 * Opens the editor's channel. Bytes go both ways only once the editor has switched protocols: before that they would be
 * requests that nobody looked at.
 */
export function forwardUpgrade(
  agent: Agent,
  incoming: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const upstream = request({
    agent,
    path: incoming.url ?? "/",
    headers: { ...requestHeaders(incoming), connection: "Upgrade", upgrade: "websocket" },
  });
  upstream.on("upgrade", (answered, channel, early) => {
    if (answered.headers.upgrade?.toLowerCase() !== "websocket" || socket.destroyed) {
      channel.destroy();
      refuseUpgrade(socket, 502);
      return;
    }
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${switchHeaders(answered)}\r\n`, "latin1");
    socket.write(early);
    channel.write(head);
    joined(channel, socket);
  });
  upstream.on("response", (answered) => {
    answered.destroy();
    refuseUpgrade(socket, 502);
  });
  upstream.on("timeout", () => upstream.destroy(new Error("silent")));
  upstream.on("error", () => refuseUpgrade(socket, 503));
  socket.on("close", () => upstream.destroy());
  upstream.end();
}

/** All that a browser needs of the editor's answer; a cookie, for one, is not. */
const SWITCH_HEADERS = [
  "sec-websocket-accept",
  "sec-websocket-protocol",
  "sec-websocket-extensions",
];

function switchHeaders({ headers }: IncomingMessage): string {
  const kept = SWITCH_HEADERS.flatMap((name) => {
    const value = headers[name];
    return value === undefined ? [] : [`${name}: ${String(value)}\r\n`];
  });
  return ["Connection: Upgrade\r\n", "Upgrade: websocket\r\n", ...kept].join("");
}

function joined(one: Duplex, other: Duplex): void {
  one.pipe(other).pipe(one);
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.on("error", () => to.destroy());
    from.on("close", () => to.destroy());
  }
}

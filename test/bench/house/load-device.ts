import { createServer, type Server, type Socket } from "node:net";

import { monitorLines } from "./monitor-lines.ts";
import { onCommand, tell } from "../program.ts";

/**
 * The load: monitors behind serial device servers, far faster than real ones. A program of its own:
 *
 *     node load-device.ts DEVICES
 *
 * It says `{"kind":"ready","ports":[...]}` and then takes `{"linesPerSecond":N}` (all devices together) and `{"count":n}`, which
 * it answers with how many lines it has sent. What a line does not take is not sent and not counted, so that the count is
 * exactly what lies on the wire.
 */
const devices = Number(process.argv[2] ?? "8");

/** Lines prepared per device; they are sent round and round. */
const LINES = 600;
const TICK_MS = 5;
/** Bytes that may wait in one socket: a device has little memory. */
const WAITING_MAX = 256 * 1024;

class LoadDevice {
  readonly server: Server;
  readonly #lines: readonly Buffer[];
  #socket: Socket | null = null;
  #place = 0;
  sent = 0;

  constructor(seed: number) {
    this.#lines = monitorLines(seed, LINES);
    this.server = createServer({ noDelay: true }, (socket) => {
      this.#socket?.destroy();
      this.#socket = socket;
      socket.on("error", () => undefined);
      socket.resume();
    });
  }

  /** Sends the next lines in one piece, if the last ones have left. */
  send(count: number): void {
    const socket = this.#socket;
    if (count < 1 || socket?.writable !== true || socket.writableLength > WAITING_MAX) {
      return;
    }
    const lines = Array.from({ length: count }, (_, ahead) => this.#line(this.#place + ahead));
    this.#place = (this.#place + count) % LINES;
    this.sent += count;
    socket.write(Buffer.concat(lines));
  }

  #line(place: number): Buffer {
    return this.#lines[place % LINES] ?? Buffer.alloc(0);
  }
}

const all = Array.from({ length: devices }, (_, place) => new LoadDevice(place + 1));
let linesPerSecond = 0;
/** Lines that are due and not sent yet; a part of one is kept for the next tick. */
let due = 0;
let next = 0;
let lastAt = performance.now();

setInterval(() => {
  const now = performance.now();
  due = Math.min(due + ((now - lastAt) * linesPerSecond) / 1000, linesPerSecond);
  lastAt = now;
  const lines = Math.floor(due);
  due -= lines;
  const each = Math.floor(lines / all.length);
  const more = lines % all.length;
  for (const [place, device] of all.entries()) {
    device.send(each + ((place - next + all.length) % all.length < more ? 1 : 0));
  }
  next = (next + more) % all.length;
}, TICK_MS);

onCommand((command) => {
  if (typeof command["linesPerSecond"] === "number") {
    linesPerSecond = command["linesPerSecond"];
  }
  if (typeof command["count"] === "number") {
    const lines = all.reduce((sum, device) => sum + device.sent, 0);
    tell({ kind: "count", n: command["count"], lines });
  }
});

const ports = await Promise.all(all.map(async ({ server }) => listening(server)));
tell({ kind: "ready", ports });

function listening(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
}

import { setImmediate as soon, setTimeout as sleep } from "node:timers/promises";

import { crc16, rtuFrame } from "../../../gateway/lines/modbus-frames.ts";
import { openPty } from "../../../gateway/simulate/pty.ts";
import { onCommand, tell } from "../program.ts";

/**
 * A Modbus RTU slave on a pseudo terminal that takes as long as a wire does: the request's characters, the silence after which a slave
 * knows that it is over, its time to think, and then each character of the reply. A program of its own:
 *
 *     node paced-slave.ts BAUD TURNAROUND-MS
 *
 * It checks that the master is silent for 3.5 characters before every request, and answers `{"count":n}` with the requests that came
 * too early.
 */
const [baud = 19_200, turnaroundMs = 5] = process.argv.slice(2).map(Number);
const CHAR_MS = 11_000 / baud;
const GAP_MS = Math.max(3.5 * CHAR_MS, 1.75);
/** A UART hands over what has come every few characters. */
const PIECE_MS = 4;
const REQUEST_BYTES = 8;

let pending: Buffer = Buffer.alloc(0);
let startedAt = 0;
let endedAt = -Infinity;
/** Requests before which the master was not silent for long enough. */
let early = 0;

const pty = await openPty((bytes) => {
  if (pending.length === 0) {
    startedAt = performance.now();
  }
  pending = Buffer.concat([pending, bytes]);
  if (pending.length >= REQUEST_BYTES) {
    const request = pending.subarray(0, REQUEST_BYTES);
    pending = Buffer.alloc(0);
    void answer(request, startedAt);
  }
});
onCommand(({ count: n }) => {
  if (typeof n === "number") {
    tell({ kind: "count", n, early });
  }
});
tell({ kind: "ready", path: pty.path });

async function answer(request: Buffer, from: number): Promise<void> {
  // The pseudo terminal itself is late by a fraction of a millisecond.
  early += from - endedAt < GAP_MS - 0.5 ? 1 : 0;
  if (crc16(request.subarray(0, 6)) !== request.readUInt16LE(6)) {
    return;
  }
  const [address, count] = [request.readUInt16BE(2), request.readUInt16BE(4)];
  const reply = Buffer.alloc(3 + 2 * count);
  reply.set([request[0] ?? 0, request[1] ?? 0, 2 * count]);
  for (let place = 0; place < count; place += 1) {
    reply.writeUInt16BE(address + place, 3 + 2 * place);
  }
  const frame = rtuFrame(reply);
  const begin = from + REQUEST_BYTES * CHAR_MS + GAP_MS + turnaroundMs;
  const pieceBytes = Math.max(1, Math.floor(PIECE_MS / CHAR_MS));
  for (let sent = 0; sent < frame.length; sent += pieceBytes) {
    const end = Math.min(frame.length, sent + pieceBytes);
    await until(begin + end * CHAR_MS);
    pty.send(frame.subarray(sent, end));
  }
  endedAt = begin + frame.length * CHAR_MS;
}

async function until(at: number): Promise<void> {
  const waitMs = at - performance.now() - 1.5;
  if (waitMs > 0) {
    await sleep(waitMs);
  }
  while (performance.now() < at) {
    await soon();
  }
}

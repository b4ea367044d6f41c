import { createServer } from "node:net";

import { onCommand, tell } from "../program.ts";

/**
 * A Modbus TCP slave that is as fast as Node.js gets: every register holds its own address, all requests of one piece are answered in one
 * piece. A program of its own, so that the master has a core for itself:
 *
 *     node slave.ts
 *
 * Unit 9 never answers.
 */
const REQUEST_BYTES = 12;
const REPLY_BYTES_MAX = 260;
const DEAD_UNIT = 9;

/** Every register as it goes over the wire. */
const IMAGE = Buffer.alloc(2 * 0x1_00_00);
for (let register = 0; register <= 0xff_ff; register += 1) {
  IMAGE.writeUInt16BE(register, 2 * register);
}

const server = createServer({ noDelay: true }, (socket) => {
  let rest: Buffer = Buffer.alloc(0);
  socket.on("error", () => undefined);
  socket.on("data", (piece: Buffer) => {
    const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    const replies = Buffer.allocUnsafe(Math.ceil(bytes.length / REQUEST_BYTES) * REPLY_BYTES_MAX);
    let at = 0;
    let end = 0;
    for (; at + REQUEST_BYTES <= bytes.length; at += REQUEST_BYTES) {
      end = bytes[at + 6] === DEAD_UNIT ? end : putReply(bytes, at, replies, end);
    }
    rest = bytes.subarray(at);
    if (end > 0) {
      socket.write(replies.subarray(0, end));
    }
  });
});

/** Puts the reply to the request at `at` into the replies and returns where it ends. */
function putReply(bytes: Buffer, at: number, replies: Buffer, from: number): number {
  const address = bytes.readUInt16BE(at + 8);
  const length = 2 * bytes.readUInt16BE(at + 10);
  bytes.copy(replies, from, at, at + 8);
  replies.writeUInt16BE(3 + length, from + 4);
  replies[from + 8] = length;
  IMAGE.copy(replies, from + 9, 2 * address, 2 * address + length);
  return from + 9 + length;
}

server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  tell({
    kind: "ready",
    port: typeof address === "object" && address !== null ? address.port : 0,
  });
});
onCommand(() => undefined);

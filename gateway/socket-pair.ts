import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

import { WardError } from "./errors.ts";

/**
 * Two ends of one connected socket, to be handed to two rooms. Node.js has no socketpair(2); an abstract UNIX socket that
 * lives for one connection does the same and leaves no file.
 *
 * Its name can be seen by other local processes, so every accepted connection is told a secret of its own and ours is
 * found by the secret it heard. Neither end is reading when this resolves: a byte that arrived in this process
 * after the handle went to a room would be lost. The first end is good only for handing to another process; the second
 * can also be used here, after `resume()`.
 */
export async function socketPair(): Promise<[Socket, Socket]> {
  const name = `\0wardgate-pair-${randomBytes(16).toString("hex")}`;
  const accepted = new Map<string, Socket>();
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    const secret = randomBytes(SECRET_BYTES);
    accepted.set(secret.toString("hex"), socket);
    socket.on("error", () => socket.destroy());
    socket.write(secret);
  });
  server.listen(name);
  await once(server, "listening");
  try {
    const [near, secret] = await connectAndHear(name);
    const far = accepted.get(secret);
    if (far === undefined) {
      near.destroy();
      throw new WardError("WARD_SOCKET_PAIR", "Cannot make a socket pair: a stranger answered.");
    }
    accepted.delete(secret);
    return [near, far];
  } finally {
    for (const stranger of accepted.values()) {
      stranger.destroy();
    }
    server.close();
  }
}

const SECRET_BYTES = 32;
const HEAR_MS = 5000;

function connectAndHear(name: string): Promise<[Socket, string]> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      reject(new WardError("WARD_SOCKET_PAIR", `Cannot make a socket pair: ${why}.`));
    };
    const timer = setTimeout(() => fail("nobody answered in 5 s"), HEAR_MS);
    let heard = Buffer.alloc(0);
    const near = connect({
      path: name,
      onread: {
        buffer: Buffer.alloc(SECRET_BYTES),
        // Returning false stops the reading for good, unlike pause(), which lets the stream read ahead.
        callback: (count, buffer) => {
          heard = Buffer.concat([heard, buffer.subarray(0, count)]);
          if (heard.length < SECRET_BYTES) {
            return true;
          }
          clearTimeout(timer);
          resolve([near, heard.toString("hex")]);
          return false;
        },
      },
    });
    near.on("error", (error) => {
      clearTimeout(timer);
      fail(error.message);
    });
  });
}

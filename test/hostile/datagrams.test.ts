import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { test } from "node:test";

import { openDatagramSocket } from "../../gateway/lines/datagram-socket.ts";

/** A line that hears datagrams, on a network where anybody may send some. */

async function sender(address: string): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.bind({ address, port: 0 });
  await once(socket, "listening");
  return socket;
}

function portOf(socket: Socket): number {
  return socket.address().port;
}

test("datagrams count from the device's address and port only, whatever is in them", async () => {
  const device = await sender("127.0.0.1");
  const neighbour = await sender("127.0.0.1");
  const stranger = await sender("127.0.0.2");
  const heard: string[] = [];
  const marked = Promise.withResolvers<void>();
  const line = await openDatagramSocket(
    { host: "127.0.0.1", port: portOf(device), mode: "active", line: "udp://127.0.0.1" },
    {
      onBytes: (bytes) => {
        heard.push(Buffer.from(bytes).toString());
        if (heard.includes("mark")) {
          marked.resolve();
        }
      },
      onEnd: (why) => marked.reject(new Error(why)),
    },
  );
  const asked = once(device, "message");
  await line.write(Buffer.from("ask"));
  const [, from] = (await asked) as [Buffer, { port: number }];
  const say = async (socket: Socket, bytes: Uint8Array): Promise<void> =>
    await new Promise((resolve) => {
      // Between two of them the line gets its turn: a full buffer would drop what comes last.
      socket.send(bytes, from.port, "127.0.0.1", () => setImmediate(resolve));
    });
  for (let count = 0; count < 200; count += 1) {
    await say(stranger, Buffer.from("false value"));
    await say(neighbour, Buffer.from("false value"));
  }
  await say(device, Buffer.of());
  await say(device, Buffer.from("mark"));
  await marked.promise;
  assert.deepEqual(
    heard.filter((text) => text !== ""),
    ["mark"],
  );
  await line.close();
  [device, neighbour, stranger].forEach((socket) => socket.close());
});

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { after, before, test } from "node:test";

import type { SimulatedDevice } from "../../gateway/simulate/host.ts";
import { loopbackPlace, openOutlet, type Outlet } from "../../gateway/simulate/outlet.ts";
import { needSimulator, SIMULATORS } from "../../gateway/simulate/registry.ts";
import { gone, silent } from "../fakes/hostile-kit.ts";

/** Simulated devices listen too, on this machine only. */

let device: SimulatedDevice;
let outlet: Outlet;
before(async () => {
  const model = SIMULATORS.find(({ lines }) => lines[0] === "modbus-tcp")?.model ?? "";
  device = await needSimulator(model).start({ line: "modbus-tcp", seed: 1 });
  outlet = await openOutlet("tcp", { onBytes: () => undefined });
});
after(async () => {
  await device.close();
  await outlet.close();
});

function portOf(url: string): number {
  return Number(new URL(url).port);
}

async function dial(port: number): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1" });
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

const EVIL = [
  Buffer.alloc(300_000, 0xff),
  Buffer.alloc(300_000),
  Buffer.from("GET / HTTP/1.1\r\n\r\n"),
  Buffer.from([0, 1, 0, 0, 0xff, 0xff, 1, 3, 0, 0, 0xff, 0xff]),
  Buffer.from([0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 0]),
  // To write what only may be read.
  Buffer.from([0, 1, 0, 0, 0, 6, 1, 6, 0, 0, 0, 1]),
];

test("a simulated bus survives what no device would say, and gives nobody a place for ever", async () => {
  const port = portOf(device.url);
  for (const bytes of EVIL) {
    const socket = await dial(port);
    socket.end(bytes);
    await gone(socket);
  }
  const idle = await Promise.all(Array.from({ length: 40 }, () => silent(port)));
  idle.forEach((socket) => socket.destroy());
  await Promise.all(idle.map(gone));
  const read = Buffer.from([0, 7, 0, 0, 0, 6, device.unit ?? 1, 3, 0, 0, 0, 1]);
  let answer: unknown = null;
  while (answer === null) {
    const socket = await dial(port);
    socket.write(read);
    answer = await new Promise((resolve) => {
      socket.once("data", resolve);
      socket.once("close", () => resolve(null));
    });
    socket.destroy();
  }
  assert.ok(Buffer.isBuffer(answer) && answer.readUInt16BE(0) === 7);
});

test("a simulated stream survives its readers, and is opened on this machine only", async () => {
  const port = portOf(outlet.url);
  for (const bytes of EVIL) {
    const socket = await dial(port);
    socket.end(bytes);
    await gone(socket);
  }
  const reader = await dial(port);
  const heard = once(reader, "data");
  outlet.send(Buffer.from("still here"));
  assert.equal(String((await heard)[0]), "still here");
  reader.destroy();
  for (const place of [
    "//0.0.0.0:5000",
    "//10.0.0.1:5000",
    "//[::]:5000",
    "//127.0.0.1.evil.example:1",
  ]) {
    assert.throws(() => loopbackPlace("tcp", place), { code: "WARD_LINE_URL" });
  }
});

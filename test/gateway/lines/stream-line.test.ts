import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, symlink, unlink } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { needDriver } from "../../../gateway/devices/catalog.ts";
import type { StreamDriver } from "../../../gateway/devices/device.ts";
import { packetOf } from "../../../gateway/devices/nonin-oem3-format2/simulator.ts";
import type { DeviceSpec } from "../../../gateway/lines/line.ts";
import { openStreamLine } from "../../../gateway/lines/serial.ts";
import { openSerialPort } from "../../../gateway/lines/serial-port.ts";
import { NODE_OPTIONS } from "../../../gateway/program/options.ts";
import type { Pty } from "../../../gateway/simulate/pty.ts";
import { openPty } from "../../../gateway/simulate/pty.ts";
import { RecordedDevice } from "./recorded-device.ts";

const FAST = { firstRetryMs: 50, maxRetryMs: 200 };
const PACKET = packetOf({ rate: 72, spo2: 97, status: 2, plethAt: (frame) => frame });

describe("stream lines", { concurrency: true }, () => {
  test("a pulled cable is noticed at once, and the line comes back when it is plugged in again", async () => {
    const directory = await mkdtemp(join(tmpdir(), "wardgate-test-"));
    const path = join(directory, "ttyUSB0");
    let pty = await plug(path);
    const line = openStreamLine(`serial:${path}`, FAST);
    const device = new RecordedDevice();
    try {
      line.attach(spec(), device.sink);
      await readSome(pty, device);
      const pulled = device.nextState("backoff");
      await pty.close();
      assert.match(await pulled, /^unplugged/);
      const frames = device.frames.length;
      await unlink(path);
      await device.until(() => /there is none/.test(device.states.at(-1)?.text ?? ""));
      const opened = device.nextState("negotiating");
      pty = await plug(path);
      await opened;
      await readSome(pty, device);
      const again = device.frames[frames]?.waves[0];
      assert.equal(again?.gap, true, "samples are missing before the first block after the break");
      assert.equal(device.state, "online");
    } finally {
      await line.close();
      await pty.close();
      await rm(directory, { recursive: true });
    }
  });

  test("a peer that stays silent is stale, is opened again, and comes back", async () => {
    const { server, sockets, url } = await serve();
    const line = openStreamLine(url, FAST);
    const device = new RecordedDevice();
    try {
      line.attach(spec(quick()), device.sink);
      const text = await device.nextState("stale");
      assert.match(text, /^no bytes since \d\d:\d\d: check cable and device menu$/);
      while (sockets.length < 3) {
        await once(server, "connection");
      }
      assert.equal(device.states.filter(({ state }) => state === "stale").length, 1);
      assert.equal(device.state, "stale", "opening again is no news");
      sockets.at(-1)?.write(PACKET);
      sockets.at(-1)?.write(PACKET);
      await device.until(() => device.state === "online");
    } finally {
      await line.close();
      server.close();
    }
  });

  test("bytes that make no sense get another advice", async () => {
    const { server, url } = await serve((socket) => socket.write("garbage ".repeat(50)));
    const line = openStreamLine(url, FAST);
    const device = new RecordedDevice();
    try {
      // The bytes have to come before the quiet time is over, also on a busy machine.
      line.attach(spec(quick(3000)), device.sink);
      assert.match(await device.nextState("stale"), /^bytes but no good frame since .*baud rate/);
    } finally {
      await line.close();
      server.close();
    }
  });

  test("a peer that closes, refuses or is not there: plain words, and the way back", async () => {
    const { server, url, sockets } = await serve((socket) => socket.write(PACKET));
    const line = openStreamLine(url, FAST);
    const device = new RecordedDevice();
    line.attach(spec(), device.sink);
    await device.until(() => device.state === "negotiating" && sockets.length === 1);
    const closed = device.nextState("backoff");
    server.close();
    sockets[0]?.end();
    assert.match(await closed, /the other side closed the connection/);
    await device.until(() => device.frames.length === 1);
    assert.match(await device.nextState("backoff"), /connection refused.*device server is on/);
    const { port } = new URL(url.replace("tcp:", "http:"));
    const back = createServer((socket) => socket.write(Buffer.concat([PACKET, PACKET])));
    back.listen(Number(port), "127.0.0.1");
    await device.nextState("online");
    await line.close();
    back.close();
  });

  test("one port has one owner, in this process and among all", async () => {
    const pty = await openPty();
    const first = openStreamLine(`serial:${pty.path}`, FAST);
    const device = new RecordedDevice();
    const second = openStreamLine(`serial:${pty.path}?baud=19200`, FAST);
    const other = new RecordedDevice();
    try {
      first.attach(spec(), device.sink);
      await device.until(() => device.state === "negotiating");
      second.attach(spec(), other.sink);
      assert.match(await other.nextState("backoff"), /already read as serial:\/dev\/pts/);
      const refused = new RecordedDevice();
      first.attach(spec(), refused.sink);
      assert.match(refused.states[0]?.text ?? "", /already serves another device/);
      const opened = other.nextState("negotiating");
      await first.close();
      await opened;
    } finally {
      await Promise.all([first.close(), second.close()]);
      await pty.close();
    }
  });

  test("another program that reads the port is named as the reason", async () => {
    const pty = await openPty();
    const main = fileURLToPath(new URL("../../../gateway/main.ts", import.meta.url));
    const holder = spawn(
      process.execPath,
      [
        ...NODE_OPTIONS,
        main,
        "devices",
        "read",
        "nonin-oem3-format2",
        "--line",
        `serial:${pty.path}`,
      ],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    const line = openStreamLine(`serial:${pty.path}`, FAST);
    const device = new RecordedDevice();
    try {
      let said = "";
      while (!said.includes("negotiating")) {
        const [chunk] = await once(holder.stderr, "data");
        said += String(chunk);
      }
      line.attach(spec(), device.sink);
      assert.match(await device.nextState("backoff"), /another program has it open/);
      // Watched for from before it is possible: the port may be free, and opened, before the end of its holder is heard of.
      const opened = device.nextState("negotiating");
      holder.kill("SIGKILL");
      await opened;
    } finally {
      holder.kill("SIGKILL");
      await line.close();
      await pty.close();
    }
  });

  test("a driver can send its read verbs and nothing else", async () => {
    const asked: string[] = [];
    const { server, url } = await serve((socket) =>
      socket.on("data", (bytes) => asked.push(bytes.toString())),
    );
    const driver = asking([
      ["READ", "read!"],
      ["STOP-PUMP", "stop!"],
      ["READ", "stop!"],
    ]);
    const line = openStreamLine(url, FAST);
    const device = new RecordedDevice();
    line.attach(spec(driver), device.sink);
    await device.until(() => device.faults.length >= 4 && asked.length > 0);
    await line.close();
    server.close();
    assert.ok(device.faults.every(({ fault }) => fault === "refused-verb"));
    assert.match(device.faults[0]?.text ?? "", /"STOP-PUMP": its bytes are no read verb/);
    assert.match(device.faults[1]?.text ?? "", /"READ": its bytes are no read verb/);
    assert.equal(asked.join("").replaceAll("read!", ""), "");
  });

  test("a passive driver never sends, even what it lists", async () => {
    const asked: string[] = [];
    const { server, url } = await serve((socket) => socket.on("data", () => asked.push("!")));
    const active = asking([["READ", "read!"]]);
    const driver: StreamDriver = {
      ...active,
      facts: { ...active.facts, mode: "passive", quietMs: 400 },
    };
    const line = openStreamLine(url, FAST);
    const device = new RecordedDevice();
    line.attach(spec(driver), device.sink);
    await device.until(() => device.faults.length >= 2);
    await line.close();
    server.close();
    assert.deepEqual(asked, []);
  });

  test("a device that takes no bytes does not hold the line for ever", async () => {
    const { server, url, sockets } = await serve((socket) => socket.pause());
    const line = openStreamLine(url, FAST);
    const device = new RecordedDevice();
    line.attach(spec(asking([["READ", "x".repeat(8 * 2 ** 20)]])), device.sink);
    assert.match(await device.nextState("backoff"), /takes no bytes/);
    await line.close();
    sockets.forEach((socket) => socket.destroy());
    server.close();
  });

  test("a decoder that throws is replaced, and its line goes on", async () => {
    const nonin = noninDriver();
    let opened = 0;
    const driver: StreamDriver = {
      ...nonin,
      open: (...how) => {
        opened += 1;
        const decoder = nonin.open(...how);
        return opened > 1
          ? decoder
          : {
              ...decoder,
              push: () => {
                throw new Error("bug");
              },
            };
      },
    };
    const { server, url } = await serve((socket) => {
      const timer = setInterval(() => socket.write(PACKET), 50);
      socket.on("close", () => clearInterval(timer));
      socket.on("error", () => undefined);
    });
    const line = openStreamLine(url, FAST);
    const device = new RecordedDevice();
    line.attach(spec(driver), device.sink);
    await device.until(() => device.frames.length >= 2);
    assert.equal(device.faults[0]?.fault, "driver-error");
    await line.close();
    server.close();
  });

  test("detaching tells closed at once and nothing after; attaching again works", async () => {
    const { server, url } = await serve((socket) => {
      const timer = setInterval(() => socket.write(PACKET), 10);
      socket.on("close", () => clearInterval(timer));
      socket.on("error", () => undefined);
    });
    const line = openStreamLine(url, FAST);
    const device = new RecordedDevice();
    const detach = line.attach(spec(), device.sink);
    await device.until(() => device.frames.length >= 2);
    detach();
    const frames = device.frames.length;
    assert.equal(device.state, "closed");
    const next = new RecordedDevice();
    line.attach(spec(), next.sink);
    await next.until(() => next.frames.length >= 2);
    assert.equal(device.frames.length, frames);
    assert.equal(device.state, "closed");
    await line.close();
    server.close();
  });

  test("a line that is being opened can be closed", async () => {
    const line = openStreamLine("tcp://192.0.2.1:9", FAST);
    const device = new RecordedDevice();
    line.attach(spec(), device.sink);
    await device.until(() => device.state === "connecting");
    await line.close();
    assert.equal(device.state, "closed");
  });

  test("a model is refused on a line it does not speak, in plain words", () => {
    const line = openStreamLine("tcp://127.0.0.1:9", FAST);
    const device = new RecordedDevice();
    line.attach({ ...spec(), driver: needDriver("tsi-rpc30"), unit: 1 }, device.sink);
    assert.match(device.states[0]?.text ?? "", /tsi-rpc30 is read over modbus-tcp/);
  });

  test("bytes to an active serial device come out at the other end", async () => {
    const got = Promise.withResolvers<string>();
    const pty = await openPty((bytes) => got.resolve(Buffer.from(bytes).toString()));
    const serial = { baud: 19_200, format: "7E1", flow: "none" } as const;
    const port = await openSerialPort(
      { path: pty.path, serial, line: "test" },
      { onBytes: () => undefined, onEnd: () => undefined },
    );
    await port.write(Buffer.from("?ID\r"));
    assert.equal(await got.promise, "?ID\r");
    await port.close();
    await port.close();
    await assert.rejects(port.write(Buffer.from("x")), /the port is closed/);
    await pty.close();
  });
});

function noninDriver(): StreamDriver {
  const driver = needDriver("nonin-oem3-format2");
  assert.equal(driver.kind, "stream");
  return driver;
}

/** The same driver with a short patience. */
function quick(quietMs = 300): StreamDriver {
  const driver = noninDriver();
  return { ...driver, facts: { ...driver.facts, quietMs } };
}

/** An active driver that asks the same every time; only READ is one of its verbs, and only "read!" and "xxx..." are its bytes. */
function asking(questions: readonly (readonly [string, string])[]): StreamDriver {
  const driver = noninDriver();
  return {
    ...driver,
    facts: { ...driver.facts, mode: "active", quietMs: 30_000 },
    verbs: [
      {
        verb: "READ",
        doc: "Reads.",
        matches: (bytes) => /^(?:read!|x+)$/.test(Buffer.from(bytes).toString()),
      },
    ],
    open: () => ({
      push: () => [],
      tick: () =>
        questions.map(([verb, text]) => ({ kind: "ask", verb, bytes: Buffer.from(text) })),
    }),
  };
}

function spec(driver: StreamDriver = noninDriver()): DeviceSpec {
  return { device: "bed-1/monitor", driver, unit: null, options: {} };
}

async function plug(path: string): Promise<Pty> {
  const pty = await openPty();
  await symlink(pty.path, path);
  return pty;
}

async function readSome(pty: Pty, device: RecordedDevice): Promise<void> {
  const frames = device.frames.length;
  const timer = setInterval(() => pty.send(PACKET), 30);
  await device.until(() => device.frames.length >= frames + 2);
  clearInterval(timer);
}

async function serve(
  onSocket: (socket: Socket) => void = () => undefined,
): Promise<{ server: Server; sockets: Socket[]; url: string }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    onSocket(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { server, sockets, url: `tcp://127.0.0.1:${port}` };
}

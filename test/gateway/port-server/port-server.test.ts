import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import type { SerialFormat } from "../../../gateway/devices/device.ts";
import { driver as tsi } from "../../../gateway/devices/tsi-rpc30/driver.ts";
import { openModbusLine } from "../../../gateway/lines/modbus.ts";
import { openPort } from "../../../gateway/lines/open-port.ts";
import type { Transport } from "../../../gateway/lines/transport.ts";
import { PortServer, type PortEvent } from "../../../gateway/port-server/port-server.ts";
import { openPty, type Pty } from "../../../gateway/simulate/pty.ts";
import { needSimulator } from "../../../gateway/simulate/registry.ts";
import { CollectingSink } from "../../fakes/line-sink.ts";

const MONITOR: SerialFormat = { baud: 19_200, format: "7E1", flow: "none" };

/** A port server over a directory that stands for /dev/serial/by-path, with pseudo terminals plugged in. */
class Bench {
  readonly events: PortEvent[] = [];
  readonly written: Buffer[] = [];
  readonly directory = mkdtempSync(join(tmpdir(), "wardgate-ports-"));
  readonly port = join(this.directory, "usb-1.2-port0");
  readonly socket = join(this.directory, "usb-1.2-port0.sock");
  readonly #ptys: Pty[] = [];

  static async open(t: TestContext): Promise<Bench> {
    const bench = new Bench();
    const server = await PortServer.open({
      directory: bench.directory,
      patterns: [join(bench.directory, "usb-*-port0")],
      onEvent: (event) => bench.events.push(event),
      lookMs: 10,
    });
    t.after(async () => {
      await server.close();
      await Promise.all(bench.#ptys.map((pty) => pty.close()));
      rmSync(bench.directory, { recursive: true });
    });
    return bench;
  }

  async plug(): Promise<Pty> {
    const pty = await openPty((bytes) => void this.written.push(Buffer.from(bytes)));
    this.#ptys.push(pty);
    symlinkSync(pty.path, this.port);
    await until("the port is shared", () => existsSync(this.socket));
    return pty;
  }

  /** Plugs in a device that has a terminal of its own. */
  async plugDevice(path: string): Promise<void> {
    symlinkSync(path, this.port);
    await until("the port is shared", () => existsSync(this.socket));
  }

  async pull(pty: Pty): Promise<void> {
    unlinkSync(this.port);
    await pty.close();
  }
}

/** The gateway's side. */
class Client {
  readonly got: Buffer[] = [];
  ended: string | null = null;
  transport: Transport | null = null;

  static async open(path: string, serial: SerialFormat = MONITOR): Promise<Client> {
    const client = new Client();
    client.transport = await openPort(
      { path, serial, line: `serial:${path}` },
      {
        onBytes: (bytes) => void client.got.push(Buffer.from(bytes)),
        onEnd: (why) => (client.ended = why),
      },
    );
    return client;
  }

  get text(): string {
    return Buffer.concat(this.got).toString("latin1");
  }
}

async function until(what: string, is: () => boolean): Promise<void> {
  const end = Date.now() + 30_000;
  while (!is()) {
    assert.ok(Date.now() < end, what);
    await sleep(5);
  }
}

test("a port is set as the gateway asks, and every byte passes both ways, FF too", async (t) => {
  const bench = await Bench.open(t);
  const pty = await bench.plug();
  const client = await Client.open(bench.socket);
  const set = execFileSync("stty", ["-a", "-F", pty.path], { encoding: "utf8" });
  assert.match(set, /speed 19200 baud/);
  // A pseudo terminal keeps cs8 whatever is asked; parity and stop bits are as on a real port.
  assert.match(set, /parenb -parodd/);
  assert.match(set, /-cstopb/);
  const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  pty.send(Buffer.from([1, 255, 255, 2, 13, 10, 0, 255]));
  await until("bytes of the device", () => client.text.length === 8);
  assert.equal(Buffer.concat(client.got).toString("hex"), "01ffff020d0a00ff");
  await client.transport?.write(all);
  await until("bytes for the device", () => Buffer.concat(bench.written).length >= 256);
  assert.deepEqual(Buffer.concat(bench.written), all);
  assert.equal(statSync(bench.socket).mode & 0o777, 0o660);
  await client.transport?.close();
});

test("a port has one user at a time, and is free when that one goes", async (t) => {
  const bench = await Bench.open(t);
  await bench.plug();
  const first = await Client.open(bench.socket);
  await assert.rejects(Client.open(bench.socket), { code: "WARD_LINE_OPEN" });
  await first.transport?.close();
  await until("closed", () => bench.events.some(({ event }) => event === "closed"));
  const next = await Client.open(bench.socket);
  assert.equal(next.ended, null);
  await next.transport?.close();
});

test("a pulled cable cuts the gateway off, and it gets on when the port is back", async (t) => {
  const bench = await Bench.open(t);
  const pty = await bench.plug();
  const client = await Client.open(bench.socket);
  await bench.pull(pty);
  await until("cut off", () => client.ended !== null);
  await assert.rejects(Client.open(bench.socket), { code: "WARD_LINE_OPEN" });
  const other = await bench.plug();
  const again = await Client.open(bench.socket, { baud: 9600, format: "8N2", flow: "none" });
  other.send(Buffer.from("back"));
  await until("bytes", () => again.text === "back");
  await again.transport?.close();
});

test("a Modbus RTU bus is read over a shared port", async (t) => {
  const bench = await Bench.open(t);
  const device = await needSimulator("tsi-rpc30").start({ line: "pty", seed: 1 });
  await bench.plugDevice(device.url.replace(/^modbus-rtu:|\?.*$/g, ""));
  const line = openModbusLine(`modbus-rtu:${bench.socket}?baud=9600`);
  const sink = new CollectingSink();
  line.attach({ device: "room-1/pressure", driver: tsi, unit: device.unit, options: {} }, sink);
  await sink.until(() => sink.frames.length > 1);
  assert.equal(sink.now, "online");
  await line.close();
  await device.close();
});

test("what does not speak RFC 2217 opens no port", async (t) => {
  const bench = await Bench.open(t);
  await bench.plug();
  const { connect } = await import("node:net");
  const rude = connect(bench.socket);
  rude.write("hello, printer");
  await until("opened", () => bench.events.some(({ event }) => event === "opened"));
  rude.destroy();
  await until("closed", () => bench.events.some(({ event }) => event === "closed"));
  assert.deepEqual(bench.written, []);
});

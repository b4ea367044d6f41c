import assert from "node:assert/strict";
import { createServer } from "node:net";
import { once } from "node:events";
import { test } from "node:test";

import type { ModbusDriver } from "../../../gateway/devices/device.ts";
import { driver as nonin } from "../../../gateway/devices/nonin-oem3-format2/driver.ts";
import { driver as tsi } from "../../../gateway/devices/tsi-rpc30/driver.ts";
import { openModbusLine } from "../../../gateway/lines/modbus.ts";
import type { Line } from "../../../gateway/lines/line.ts";
import { rtuFrame } from "../../../gateway/lines/modbus-frames.ts";
import { ReadOnlyPort } from "../../../gateway/lines/modbus-port.ts";
import { CollectingSink } from "../../fakes/line-sink.ts";
import { openPtyBus, SigningSlave, signedDriver, TcpBus } from "../../fakes/modbus-bus.ts";

const TIMING = { replyMs: 60, quietMs: 40, unitBackoffMs: 2000 };

function attach(
  line: Line,
  driver: ModbusDriver,
  unit: number | null,
  sink: CollectingSink,
): () => void {
  return line.attach({ device: `test/${unit}`, driver, unit, options: {} }, sink);
}

const BLOCKS = [{ function: 4, address: 100, count: 6 }] as const;

function signed(unit: number, slave: SigningSlave, counts = { good: 0, wrong: 0 }): ModbusDriver {
  return signedDriver({ unit, slave, blocks: BLOCKS, counts });
}

test("the guarded port lets no write out, even if the library were told to write", () => {
  const sent: Uint8Array[] = [];
  const wire = {
    onBytes: () => undefined,
    onEnd: () => undefined,
    write: (bytes: Uint8Array) => void sent.push(bytes),
    close: async () => undefined,
  };
  const port = new ReadOnlyPort(wire, "rtu", () => undefined);
  for (const code of [5, 6, 7, 8, 15, 16, 17, 20, 21, 22, 23, 43, 0, 127, 255]) {
    assert.throws(() => port.write(rtuFrame(Uint8Array.of(1, code, 0, 1, 0, 1))), {
      code: "WARD_MODBUS_NOT_A_READ",
    });
  }
  assert.equal(sent.length, 0);
  port.write(rtuFrame(Uint8Array.of(1, 3, 0, 1, 0, 1)));
  assert.throws(() => port.write(rtuFrame(Uint8Array.of(1, 3, 0, 1, 0, 1))), {
    code: "WARD_MODBUS_BUSY",
  });
  assert.equal(sent.length, 1);
});

test("a lost connection is told in plain words and comes back", async () => {
  const slave = new SigningSlave();
  const bus = await TcpBus.open(slave, "tcp");
  const line = openModbusLine(bus.url, TIMING);
  const sink = new CollectingSink();
  attach(line, signed(3, slave), 3, sink);
  await sink.until(() => sink.frames.length > 5);
  assert.deepEqual(
    sink.states.map(({ state }) => state),
    ["connecting", "negotiating", "online"],
  );
  bus.drop();
  const before = sink.frames.length;
  await sink.until(() => sink.frames.length > before + 2);
  await bus.close();
  await sink.until(() => sink.now === "backoff" && /refused/.test(sink.text));
  assert.match(
    sink.text,
    /^Cannot open modbus-tcp:\/\/127\.0\.0\.1:\d+: connection refused\. .*; trying again in about \d+ s$/,
  );
  await line.close();
  assert.equal(sink.now, "closed");
});

test("a port that is unplugged is told", async () => {
  const slave = new SigningSlave();
  const bus = await openPtyBus(slave, "rtu");
  const line = openModbusLine(bus.url, TIMING);
  const sink = new CollectingSink();
  attach(line, signed(3, slave), 3, sink);
  await sink.until(() => sink.frames.length > 3);
  await bus.close();
  await sink.until(() => sink.now === "backoff");
  assert.match(sink.text, /unplugged|none|no serial port|input.output|trying again/i);
  await line.close();
});

test("a device that refuses is a fault with the reason, and no value", async () => {
  const slave = new SigningSlave();
  slave.answer = (request) => Uint8Array.of(request[0] ?? 0, (request[1] ?? 0) | 0x80, 2);
  const bus = await TcpBus.open(slave, "tcp");
  const line = openModbusLine(bus.url, TIMING);
  const sink = new CollectingSink();
  attach(line, tsi, 1, sink);
  await sink.until(() => sink.faults.length > 0);
  assert.equal(sink.faults[0]?.fault, "exception");
  assert.ok(sink.refusals > 0);
  assert.match(sink.faults[0]?.text ?? "", /exception 2, no such register/);
  assert.equal(sink.frames.length, 0);
  await line.close();
  await bus.close();
});

test("what cannot be read is said, not tried", async () => {
  const line = openModbusLine("modbus-rtu:/dev/ttyNONE", TIMING);
  const sinks = [new CollectingSink(), new CollectingSink(), new CollectingSink()];
  line.attach({ device: "a", driver: nonin, unit: 1, options: {} }, sinks[0]!);
  line.attach({ device: "b", driver: tsi, unit: 0, options: {} }, sinks[1]!);
  const block = { function: 4, address: 65_530, count: 15 } as const;
  const beyond = {
    ...tsi,
    polls: () => [{ everyMs: 1000, blocks: [block], decode: () => [] }],
  };
  line.attach({ device: "c", driver: beyond, unit: 1, options: {} }, sinks[2]!);
  assert.match(sinks[0]!.states[0]?.text ?? "", /does not speak Modbus/);
  assert.match(sinks[1]!.states[0]?.text ?? "", /unit 0 is not 1 to 247/);
  assert.match(sinks[2]!.states[0]?.text ?? "", /registers that Modbus does not have/);
  await line.close();
  assert.throws(() => openModbusLine("serial:/dev/ttyS0"), { code: "WARD_LINE_URL" });
});

test("closing does not wait for a device that does not answer", { timeout: 20_000 }, async () => {
  const server = createServer(() => undefined).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const line = openModbusLine(`modbus-tcp://127.0.0.1:${port}`, { replyMs: 60_000 });
  const sink = new CollectingSink();
  attach(line, tsi, 1, sink);
  await sink.until(() => sink.now === "negotiating");
  await line.close();
  server.close();
});

test("a transaction number is never used twice on a connection", async () => {
  const slave = new SigningSlave();
  const numbers = new Set<number>();
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (bytes: Buffer) => {
      const number = bytes.readUInt16BE(0);
      assert.ok(!numbers.has(number));
      numbers.add(number);
      const reply = slave.answer(bytes.subarray(6))!;
      const head = Buffer.from(bytes.subarray(0, 6));
      head.writeUInt16BE(reply.length, 4);
      socket.write(Buffer.concat([head, reply]));
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const line = openModbusLine(`modbus-tcp://127.0.0.1:${port}`, TIMING);
  const sink = new CollectingSink();
  const counts = { good: 0, wrong: 0 };
  attach(line, signed(3, slave, counts), 3, sink);
  await sink.until(() => sink.frames.length > 600);
  await line.close();
  server.close();
  assert.ok(numbers.size > 600 && counts.wrong === 0);
});

test("devices come and go while the bus runs", async () => {
  const slave = new SigningSlave();
  const bus = await TcpBus.open(slave, "tcp");
  const line = openModbusLine(bus.url, TIMING);
  const counts = { good: 0, wrong: 0 };
  const first = new CollectingSink();
  const detach = attach(line, signed(3, slave, counts), 3, first);
  await first.until(() => first.frames.length > 3);
  const second = new CollectingSink();
  attach(line, signed(4, slave, counts), 4, second);
  await second.until(() => second.frames.length > 3);
  detach();
  const seen = first.frames.length;
  const before = second.frames.length;
  await second.until(() => second.frames.length > before + 5);
  assert.equal(first.frames.length, seen);
  assert.equal(first.now, "closed");
  assert.equal(counts.wrong, 0);
  await line.close();
  await bus.close();
});

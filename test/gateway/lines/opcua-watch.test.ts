import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { describe, mock, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { StatusCodes } from "node-opcua-client";

import { NODE_OPTIONS } from "../../../gateway/program/options.ts";
import { fakeTable, hastyDriver, OpcuaReader } from "../../fakes/opcua-reader.ts";
import { FakeOpcuaServer } from "../../fakes/opcua-server.ts";

test("no request is larger than the server says it takes", async () => {
  const limits = { maxNodesPerRead: 7, maxNodesPerBrowse: 3, maxMonitoredItemsPerCall: 5 };
  await using server = await FakeOpcuaServer.start({ limits, count: 40 });
  await using reader = await OpcuaReader.open(server);
  // With a unit each variable is browsed for its EngineeringUnits.
  const sink = reader.attach({ points: fakeTable(40, { unit: "Cel" }) });
  await sink.until(() => new Set(codesOf(sink.frames)).size === 40);
  await sink.until(
    () => server.asked.filter(({ service }) => service === "ReadRequest").length > 8,
  );
  assert.deepEqual(sink.faults, []);
  // Before it knows better, the library asks for one node, and the limits themselves are asked for in one request.
  const reads = server.asked.filter(({ service, nodes }) => service === "ReadRequest" && nodes > 7);
  assert.ok(reads.length <= 1, JSON.stringify(reads));
  assert.equal(server.largest("BrowseRequest"), 3);
  assert.equal(server.largest("CreateMonitoredItemsRequest"), 5);
});

function codesOf(frames: readonly { readings: readonly { code: string }[] }[]): string[] {
  return frames.flatMap(({ readings }) => readings.map(({ code }) => code));
}

test("a server that takes less than it says is asked for less", async () => {
  await using server = await FakeOpcuaServer.start({ count: 20 });
  await using reader = await OpcuaReader.open(server);
  const first = reader.attach({ points: fakeTable(1) });
  await first.until(() => first.frames.length > 0);
  const { operationLimits } = server.server.engine.serverCapabilities;
  operationLimits.maxMonitoredItemsPerCall = 3;
  operationLimits.maxNodesPerRead = 4;
  const second = reader.attach({ points: fakeTable(20) });
  await second.until(() => new Set(codesOf(second.frames)).size === 20);
  const frames = second.frames.length;
  await second.until(() => second.frames.length > frames + 3);
  assert.equal(second.now, "online");
});

test("points beyond what one subscription may have get another one", async () => {
  await using server = await FakeOpcuaServer.start({
    count: 10,
    maxMonitoredItemsPerSubscription: 7,
  });
  await using reader = await OpcuaReader.open(server);
  const sink = reader.attach({ points: fakeTable(10) });
  await sink.until(() => new Set(codesOf(sink.frames)).size === 10);
  const made = server.asked.filter(({ service }) => service === "CreateSubscriptionRequest");
  assert.equal(made.length, 2);
  server.set(9, 42);
  await sink.reading("FAKE_V9", ({ value }) => value === 42);
});

test("points beyond what the server can watch at all are polled", async () => {
  await using server = await FakeOpcuaServer.start({ count: 10, maxMonitoredItems: 6 });
  await using reader = await OpcuaReader.open(server);
  const patient = { ...hastyDriver, facts: { ...hastyDriver.facts, quietMs: 60_000 } };
  const sink = reader.attach({ points: fakeTable(10), sampling: 300 }, patient);
  await sink.until(() => new Set(codesOf(sink.frames)).size === 10);
  server.set(9, 42);
  await sink.reading("FAKE_V9", ({ value }) => value === 42);
  server.set(0, 43);
  await sink.reading("FAKE_V0", ({ value }) => value === 43);
});

test("a dead-band keeps small changes at the server, and reading all points now and then starves nobody", async () => {
  await using server = await FakeOpcuaServer.start({ count: 1 });
  await using reader = await OpcuaReader.open(server);
  const points = fakeTable(1, { deadband: { kind: "absolute", value: 5 } });
  const patient = { ...hastyDriver, facts: { ...hastyDriver.facts, quietMs: 60_000 } };
  const filtered = reader.attach({ points }, patient);
  await filtered.until(() => filtered.frames.length > 0);
  const frames = filtered.frames.length;
  server.set(0, 3);
  await sleep(700);
  assert.equal(filtered.frames.length, frames);
  server.set(0, 9);
  await filtered.reading("FAKE_V0", ({ value }) => value === 9);

  const read = reader.attach({ points });
  await read.until(() => read.frames.length > 0);
  server.set(0, 10);
  await read.reading("FAKE_V0", ({ value }) => value === 10);
});

test("a dead-band per cent where the server has no range is told, and the values come", async () => {
  await using server = await FakeOpcuaServer.start({ count: 1 });
  await using reader = await OpcuaReader.open(server);
  const sink = reader.attach({ points: fakeTable(1, { deadband: { kind: "percent", value: 5 } }) });
  await sink.until(() => sink.faults.length > 0);
  assert.equal(sink.faults[0]?.fault, "unfiltered");
  server.set(0, 0.5);
  await sink.reading("FAKE_V0", ({ value }) => value === 0.5);
});

test("values that did not fit the server's queue are told as lost", async () => {
  await using server = await FakeOpcuaServer.start({ count: 1 });
  await using reader = await OpcuaReader.open(server);
  const sink = reader.attach({ points: fakeTable(1), sampling: 50, publishing: 1000, queue: 3 });
  await sink.until(() => sink.frames.length > 0);
  let value = 0;
  const timer = setInterval(() => server.set(0, (value += 1)), 20);
  await sink.until(() => sink.faults.some(({ fault }) => fault === "overflow"));
  clearInterval(timer);
  // Of one variable several values may come in one answer: each is a frame of its own.
  assert.ok(sink.frames.every(({ readings }) => readings.length === 1));
});

test("a server that cannot reach its device is no device that is well", async () => {
  await using server = await FakeOpcuaServer.start({ count: 2 });
  await using reader = await OpcuaReader.open(server);
  const sink = reader.attach({ points: fakeTable(2) });
  await sink.until(() => sink.now === "online");
  server.set(0, 0, StatusCodes.BadNoCommunication);
  server.set(1, 0, StatusCodes.BadNoCommunication);
  await sink.reading("FAKE_V0", ({ quality }) => quality.includes("unavailable"));
  await sink.until(() => sink.now === "stale");
  assert.match(sink.text, /does not hear the device/);
  server.set(0, 1);
  await sink.until(() => sink.now === "online");
});

interface Skewed {
  readonly url: string;
  readonly pem: string;
}

/** A server process whose clock is so many minutes ahead, and whose keys live two seconds. */
async function withSkewedServer(
  minutes: number,
  act: (server: Skewed) => Promise<void>,
): Promise<void> {
  const path = fileURLToPath(new URL("../../fakes/opcua-skewed.ts", import.meta.url));
  const child = spawn(process.execPath, [...NODE_OPTIONS, path, String(minutes)], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  try {
    const [line] = await once(createInterface({ input: child.stdout }), "line");
    await act(JSON.parse(String(line)));
  } finally {
    child.stdin.end();
    await once(child, "exit");
  }
}

// Each watches for many seconds that nothing happens, so all watch together.
describe("nothing is given up without need", { concurrency: true }, () => {
  test("a server that is asked to tell seldom is not given up for being quiet", async () => {
    await using server = await FakeOpcuaServer.start({ count: 1 });
    await using reader = await OpcuaReader.open(server);
    const patient = { ...hastyDriver, facts: { ...hastyDriver.facts, quietMs: 120_000 } };
    const sink = reader.attach({ points: fakeTable(1), sampling: 1000, publishing: 5000 }, patient);
    await sink.until(() => sink.now === "online");
    await sleep(11_000);
    assert.equal(sink.states.length, 3);
  });

  for (const minutes of [12, -12]) {
    test(`a server whose clock is ${minutes} min ahead is read through many changes of keys, and that is said`, async () => {
      await withSkewedServer(minutes, async (server) => {
        await using reader = await OpcuaReader.open(server);
        const sink = reader.attach({ points: fakeTable(3) });
        const words = minutes > 0 ? "ahead of" : "behind";
        await sink.until(() => sink.text.includes(`about 12 min ${words}`));
        // Time for several renewals of keys.
        await sleep(7000);
        assert.deepEqual(
          sink.states.map(({ state }) => state),
          ["connecting", "negotiating", "online", "online"],
        );
        const at = sink.frames.at(-1)?.readings[0]?.deviceAt ?? 0;
        assert.ok(
          Math.abs(at - Date.now() - minutes * 60_000) < 60_000,
          "times stay as the server gives them",
        );
      });
    });
  }
});

test("this gateway's clock may be set by an hour at any time", async () => {
  await withSkewedServer(0, async (server) => {
    await using reader = await OpcuaReader.open(server);
    const sink = reader.attach({ points: fakeTable(3) });
    for (const jumpMs of [3_600_000, -7_200_000]) {
      await sink.until(() => sink.now === "online");
      const frames = sink.frames.length;
      mock.timers.enable({ apis: ["Date"], now: Date.now() + jumpMs });
      await sleep(3000);
      mock.timers.reset();
      await sink.until(() => sink.frames.length > frames + 20 && sink.now === "online");
    }
    assert.ok(
      sink.states.some(({ text }) => /the clock of this gateway was set forward by/.test(text)),
    );
  });
});

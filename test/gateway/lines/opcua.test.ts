import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import type { DeviceOptions, OpcuaDriver } from "../../../gateway/devices/device.ts";
import { driver as incubator } from "../../../gateway/devices/lads-incubator/driver.ts";
import { simulator } from "../../../gateway/devices/lads-incubator/simulator.ts";
import { driver as tsi } from "../../../gateway/devices/tsi-rpc30/driver.ts";
import { openOpcuaLine } from "../../../gateway/lines/opcua.ts";
import type { Line } from "../../../gateway/lines/line.ts";
import { thumbprint } from "../../../gateway/lines/opcua-trust.ts";
import { CollectingSink } from "../../fakes/line-sink.ts";
import { shownLads } from "../../../gateway/simulate/opcua-lads.ts";
import { startOpcuaServer } from "../../../gateway/simulate/opcua-server.ts";
import type { SimulatedOpcuaDevice } from "../../../gateway/simulate/opcua-server.ts";

/** The incubator's driver, in a hurry. */
const driver: OpcuaDriver = {
  ...incubator,
  samplingMs: 200,
  facts: { ...incubator.facts, quietMs: 3000 },
};

let directory = "";
let device: SimulatedOpcuaDevice;
let pem = "";

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "wardgate-opcua-test-"));
  device = await startOpcuaServer(shownLads(simulator), { line: "opc.tcp", seed: 1 });
  pem = await readFile(device.trust, "utf8");
});

after(async () => {
  await device.close();
  await rm(directory, { recursive: true, force: true });
});

function open(trust: readonly string[] = [pem]): Line {
  const context = { opcuaTrust: trust, opcuaPki: join(directory, "pki"), gateway: "gw-test" };
  return openOpcuaLine(device.url, { ...context, timing: { answerMs: 1000, firstRetryMs: 100 } });
}

function attach(line: Line, options: DeviceOptions = {}, given = driver): CollectingSink {
  const sink = new CollectingSink();
  line.attach({ device: "test/incubator", driver: given, unit: null, options }, sink);
  return sink;
}

test("all points of the device come in one frame, over an encrypted session, and nothing is written", async () => {
  const line = open();
  const sink = attach(line);
  await sink.until(() => sink.frames.length > 2);
  const [first] = sink.frames;
  assert.deepEqual(first?.readings.map(({ code }) => code).sort(), [
    "LADS_CO2_CONCENTRATION",
    "LADS_DOOR",
    "LADS_RELATIVE_HUMIDITY",
    "LADS_TEMPERATURE",
  ]);
  for (const { value, text, quality, deviceAt } of first?.readings ?? []) {
    assert.ok(value !== null && text === String(value));
    assert.deepEqual(quality, ["valid"]);
    assert.ok(Math.abs(Date.now() - (deviceAt ?? 0)) < 60_000);
  }
  assert.deepEqual(
    sink.states.map(({ state }) => state),
    ["connecting", "negotiating", "online"],
  );
  await line.close();
  const asked = [...device.services].sort();
  for (const service of asked) {
    assert.ok(READ_SERVICES.has(service), service);
  }
  assert.ok(asked.includes("CreateMonitoredItemsRequest"));
});

/** What reading a device takes. Neither Write nor Call, HistoryUpdate, AddNodes or anything else that changes a server. */
const READ_SERVICES: ReadonlySet<string> = new Set([
  "ActivateSessionRequest",
  "BrowseNextRequest",
  "BrowseRequest",
  "CloseSessionRequest",
  "CreateMonitoredItemsRequest",
  "CreateSessionRequest",
  "CreateSubscriptionRequest",
  "DeleteSubscriptionsRequest",
  "GetEndpointsRequest",
  "PublishRequest",
  "ReadRequest",
]);

test("an unknown server is refused, and its thumbprint is named", async () => {
  const line = open([]);
  const sink = attach(line);
  await sink.until(() => sink.states.filter(({ state }) => state === "backoff").length > 1);
  const print = thumbprint(new X509Certificate(pem).raw);
  assert.match(sink.text, new RegExp(`SHA-256 thumbprint ${print}`));
  assert.equal(sink.frames.length, 0);
  await line.close();
});

test("another server at the same address is refused although it calls itself the same", async () => {
  const other = await startOpcuaServer(shownLads(simulator), { line: "opc.tcp", seed: 2 });
  const line = open([await readFile(other.trust, "utf8")]);
  const sink = attach(line);
  await sink.until(() => sink.states.some(({ text }) => /certificate has changed/.test(text)));
  assert.equal(sink.frames.length, 0);
  assert.equal(sink.faults[0]?.fault, "certificate-changed");
  await line.close();
  await other.close();
});

test("the gateway's certificate is made once and its key is nobody else's", async () => {
  const pki = join(directory, "pki");
  const keyFile = join(pki, "own/private/private_key.pem");
  const key = await readFile(keyFile, "utf8");
  assert.equal((await stat(keyFile)).mode & 0o777, 0o600);
  assert.equal((await stat(pki)).mode & 0o777, 0o700);
  const line = open();
  const sink = attach(line);
  await sink.until(() => sink.frames.length > 0);
  await line.close();
  assert.equal(await readFile(keyFile, "utf8"), key);
  const own = new X509Certificate(await readFile(join(pki, "own/certs/client_certificate.pem")));
  assert.match(own.subjectAltName ?? "", /URI:urn:wardgate:gw-test/);
  assert.deepEqual(await readdir(join(pki, "trusted/certs")), []);
});

test("a sensor that is off has no value, and an uncertain one is questionable", async () => {
  const line = open();
  const sink = attach(line);
  await sink.until(() => sink.frames.length > 0);
  device.setFault("sensor-off", true);
  const off = await sink.reading("LADS_TEMPERATURE", ({ value }) => value === null);
  assert.deepEqual(off.quality, ["unavailable"]);
  device.setFault("sensor-off", false);
  device.setFault("noise", true);
  const noisy = await sink.reading("LADS_TEMPERATURE", ({ value }) => value !== null);
  assert.ok(noisy.quality.includes("questionable") || noisy.quality.includes("valid"));
  await sink.reading("LADS_TEMPERATURE", ({ quality }) => quality.includes("questionable"));
  device.setFault("noise", false);
  await sink.reading("LADS_TEMPERATURE", ({ quality }) => quality.includes("valid"));
  await line.close();
});

test("a point in another unit or without a node is not read, the others are", async () => {
  const line = open();
  const fahrenheit: OpcuaDriver = {
    ...driver,
    points: (options) =>
      driver
        .points(options)
        .map((point) =>
          point.code === "LADS_TEMPERATURE" ? { ...point, unitIds: [4_604_232] } : point,
        ),
  };
  const sink = attach(line, { door: "Hatch" }, fahrenheit);
  await sink.until(() => sink.frames.length > 0);
  assert.deepEqual(sink.frames[0]?.readings.map(({ code }) => code).sort(), [
    "LADS_CO2_CONCENTRATION",
    "LADS_RELATIVE_HUMIDITY",
  ]);
  assert.deepEqual(sink.faults.map(({ text }) => text.replace(/ \(.*/, "")).sort(), [
    "LADS_DOOR is not read: there is no such node",
    "LADS_TEMPERATURE is not read: the server gives it in another unit than Cel",
  ]);
  await line.close();
});

test("a device that is not in the server is said on that device only", async () => {
  const line = open();
  const good = attach(line);
  const absent = attach(line, { device: "Fridge" });
  await good.until(() => good.frames.length > 1);
  await absent.until(() => absent.now === "backoff");
  assert.match(absent.text, /no such variable/);
  assert.equal(good.now, "online");
  await line.close();
});

test("what cannot be opened is an error with a code", () => {
  const context = { opcuaTrust: [], opcuaPki: null, gateway: "gw" };
  assert.throws(() => openOpcuaLine("opc.tcp://127.0.0.1:1", context), { code: "WARD_OPCUA_PKI" });
  assert.throws(() => openOpcuaLine("tcp://127.0.0.1:1", context), { code: "WARD_LINE_URL" });
  const line = openOpcuaLine("opc.tcp://127.0.0.1:1", { ...context, opcuaPki: directory });
  const sink = new CollectingSink();
  line.attach({ device: "x", driver: tsi, unit: null, options: {} }, sink);
  assert.match(sink.states[0]?.text ?? "", /does not speak OPC-UA/);
});

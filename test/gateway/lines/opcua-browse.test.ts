import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { command } from "../../../gateway/commands/devices.ts";
import { driver as generic } from "../../../gateway/devices/generic-opcua/driver.ts";
import { simulator as refrigerator } from "../../../gateway/devices/generic-opcua/simulator.ts";
import { driver as ladsDevice } from "../../../gateway/devices/lads-device/driver.ts";
import { simulator as cooler } from "../../../gateway/devices/lads-device/simulator.ts";
import { browseOpcua } from "../../../gateway/lines/opcua-browse.ts";
import { userFile } from "../../../gateway/lines/opcua-user.ts";
import { shownLads } from "../../../gateway/simulate/opcua-lads.ts";
import { startOpcuaServer } from "../../../gateway/simulate/opcua-server.ts";
import type { SimulatedOpcuaDevice } from "../../../gateway/simulate/opcua-server.ts";
import { shownTable } from "../../../gateway/simulate/opcua-table.ts";
import { OpcuaReader } from "../../fakes/opcua-reader.ts";
import { run } from "../commands/wardgate.ts";

let lads: SimulatedOpcuaDevice;
let table: SimulatedOpcuaDevice;
let reader: OpcuaReader;
let tableReader: OpcuaReader;

before(async () => {
  lads = await startOpcuaServer(shownLads(cooler), { line: "opc.tcp", seed: 1 });
  table = await startOpcuaServer(shownTable(refrigerator), { line: "opc.tcp", seed: 1 });
  reader = await OpcuaReader.open({ url: lads.url, pem: await readFile(lads.trust, "utf8") });
  const pem = await readFile(table.trust, "utf8");
  tableReader = await OpcuaReader.open({ url: table.url, pem });
});

after(async () => {
  await reader[Symbol.asyncDispose]();
  await tableReader[Symbol.asyncDispose]();
  await lads.close();
  await table.close();
});

test("a LADS device is found by the types of the specification and read with its units and states", async () => {
  const sink = reader.attach({}, ladsDevice);
  await sink.until(() => sink.frames.length > 0);
  const readings = sink.frames.flatMap((frame) => frame.readings);
  const found = new Map(readings.map(({ code, unit, path }) => [code, `${unit} ${path}`]));
  assert.deepEqual(
    [...found].toSorted(([a], [b]) => (a < b ? -1 : 1)),
    [
      ["LADS_COOLER_AIR_TEMPERATURE", "Cel 1.1.1"],
      ["LADS_COOLER_COMPRESSOR", "1 1.1.2"],
      ["LADS_COOLER_DOOR", "1 1.1.3"],
      ["LADS_COOLER_RELATIVE_HUMIDITY", "% 1.1.4"],
      ["LADS_COOLER_STATE", "1 1.1"],
      ["LADS_COOLER_TEMPERATURE_CONTROLLER", "Cel 1.1.5"],
      ["LADS_COOLER_TEMPERATURE_CONTROLLER_STATE", "1 1.1.5"],
      ["LADS_COOLER_TEMPERATURE_CONTROLLER_TARGET", "Cel 1.1.5"],
      ["LADS_DEVICE_STATE", "1 1"],
      ["LADS_FREEZER_AIR_TEMPERATURE", "Cel 1.2.1"],
      ["LADS_FREEZER_LID", "1 1.2.2"],
      ["LADS_FREEZER_STATE", "1 1.2"],
    ],
  );
  const values = new Map(readings.map(({ code, value }) => [code, value]));
  assert.equal(values.get("LADS_DEVICE_STATE"), "operate");
  assert.equal(values.get("LADS_FREEZER_STATE"), "running");
  assert.equal(values.get("LADS_FREEZER_LID"), "closed");
  assert.equal(values.get("LADS_COOLER_TEMPERATURE_CONTROLLER_TARGET"), 4);
  assert.ok(readings.every(({ quality }) => quality.join() === "valid"));
  assert.deepEqual(sink.faults, []);
});

test("one functional unit alone is found, and what is not there is told in the line's state", async () => {
  const one = reader.attach({ unit: "Freezer" }, ladsDevice);
  await one.until(() => one.frames.length > 0);
  const codes = one.frames.flatMap(({ readings }) => readings.map(({ code }) => code));
  assert.ok(codes.includes("LADS_FREEZER_LID") && !codes.some((code) => code.includes("COOLER")));
  const none = reader.attach({ device: "Centrifuge" }, ladsDevice);
  await none.until(() => none.now === "backoff");
  assert.match(none.text, /no such LADS device/);
});

test("the example table reads the simulated refrigerator, by node id and by path", async () => {
  const sink = tableReader.attach({ sampling: 200 }, generic);
  await sink.until(() => sink.frames.length > 0);
  const readings = new Map(sink.frames[0]?.readings.map((reading) => [reading.code, reading]));
  assert.deepEqual([...readings.keys()].sort(), [
    "EXAMPLE_AIR_TEMPERATURE",
    "EXAMPLE_COMPRESSOR_STARTS",
    "EXAMPLE_DOOR",
    "EXAMPLE_RELATIVE_HUMIDITY",
  ]);
  // A Float is given with the digits that it has.
  assert.match(readings.get("EXAMPLE_AIR_TEMPERATURE")?.text ?? "", /^\d\.?\d?$/);
  assert.equal(readings.get("EXAMPLE_DOOR")?.value, "closed");
  assert.deepEqual(sink.faults, []);
});

test("a point in another unit than the server declares is not read, one without a unit is", async () => {
  const options = { points: tableOf({ Temperature: "[degF]", CompressorStarts: "kg" }) };
  const sink = tableReader.attach(options, generic);
  await sink.until(() => sink.frames.length > 0);
  assert.deepEqual(
    sink.frames[0]?.readings.map(({ code }) => code),
    ["TEST_COMPRESSORSTARTS"],
  );
  assert.match(
    sink.faults[0]?.text ?? "",
    /TEST_TEMPERATURE is not read: .* another unit than \[degF\]/,
  );
});

function tableOf(units: Readonly<Record<string, string>>): string {
  const points = Object.entries(units).map(([name, unit]) => ({
    node: `Refrigerator > ${name}`,
    code: `TEST_${name.toUpperCase()}`,
    unit,
  }));
  return JSON.stringify({ title: "T", maker: "T", model: "T", source: "test", points });
}

test("browsing shows class, type, value and unit, and the node ids to go on with", async () => {
  const objects = await browseOpcua(table.url, tableReader.context);
  const folder = objects.find(({ name }) => name === "Refrigerator");
  assert.deepEqual([folder?.class, folder?.type, folder?.value], ["object", "FolderType", null]);
  const below = await browseOpcua(table.url, tableReader.context, folder!.node);
  const temperature = below.find(({ name }) => name === "Temperature");
  assert.deepEqual(
    { ...temperature, value: typeof temperature?.value },
    {
      node: "nsu=urn:wardgate:simulator;s=Refrigerator.Temperature",
      namespace: "urn:wardgate:simulator",
      name: "Temperature",
      class: "variable",
      type: "AnalogItemType",
      dataType: "Float",
      unitId: 4_408_652,
      unit: "Cel",
      value: "number",
      status: "Good",
    },
  );
  const byPath = await browseOpcua(table.url, tableReader.context, "Refrigerator");
  assert.deepEqual(
    byPath.map(({ node }) => node),
    below.map(({ node }) => node),
  );
  const server = await browseOpcua(table.url, tableReader.context, "Server");
  assert.ok(
    server.some(({ class: kind, name }) => kind === "method" && name === "GetMonitoredItems"),
  );
});

test("what cannot be browsed is said", async () => {
  const { context } = tableReader;
  await assert.rejects(browseOpcua(table.url, context, "Oven"), /there is no such node \(Oven\)/);
  await assert.rejects(browseOpcua(table.url, context, "ns=2;i=1"), /its namespace is a number/);
  await assert.rejects(browseOpcua(table.url, context, "nsu=urn:x;i=1"), /no namespace urn:x/);
  await assert.rejects(browseOpcua(table.url, { ...context, opcuaTrust: [] }), {
    code: "WARD_OPCUA_UNTRUSTED",
  });
});

test("wardgate devices browse prints nodes, and login keeps a password that it does not show", async () => {
  const { pki, directory } = tableReader;
  const browse = ["browse", "--line", table.url, "--trust", table.trust, "--pki", pki];
  const json = await run(command, [...browse, "--node", "Refrigerator", "--json"]);
  assert.equal(json.code, 0, json.stderr);
  const nodes: { name: string }[] = json.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(nodes.map(({ name }) => name).sort(), [
    "CompressorStarts",
    "DoorOpen",
    "Humidity",
    "Temperature",
  ]);
  const plain = await run(command, [...browse, "--node", "Refrigerator"]);
  assert.match(
    plain.stdout,
    /^variable Temperature \(AnalogItemType\) Float = [\d.]+ Cel\n +nsu=urn:/m,
  );
  assert.equal((await run(command, ["browse", "--line", "tcp://127.0.0.1:1"])).code, "WARD_USAGE");

  const data = join(directory, "data");
  const login = ["login", "--line", table.url, "--data", data];
  const kept = await run(command, [...login, "--user", "anna"], Buffer.from("s3cret-word\n"));
  assert.equal(kept.code, 0, kept.stderr);
  assert.ok(!`${kept.stdout}${kept.stderr}`.includes("s3cret"));
  const file = userFile(join(data, "opcua-pki"), table.url);
  assert.match(await readFile(file, "utf8"), /"name":"anna","password":"s3cret-word"/);
  assert.equal((await run(command, [...login, "--remove"])).code, 0);
  await assert.rejects(readFile(file), { code: "ENOENT" });
  assert.equal((await run(command, [...login, "--user", "anna"])).code, "WARD_USAGE");
  assert.equal((await run(command, login)).code, "WARD_USAGE");
});

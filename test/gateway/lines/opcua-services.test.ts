import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";

import * as fc from "fast-check";
import { AttributeIds, DataType, HistoryReadRequest, Variant } from "node-opcua-client";

import type { OpcuaDriver } from "../../../gateway/devices/device.ts";
import { driver as device } from "../../../gateway/devices/lads-device/driver.ts";
import { simulator as cooler } from "../../../gateway/devices/lads-device/simulator.ts";
import { driver as incubator } from "../../../gateway/devices/lads-incubator/driver.ts";
import { browseOpcua } from "../../../gateway/lines/opcua-browse.ts";
import { openSession } from "../../../gateway/lines/opcua-open.ts";
import { TrustList } from "../../../gateway/lines/opcua-trust.ts";
import { shownLads } from "../../../gateway/simulate/opcua-lads.ts";
import { startOpcuaServer } from "../../../gateway/simulate/opcua-server.ts";
import type { SimulatedOpcuaDevice } from "../../../gateway/simulate/opcua-server.ts";
import { OpcuaReader } from "../../fakes/opcua-reader.ts";
import { FakeOpcuaServer } from "../../fakes/opcua-server.ts";

/** What reading takes. Neither Write nor Call, HistoryUpdate, AddNodes, RegisterNodes or anything else that changes a server. */
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

let server: FakeOpcuaServer;
let lads: SimulatedOpcuaDevice;
let ladsPem = "";

before(async () => {
  server = await FakeOpcuaServer.start({ count: 10 });
  lads = await startOpcuaServer(shownLads(cooler), { line: "opc.tcp", seed: 1 });
  ladsPem = await readFile(lads.trust, "utf8");
});

after(async () => {
  await lads.close();
  await server[Symbol.asyncDispose]();
});

/** Texts that look like what an engineer, or somebody worse, might write for a node. */
const nodeText = fc.oneof(
  fc.constantFrom(
    "nsu=urn:fake;s=V1",
    "Fake > V2",
    "Fake > *",
    "* > * > *",
    "i=2258",
    "i=2992",
    "Server > GetMonitoredItems",
    "Server > ServerConfiguration > ApplyChanges",
    "nsu=urn:fake;g=00000000-0000-0000-0000-000000000000",
    "nsu=urn:fake;b=AAAA",
    "nsu=http://opcfoundation.org/UA/;i=11492",
  ),
  fc.string({ maxLength: 40 }),
  fc.string({ maxLength: 20 }).map((text) => `nsu=urn:fake;s=${text}`),
);
const optionsText = fc.record({
  points: fc
    .array(
      fc.record(
        {
          node: nodeText,
          code: fc.constantFrom("FAKE_A", "FAKE_B", "MDC_TEMP", "x"),
          unit: fc.constantFrom("1", "Cel", "%", "?"),
          deadband: fc.record({
            kind: fc.constantFrom("absolute", "percent"),
            value: fc.double({ min: 0.001, max: 99, noNaN: true }),
          }),
          unitId: fc.integer({ min: 1, max: 5_000_000 }),
        },
        { requiredKeys: ["node", "code", "unit"] },
      ),
      { minLength: 1, maxLength: 4 },
    )
    .map((points) =>
      JSON.stringify({
        title: "Fuzz",
        maker: "Fuzz",
        model: "Fuzz",
        source: "test",
        points: points.map((point, place) => ({ ...point, path: `1.${place}` })),
      }),
    ),
  sampling: fc.integer({ min: 50, max: 500 }),
  publishing: fc.integer({ min: 0, max: 300 }),
  queue: fc.integer({ min: 1, max: 1000 }),
  call: fc.integer({ min: 1, max: 1000 }),
});

test("whatever the options say, nothing but reading reaches the server", async () => {
  await using reader = await OpcuaReader.open(server);
  for (const options of fc.sample(optionsText, { numRuns: 20, seed: 7 })) {
    const sink = reader.attach(options);
    await sink.until(() => sink.frames.length > 0 || sink.now === "backoff");
  }
  await using ladsReader = await OpcuaReader.open({ url: lads.url, pem: ladsPem });
  const names = fc.oneof(
    fc.string({ maxLength: 20 }),
    fc.constantFrom("*", "BloodCooler", "Cooler"),
  );
  const drivers: readonly OpcuaDriver[] = [device, incubator];
  for (const [place, [first, second]] of fc
    .sample(fc.tuple(names, names), { numRuns: 8, seed: 8 })
    .entries()) {
    const driver = drivers[place % 2]!;
    const sink = ladsReader.attach({ device: first, unit: second, door: second }, driver);
    await sink.until(() => sink.frames.length > 0 || sink.now === "backoff");
  }
  for (const node of fc.sample(nodeText, { numRuns: 10, seed: 9 })) {
    await browseOpcua(server.url, reader.context, node).catch(() => undefined);
  }
  await reader.line.close();
  await ladsReader.line.close();
  const asked = new Set([...server.asked.map(({ service }) => service), ...lads.services]);
  assert.deepEqual(
    [...asked].filter((service) => !READ_SERVICES.has(service)),
    [],
  );
  assert.ok(asked.has("CreateMonitoredItemsRequest") && asked.has("BrowseRequest"));
});

test("what the library itself would send to change something leaves no byte, and ends the connection", async () => {
  await using reader = await OpcuaReader.open(server);
  const variable = { nodeId: "ns=1;s=V0", attributeId: AttributeIds.Value };
  const value = { value: new Variant({ dataType: DataType.Double, value: 1 }) };
  const changes: Readonly<Record<string, (session: AnySession) => Promise<unknown>>> = {
    write: (session) => session.write([{ ...variable, value }]),
    call: (session) => session.call([{ objectId: "i=2253", methodId: "i=11492" }]),
    register: (session) => session.registerNodes(["ns=1;s=V0"]),
    history: (session) => session.historyRead(new HistoryReadRequest({})),
    monitoring: (session) => session.setMonitoringMode({ monitoringMode: 0, monitoredItemIds: [] }),
  };
  for (const [name, change] of Object.entries(changes)) {
    const lost = Promise.withResolvers<string>();
    const stop = new AbortController();
    const { connection, session } = await openSession({
      key: server.url,
      trust: new TrustList([server.pem]),
      pki: reader.pki,
      gateway: "gw-test",
      answerMs: 1500,
      onLost: lost.resolve,
      signal: stop.signal,
    });
    await session.read([variable], 0);
    const already = server.asked.length;
    await assert.rejects(change(session as unknown as AnySession), name);
    assert.match(await lost.promise, /something else than reading/, name);
    await assert.rejects(session.read([variable], 0), name);
    await connection.close();
    const arrived = server.asked.slice(already).map(({ service }) => service);
    assert.deepEqual(arrived, [], name);
  }
});

/** A session with all that the library can do. */
interface AnySession {
  write(nodes: unknown): Promise<unknown>;
  call(methods: unknown): Promise<unknown>;
  registerNodes(nodes: unknown): Promise<unknown>;
  historyRead(request: unknown): Promise<unknown>;
  setMonitoringMode(request: unknown): Promise<unknown>;
}

import { rmSync } from "node:fs";
import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import {
  AttributeIds,
  MessageSecurityMode,
  OPCUAClient,
  SecurityPolicy,
  TimestampsToReturn,
} from "node-opcua-client";
import { OPCUACertificateManager } from "node-opcua-certificate-manager";

import { driver } from "../../../gateway/devices/generic-opcua/driver.ts";
import { openOpcuaLine } from "../../../gateway/lines/opcua.ts";
import { onCommand, tell } from "../program.ts";

/**
 * A client of opcua-bench.ts, a program of its own:
 *
 *     node client.ts ours|bare URL CERTIFICATE-FILE NAMESPACE ITEMS MILLISECONDS
 *
 * It reads all variables of the bench server with the gateway's own line, or with the library alone, and is asked how many values
 * came and what they cost.
 */
const [way, url = "", certificateFile = "", namespace = "", ...numbers] = process.argv.slice(2);
const [items = 1000, everyMs = 100] = numbers.map(Number);
const pki = await mkdtemp(join(tmpdir(), "wardgate-opcua-bench-"));
process.on("exit", () => rmSync(pki, { recursive: true, force: true }));
let values = 0;
await (way === "ours" ? readWithLine() : readWithLibrary());
onCommand(({ count: n }) => {
  const { user, system } = process.cpuUsage();
  tell({ kind: "count", n, values, cpuMicros: user + system });
});
tell({ kind: "ready" });

async function readWithLine(): Promise<void> {
  const line = openOpcuaLine(url, {
    opcuaTrust: [await readFile(certificateFile, "utf8")],
    opcuaPki: join(pki, "own"),
    gateway: "bench",
  });
  const points = Array.from({ length: items }, (_, place) => ({
    node: `nsu=${namespace};s=V${place}`,
    code: `BENCH_V${place}`,
    unit: "1",
  }));
  const facts = { title: "Bench", maker: "Bench", model: "Bench", source: "opcua-bench" };
  const table = JSON.stringify({ ...facts, points });
  const options = { points: table, sampling: everyMs, publishing: everyMs };
  line.attach(
    { device: "bench", driver, unit: null, options },
    {
      frame: ({ readings }) => {
        values += readings.length;
      },
      fault: ({ text }) => process.stderr.write(`${text}\n`),
      state: () => undefined,
      identity: () => undefined,
    },
  );
}

async function readWithLibrary(): Promise<void> {
  const manager = new OPCUACertificateManager({
    rootFolder: pki,
    automaticallyAcceptUnknownCertificate: true,
    disableFileWatchers: true,
  });
  await manager.initialize();
  const client = OPCUAClient.create({
    securityMode: MessageSecurityMode.SignAndEncrypt,
    securityPolicy: SecurityPolicy.Aes256_Sha256_RsaPss,
    clientCertificateManager: manager,
    endpointMustExist: false,
  });
  await client.connect(url);
  const session = await client.createSession();
  const index = (await session.readNamespaceArray()).indexOf(namespace);
  const subscription = await session.createSubscription2({
    requestedPublishingInterval: everyMs,
    requestedMaxKeepAliveCount: 40,
    requestedLifetimeCount: 1000,
    maxNotificationsPerPublish: 0,
    publishingEnabled: true,
    priority: 1,
  });
  const group = await subscription.monitorItems(
    Array.from({ length: items }, (_, place) => ({
      nodeId: `ns=${index};s=V${place}`,
      attributeId: AttributeIds.Value,
    })),
    { samplingInterval: everyMs, discardOldest: true, queueSize: 10 },
    TimestampsToReturn.Both,
  );
  group.on("changed", () => {
    values += 1;
  });
}

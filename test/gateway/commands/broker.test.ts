import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { after, before, test } from "node:test";

import { command } from "../../../gateway/commands/broker.ts";
import { openMqtt } from "../../../gateway/mqtt/mqtt.ts";
import { GATEWAY_FILES } from "../../../gateway/identity/site-files.ts";
import { makeSite, publishLists, type Site } from "../../../provisioning/site.ts";
import { revoke } from "../../provisioning/pki.ts";

let directory: string;
let site: Site;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "ward-broker-"));
  site = await makeSite({ directory, gateway: "gw-001", hub: "hub-1", brokerNames: ["localhost"] });
});

after(async () => {
  await rm(directory, { recursive: true });
});

function start(args: readonly string[]): {
  done: Promise<number>;
  stop: () => void;
  firstLine: Promise<string>;
} {
  const stdout = new PassThrough();
  const stop = new AbortController();
  const io = { stdout, stderr: new PassThrough(), stdin: new PassThrough(), stop: stop.signal };
  const firstLine = new Promise<string>((resolve) => {
    stdout.once("data", (chunk: Buffer) => resolve(chunk.toString()));
  });
  return { done: command.run(args, io), stop: () => stop.abort(), firstLine };
}

test("prints one ready line with the ports, serves, and ends when it is stopped", async () => {
  const { done, stop, firstLine } = start(["--directory", site.brokerDirectory, "--json"]);
  const ready: unknown = JSON.parse(await firstLine);
  assert.ok(typeof ready === "object" && ready !== null);
  assert.ok("kind" in ready && ready.kind === "ready");
  assert.ok("gatewayPort" in ready && typeof ready.gatewayPort === "number");
  assert.ok("hubPort" in ready && typeof ready.hubPort === "number");
  const read = async (file: string): Promise<string> =>
    await readFile(join(site.gatewayDirectory, file), "utf8");
  const connection = openMqtt({
    url: `mqtts://127.0.0.1:${ready.gatewayPort}`,
    serverName: "localhost",
    clientId: "gw-001",
    ca: await read(GATEWAY_FILES.serversRoot),
    cert: await read(GATEWAY_FILES.certificate),
    key: await read(GATEWAY_FILES.key),
    keepaliveS: 15,
  });
  await connection.connect();
  await connection.close();
  stop();
  assert.equal(await done, 0);
});

test("new lists in its directory count at once, also for who is connected", async () => {
  const { done, stop, firstLine } = start(["--directory", site.brokerDirectory, "--json"]);
  const { gatewayPort } = JSON.parse(await firstLine) as { gatewayPort: number };
  const read = async (file: string): Promise<string> =>
    await readFile(join(site.gatewayDirectory, file), "utf8");
  const certificate = await read(GATEWAY_FILES.certificate);
  const connection = openMqtt({
    url: `mqtts://127.0.0.1:${gatewayPort}`,
    serverName: "localhost",
    clientId: "gw-001",
    ca: await read(GATEWAY_FILES.serversRoot),
    cert: certificate,
    key: await read(GATEWAY_FILES.key),
    keepaliveS: 15,
  });
  await connection.connect();
  const cut = new Promise<void>((resolve) => connection.onClose(() => resolve()));
  const { authority, brokerDirectory } = site;
  await revoke(authority, "gateways", certificate);
  await publishLists(authority, { brokers: [brokerDirectory], hubs: [], gateways: [] });
  await cut;
  stop();
  assert.equal(await done, 0);
});

test("says what is wrong with its arguments or its directory", async () => {
  const usage = { code: "WARD_USAGE" };
  await assert.rejects(start([]).done, usage);
  await assert.rejects(start(["--directory", "x", "--hub-port", "70000"]).done, usage);
  await assert.rejects(start(["--nonsense"]).done, usage);
  await assert.rejects(start(["--directory", directory]).done, { code: "WARD_BROKER_DIRECTORY" });
});

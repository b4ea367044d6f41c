import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { EstClient } from "../../gateway/enrolment/est-client.ts";
import { GATEWAY_FILES } from "../../gateway/identity/site-files.ts";
import { numberAt } from "../../gateway/json-value.ts";
import { openMqtt } from "../../gateway/mqtt/mqtt.ts";
import { makeSite } from "../../provisioning/site.ts";
import { silent, tls } from "../fakes/hostile-kit.ts";
import { start } from "../gateway/commands/wardgate.ts";

/**
 * The broker and the enrolment server as processes, under everything that a stranger can throw at a port, while a good gateway
 * comes and goes. `WARD_FLOOD_S=600 node --test test/chaos/hostile-floods.test.ts` for a long run.
 */
const SECONDS = Number(process.env["WARD_FLOOD_S"] ?? 6);
/** What either process may have in memory after it (megabytes). */
const MEMORY_MB = 300;

interface Running {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ready: unknown;
}

async function running(...args: readonly string[]): Promise<Running> {
  const child = start(...args);
  const lines = createInterface({ input: child.stdout });
  const ended = once(child, "exit").then(() => {
    throw new Error(`wardgate ${args.join(" ")} ended`);
  });
  const [line] = (await Promise.race([once(lines, "line"), ended])) as [string];
  ended.catch(() => undefined);
  lines.resume();
  child.stderr.resume();
  return { child, ready: JSON.parse(line) };
}

function memoryMb({ pid }: ChildProcessWithoutNullStreams): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) / 1024;
}

/** One stranger after another until it is over. */
async function flood(port: number, isOver: () => boolean, ca: string): Promise<number> {
  let count = 0;
  const held: Socket[] = [];
  while (!isOver()) {
    const mute = await silent(port, `127.0.3.${1 + (count % 200)}`).catch(() => null);
    held.push(...(mute === null ? [] : [mute]));
    const noisy = tls(port, { ca });
    noisy.write("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\nx");
    held.push(noisy);
    const raw = await silent(port).catch(() => null);
    raw?.end(Buffer.alloc(20_000, count));
    while (held.length > 600) {
      held.shift()?.destroy();
    }
    count += 3;
    await sleep(1);
  }
  held.forEach((socket) => socket.destroy());
  return count;
}

test(`${SECONDS} s of a flood: broker and enrolment server serve who is known, and stay small`, async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "ward-flood-"));
  const site = await makeSite({
    directory,
    gateway: "gw-001",
    hub: "hub-1",
    brokerNames: ["localhost"],
  });
  const broker = await running("broker", "--directory", site.brokerDirectory, "--json");
  const passphrase = join(directory, "passphrase");
  await writeFile(passphrase, "correct horse battery\n");
  const at = ["--directory", site.caDirectory, "--names", "localhost", "--port", "0", "--json"];
  const est = await running("ca", "serve", ...at, "--passphrase-file", passphrase);
  t.after(async () => {
    for (const { child } of [broker, est]) {
      child.kill("SIGTERM");
      await once(child, "exit");
    }
    await rm(directory, { recursive: true });
  });
  const ports = {
    gateways: numberAt(broker.ready, "gatewayPort"),
    hubs: numberAt(broker.ready, "hubPort"),
    est: numberAt(est.ready, "port"),
  };
  const read = (file: string): string => readFileSync(join(site.gatewayDirectory, file), "utf8");
  const ca = site.authority.roots.servers;
  const endAt = performance.now() + SECONDS * 1000;
  let served = 0;
  // It goes on until the good ones were served often enough, however slow this machine is.
  const isOver = (): boolean => performance.now() > endAt && served >= 5;
  const floods = [ports.gateways, ports.hubs, ports.est].map((port) => flood(port, isOver, ca));
  while (!isOver()) {
    const gateway = openMqtt({
      url: `mqtts://127.0.0.1:${ports.gateways}`,
      serverName: "localhost",
      clientId: "gw-001",
      ca,
      cert: read(GATEWAY_FILES.certificate),
      key: read(GATEWAY_FILES.key),
      keepaliveS: 15,
    });
    await gateway.connect();
    await gateway.publish("ward/v1/gw-001/up/live/vital", Buffer.alloc(100));
    await gateway.close();
    const client = new EstClient({ url: `https://localhost:${ports.est}`, ca });
    assert.equal((await client.authorities()).length, 2);
    served += 1;
  }
  const strangers = (await Promise.all(floods)).reduce((sum, count) => sum + count, 0);
  const memory = [broker, est].map(({ child }) => Math.round(memoryMb(child)));
  for (const [place, { child }] of [broker, est].entries()) {
    assert.equal(child.exitCode, null);
    assert.ok((memory[place] ?? Infinity) < MEMORY_MB, `${memory.join(" and ")} MB`);
  }
  process.stdout.write(
    `# ${strangers} strangers, ${served} times served, ${memory.join(" and ")} MB\n`,
  );
});

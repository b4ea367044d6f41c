import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { demoFlow } from "../../flows/demo-flow.ts";
import { command as journal } from "../../gateway/commands/journal.ts";
import { House } from "../../gateway/house/house.ts";
import { loadSite } from "../../gateway/house/site.ts";
import type { NoticeText } from "../../gateway/rooms.ts";
import { readSettings } from "../../gateway/settings.ts";
import { needSimulator } from "../../gateway/simulate/registry.ts";
import { makeSite, writeSignedSettings } from "../../provisioning/site.ts";

const MODEL = "masimo-ascii1";

test("another device in the place of one is told and written down by a whole house", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "guard-house-"));
  const devices = await Promise.all(
    [1, 2].map((seed) => needSimulator(MODEL).start({ line: "tcp", seed })),
  );
  // One place in the ward, at which somebody exchanges the device.
  let plugged = 0;
  const sockets = new Set<Socket>();
  const place = createServer((socket) => {
    const url = new URL(devices[plugged]?.url.replace(/^tcp/, "http") ?? "");
    const device = connect(Number(url.port), url.hostname);
    for (const [one, other] of [
      [socket, device],
      [device, socket],
    ] as const) {
      sockets.add(one);
      one.on("error", () => one.destroy());
      one.on("close", () => other.destroy());
      one.pipe(other);
    }
  });
  place.listen(0, "127.0.0.1");
  await once(place, "listening");
  const line = `tcp://127.0.0.1:${(place.address() as AddressInfo).port}`;
  const site = await makeSite({
    directory,
    gateway: "gw-001",
    hub: "hub-1",
    brokerNames: ["localhost"],
  });
  const flows = demoFlow([
    { device: "bed-1/oximeter", model: MODEL, line, unit: null, kind: "stream" },
  ]);
  await writeSignedSettings({
    authority: site.authority,
    gatewayDirectory: site.gatewayDirectory,
    gateway: "gw-001",
    hubKeys: site.hubKeys,
    settings: {
      authoring: false,
      broker: { url: "mqtts://127.0.0.1:9", serverName: "localhost" },
      lines: [line],
      opcuaTrust: [],
      flows: flows.map((node) => ({ ...node })),
    },
  });
  const dataDirectory = site.gatewayDirectory;
  const settings = readSettings({}, {});
  const house = new House({
    dataDirectory,
    settings,
    site: await loadSite(dataDirectory),
    editor: false,
  });
  const notices: NoticeText[] = [];
  house.on("notice", (notice) => notices.push(notice));
  t.after(async () => {
    sockets.forEach((socket) => socket.destroy());
    place.close();
    await Promise.all(devices.map((device) => device.close()));
    rmSync(directory, { recursive: true });
  });
  await house.start();
  const isTold = (): boolean => notices.some(({ notice }) => notice === "device-identity-changed");
  const end = Date.now() + 120_000;
  while (!isTold()) {
    assert.ok(Date.now() < end, JSON.stringify(notices));
    // Longer than from one report of bedside to the next, with each device.
    for (let waited = 0; waited < 12_000 && !isTold(); waited += 200) {
      await sleep(200);
    }
    plugged = 1 - plugged;
    sockets.forEach((socket) => socket.destroy());
  }
  await house.stop();
  const told = notices.find(({ notice }) => notice === "device-identity-changed");
  assert.equal(told?.device, "bed-1/oximeter");
  assert.match(told.text, /^bed-1\/oximeter: another device answers here than before/);
  assert.ok(!notices.some(({ notice }) => notice === "egress-refused"), JSON.stringify(notices));
  const stdout = new PassThrough({ encoding: "utf8" });
  const io = { stdout, stderr: stdout, stdin: process.stdin, stop: new AbortController().signal };
  await journal.run(["show", "--data", dataDirectory, "--kind", "device-conduct"], io);
  assert.match(String(stdout.read()), /device-conduct.*bed-1\/oximeter/);
});

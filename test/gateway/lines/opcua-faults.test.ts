import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import type { OpcuaDriver } from "../../../gateway/devices/device.ts";
import { driver as incubator } from "../../../gateway/devices/lads-incubator/driver.ts";
import { simulator } from "../../../gateway/devices/lads-incubator/simulator.ts";
import { openOpcuaLine } from "../../../gateway/lines/opcua.ts";
import type { Line } from "../../../gateway/lines/line.ts";
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

function open(): Line {
  const context = { opcuaTrust: [pem], opcuaPki: join(directory, "pki"), gateway: "gw-test" };
  return openOpcuaLine(device.url, { ...context, timing: { answerMs: 1000, firstRetryMs: 100 } });
}

function attach(line: Line): CollectingSink {
  const sink = new CollectingSink();
  line.attach({ device: "test/incubator", driver, unit: null, options: {} }, sink);
  return sink;
}

test("a server that restarts or garbles is found again", async () => {
  const line = open();
  const sink = attach(line);
  for (const fault of ["restart", "checksum"] as const) {
    await sink.reading("LADS_TEMPERATURE", () => true);
    device.setFault(fault, true);
    await sink.until(() => sink.now === "backoff");
    device.setFault(fault, false);
    await sink.reading("LADS_TEMPERATURE", () => true);
    assert.equal(sink.now, "online");
  }
  await line.close();
});

test(
  "a server that hangs is noticed, and closing does not wait for it",
  { timeout: 120_000 },
  async () => {
    const line = open();
    const sink = attach(line);
    await sink.reading("LADS_TEMPERATURE", () => true);
    device.setFault("silence", true);
    await sink.until(() => sink.now === "backoff");
    await line.close();
    assert.equal(sink.now, "closed");
    device.setFault("silence", false);
  },
);

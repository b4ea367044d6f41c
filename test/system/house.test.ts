import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { numberAt, textAt } from "../../gateway/json-value.ts";
import { ledgerOf, moreOpened, openHouse, until } from "../ward/house.ts";

const OUTAGE_MS = 20_000;

/**
 * The whole house with mosquitto: an outage of the broker, and what a thief or a curious broker would find on every disk
 * and on the wire.
 */
test("mosquitto away for 20 s: nothing lost, and nowhere a bed, a device or a value in clear", async () => {
  const directory = await mkdtemp(join(tmpdir(), "wardgate-secrecy-"));
  try {
    const demo = await openHouse({ broker: "mosquitto", directory });
    const capture = join(directory, "broker.pcap");
    const ports = await portsOf(directory);
    const filter = ports.map((port) => `tcp port ${port}`).join(" or ");
    const tcpdump = spawn("tcpdump", ["-i", "lo", "-U", "-s", "0", "-w", capture, filter], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    await once(tcpdump.stderr, "data");
    try {
      await moreOpened(demo, 100);
      demo.kill("mosquitto");
      await sleep(OUTAGE_MS);
      assert.ok(demo.numbers().backlog > 0, "the outbox fills while the broker is away");
      await demo.restart("mosquitto");
      await moreOpened(demo, 100);
      await until("the backlog is gone", () => demo.numbers().backlog < 5);
      const devices = demo.devices.map(({ device }) => device);
      const report = await demo.finish();
      for (const [name, row] of Object.entries(report.classes)) {
        assert.equal(row.unaccounted, 0, `${name}: ${JSON.stringify(row)}`);
      }
      assert.equal(numberAt(await ledgerOf(directory), "totals", "unaccounted"), 0);
      tcpdump.kill("SIGINT");
      await once(tcpdump, "exit");
      await assertSecret(directory, capture, devices);
    } finally {
      tcpdump.kill("SIGKILL");
      await demo.close();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

/** Looks for every device id, code and longer value in everything that lies on a disk or crossed the wire sealed. */
async function assertSecret(
  directory: string,
  capture: string,
  devices: readonly string[],
): Promise<void> {
  const readings = (await readFile(join(directory, "hub", "readings.ndjson"), "utf8"))
    .trim()
    .split("\n");
  const items = readings.map((line): unknown => JSON.parse(line));
  const codes = items.map((item) => textAt(item, "code"));
  const values = items.map((item) => textAt(item, "text")).filter((text) => text.length >= 5);
  const words = new Set([
    ...devices,
    ...devices.map((device) => device.split("/")[0] ?? ""),
    ...codes,
    ...values,
  ]);
  words.delete("");
  assert.ok(words.size > devices.length + 5, "there is something to look for");
  const files = [
    capture,
    ...(await filesIn(join(directory, "gateway", "store"))),
    ...(await filesIn(join(directory, "broker", "persistence"))),
    ...["hub.sqlite", "hub.sqlite-wal"].map((name) => join(directory, "hub", name)),
  ];
  const view = await readFile(join(directory, "hub", "readings.ndjson"), "latin1");
  for (const word of words) {
    assert.ok(
      view.includes(word) || devices.some((device) => device.startsWith(word)),
      `the search itself finds ${word}`,
    );
  }
  let bytes = 0;
  for (const file of files) {
    const content = await readFile(file, "latin1");
    bytes += content.length;
    const found = [...words].filter((word) => content.includes(word));
    assert.deepEqual(found, [], `${file} contains words in clear`);
  }
  assert.ok(bytes > 100_000, `only ${bytes} bytes were searched`);
}

async function filesIn(directory: string): Promise<string[]> {
  return (await readdir(directory)).map((name) => join(directory, name));
}

/** The ports that the generated mosquitto configuration listens on. */
async function portsOf(directory: string): Promise<string[]> {
  const config = await readFile(join(directory, "broker", "mosquitto.conf"), "utf8");
  const ports = [...config.matchAll(/^listener (\d+)/gm)].map((match) => match[1] ?? "");
  assert.equal(ports.length, 2);
  return ports;
}

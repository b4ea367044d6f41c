import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { command as decode } from "../../../gateway/commands/decode.ts";
import { command as devices } from "../../../gateway/commands/devices.ts";
import { command as record } from "../../../gateway/commands/record.ts";
import { command as replay } from "../../../gateway/commands/replay.ts";
import { headerLine, pieceLine } from "../../../gateway/recording/recording.ts";
import { needSimulator } from "../../../gateway/simulate/registry.ts";
import { linesOf, objectsOf, run, start } from "./wardgate.ts";

const CAPTURE = fileURLToPath(
  new URL("../../../gateway/devices/masimo-ascii1/captures/steady.bin", import.meta.url),
);

let directory: string;
before(async () => (directory = await mkdtemp(join(tmpdir(), "wardgate-record-"))));
after(() => rm(directory, { recursive: true }));
const fileOf = (name: string): string => join(directory, name);

/** Records a simulated device for some seconds and gives the objects of the recording. */
async function recordSimulated(
  model: string,
  line: string,
  file: string,
  ...args: readonly string[]
): Promise<Record<string, unknown>[]> {
  const simulated = await needSimulator(model).start({ line, seed: 3 });
  try {
    const { code, stderr } = await run(record, ["--line", simulated.url, ...args, file]);
    assert.equal(code, 0, stderr);
  } finally {
    await simulated.close();
  }
  return objectsOf(readFileSync(file, "utf8"));
}

/** Values that a decode or a read gave, without what differs from run to run. */
function valuesOf(ndjson: string): string[] {
  return objectsOf(ndjson)
    .filter(({ kind }) => kind === "reading")
    .map(({ code, text, quality }) => JSON.stringify([code, text, quality]));
}

describe("wardgate record and replay", { concurrency: true }, () => {
  test("a line that is only listened to", async () => {
    const file = fileOf("listened.ndjson");
    const objects = await recordSimulated("masimo-ascii1", "tcp", file, "--seconds", "3");
    const [header, ...pieces] = objects;
    assert.equal(header?.["model"], null);
    assert.match(String(header?.["line"]), /^tcp:\/\/127\.0\.0\.1:\d+$/);
    assert.ok(pieces.length >= 2 && pieces.every(({ from }) => from === "device"));
    const { stdout, code } = await run(decode, ["masimo-ascii1", file]);
    assert.equal(code, 0);
    const items = objectsOf(stdout);
    assert.ok(items.some(({ value }) => typeof value === "number"));
    const startedAt = Date.parse(String(header?.["started"]));
    for (const { at } of items) {
      assert.ok(Number(at) >= startedAt && Number(at) < startedAt + 60_000, "recorded times");
    }
    const raw = pieces.map(({ hex }) => Buffer.from(String(hex), "hex"));
    const fromRaw = await run(decode, ["masimo-ascii1"], Buffer.concat(raw));
    assert.deepEqual(valuesOf(fromRaw.stdout), valuesOf(stdout));
  });

  test("an active driver asks, and both sides are there; only the device's is decoded", async () => {
    const file = fileOf("asked.ndjson");
    const args = ["--model", "alaris-asena", "--seconds", "4", "--json"];
    const objects = await recordSimulated("alaris-asena", "pty", file, ...args);
    assert.deepEqual(objects[0]?.["serial"], { baud: 38_400, format: "8N1", flow: "none" });
    const sides = new Set(objects.slice(1).map(({ from }) => from));
    assert.deepEqual(sides, new Set(["device", "gateway"]));
    const { stdout } = await run(decode, ["alaris-asena", file]);
    assert.ok(objectsOf(stdout).some(({ value }) => typeof value === "number"));
    assert.ok(objectsOf(stdout).every(({ kind }) => kind !== "fault"));
  });

  test("what a line's settings in the URL say is in the header", async () => {
    const simulated = await needSimulator("masimo-ascii1").start({ line: "pty", seed: 1 });
    const file = fileOf("settings.ndjson");
    const line = `${simulated.url}?baud=19200&format=7E1`;
    const { stdout } = await run(record, ["--line", line, "--seconds", "1", "--json", file]);
    await simulated.close();
    const [told] = objectsOf(stdout);
    assert.equal(told?.["kind"], "recorded");
    const [header] = objectsOf(readFileSync(file, "utf8"));
    assert.deepEqual(header?.["serial"], { baud: 19_200, format: "7E1", flow: "none" });
    assert.doesNotMatch(String(header?.["line"]), /\?/);
  });

  test("anonymised: a driver that masks does so, one without demographics records as it is", async () => {
    const args = ["--anonymise", "--seconds", "6"];
    const bloodGas = fileOf("masked.ndjson");
    const objects = await recordSimulated(
      "astm-e1394",
      "tcp",
      bloodGas,
      "--model",
      "astm-e1394",
      ...args,
    );
    const sent = objects
      .filter(({ from }) => from === "device")
      .map(({ hex }) => Buffer.from(String(hex), "hex").toString("latin1"))
      .join("");
    assert.equal(objects[0]?.["anonymised"], true);
    assert.match(sent, /\dP\|1\|\|\|\|X+\^X+\|\|0+\|X\r/);
    assert.doesNotMatch(sent, /NOBODY|19000101/);
    const { stdout } = await run(decode, ["astm-e1394", bloodGas]);
    assert.ok(objectsOf(stdout).some(({ value }) => typeof value === "number"));
    assert.ok(objectsOf(stdout).every(({ kind }) => kind !== "fault"));
    const oximeter = fileOf("unmasked.ndjson");
    const plain = await recordSimulated(
      "masimo-ascii1",
      "tcp",
      oximeter,
      "--model",
      "masimo-ascii1",
      ...args,
    );
    assert.equal(plain[0]?.["anonymised"], true);
    assert.ok(plain.length > 2);
  });

  test("datagrams keep their ends", async () => {
    const sender = createSocket("udp4");
    const probe = createSocket("udp4").bind(0, "127.0.0.1");
    await once(probe, "listening");
    const { port } = probe.address();
    probe.close();
    const timer = setInterval(() => {
      sender.send("one", port, "127.0.0.1");
      sender.send("three", port, "127.0.0.1");
    }, 100);
    const file = fileOf("datagrams.ndjson");
    const { code } = await run(record, [
      "--line",
      `udp://127.0.0.1:${port}`,
      "--seconds",
      "1",
      file,
    ]);
    clearInterval(timer);
    sender.close();
    assert.equal(code, 0);
    const pieces = objectsOf(readFileSync(file, "utf8")).slice(1);
    const texts = new Set(pieces.map(({ hex }) => Buffer.from(String(hex), "hex").toString()));
    assert.deepEqual(texts, new Set(["one", "three"]));
  });

  test("a silent line ends with 1; a refused one at once", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    assert.ok(typeof address === "object" && address !== null);
    const args = ["--line", `tcp://127.0.0.1:${address.port}`, "--seconds", "1"];
    const { code, stdout, stderr } = await run(record, [...args, fileOf("silent.ndjson")]);
    server.close();
    assert.equal(code, 1);
    assert.match(stdout, /^recorded \d[\d.]* s: 0 bytes from the device, 0 to it, in 0 pieces\n$/);
    assert.match(stderr, /negotiating: open/);
    assert.equal(objectsOf(readFileSync(fileOf("silent.ndjson"), "utf8")).length, 1);
  });

  for (const line of ["pty", "tcp", "unix", "udp"]) {
    test(`a recording is read over ${line} as it is decoded`, async () => {
      const file = fileOf(`${line}.ndjson`);
      writeRecording(file);
      const child = start(
        "replay",
        file,
        "--line",
        line,
        "--speed",
        "2",
        "--delay",
        "2.5",
        "--json",
      );
      const lines = linesOf(child);
      const { value: ready } = await lines.next();
      assert.deepEqual([ready["kind"], (ready["devices"] as unknown[]).length], ["ready", 1]);
      const url = String(ready["line"]);
      const read = ["read", "masimo-ascii1", "--line", url, "--seconds", "6", "--json"];
      const { stdout } = await run(devices, read);
      assert.deepEqual(
        valuesOf(stdout),
        valuesOf((await run(decode, ["masimo-ascii1", file])).stdout),
      );
      const { value: done } = await lines.next();
      assert.deepEqual(done, { kind: "replayed", pieces: 4, bytes: readFileSync(CAPTURE).length });
      if (child.exitCode === null) {
        await once(child, "close");
      }
      assert.equal(child.exitCode, 0);
    });
  }

  test("raw bytes are played at their baud rate, again and again when wanted, until stopped", async () => {
    const args = ["--line", "tcp", "--model", "masimo-ascii1", "--loop", "--speed", "10"];
    const child = start("replay", CAPTURE, ...args, "--json");
    const lines = linesOf(child);
    const url = String((await lines.next()).value["line"]);
    const read = ["read", "masimo-ascii1", "--line", url, "--seconds", "3", "--json"];
    const { stdout } = await run(devices, read);
    const once1 = valuesOf((await run(decode, ["masimo-ascii1", CAPTURE])).stdout);
    const found = valuesOf(stdout);
    assert.ok(found.length > 2 * once1.length, `${found.length} of ${once1.length} values`);
    assert.deepEqual(found.slice(0, once1.length), once1);
    child.kill("SIGTERM");
    await once(child, "close");
    assert.equal(child.exitCode, 0);
  });

  test("a recording that is damaged is decoded up to there, and told", async () => {
    const file = fileOf("damaged.ndjson");
    writeRecording(file);
    writeFileSync(file, readFileSync(file, "utf8").slice(0, -20));
    const { code, stderr, stdout } = await run(decode, ["masimo-ascii1", file]);
    assert.equal(code, "WARD_RECORDING");
    assert.match(stderr, /line 6: it breaks off/);
    assert.ok(valuesOf(stdout).length > 0);
  });

  test("wrong use is one clear line, and nothing is written over", async () => {
    const there = fileOf("there.ndjson");
    writeFileSync(there, "mine");
    const line = ["--line", "tcp://127.0.0.1:1"];
    const cases: readonly (readonly [typeof record, string[], string, RegExp])[] = [
      [record, [], "WARD_USAGE", /name one line and one file/],
      [record, [...line], "WARD_USAGE", /name one line and one file/],
      [record, ["--line", "x", "f"], "WARD_LINE_URL", /no kind of line/],
      [record, ["--line", "modbus-tcp://h:1", "f"], "WARD_USAGE", /modbus-tcp is no line for this/],
      [record, [...line, "--model", "tsi-rpc30", "f"], "WARD_USAGE", /no stream of bytes/],
      [record, [...line, "--model", "nope", "f"], "WARD_UNKNOWN_MODEL", /"nope"/],
      [record, [...line, "--seconds", "x", "f"], "WARD_USAGE", /--seconds x is no whole number/],
      [record, [...line, "--anonymise", "f"], "WARD_USAGE", /only what is known can be masked/],
      [
        record,
        [...line, "--model", "generic-line", "--anonymise", "f"],
        "WARD_USAGE",
        /does not know where/,
      ],
      [record, [...line, there], "WARD_RECORD_FILE", /it is there already/],
      [replay, [], "WARD_USAGE", /name one file/],
      [replay, ["/nope/x"], "WARD_READ_FILE", /Cannot read \/nope\/x: ENOENT/],
      [replay, [CAPTURE, "--speed", "0"], "WARD_USAGE", /--speed 0 is no number from 0.01 to 1000/],
      [replay, [CAPTURE, "--line", "tcp://0.0.0.0:0"], "WARD_LINE_URL", /this machine only/],
      [replay, [CAPTURE, "--line", "modbus-tcp"], "WARD_LINE_URL", /pty, tcp, unix and udp/],
      [
        replay,
        [CAPTURE, "--line", "unix:/nope/x.sock"],
        "WARD_SIMULATE",
        /^Cannot simulate on line "unix:\/nope\/x\.sock": listen EACCES[^"]*\. Choose another place\.$/,
      ],
      [replay, [CAPTURE, "--model", "tsi-rpc30"], "WARD_USAGE", /no stream of bytes/],
    ];
    for (const [command, args, expected, message] of cases) {
      const { code, stderr, stdout } = await run(command, args);
      assert.equal(code, expected, `${args.join(" ")}: ${stderr}`);
      assert.match(stderr, message);
      assert.equal(stdout, "");
    }
    assert.equal(readFileSync(there, "utf8"), "mine");
  });
});

/** Four pieces of a capture, with a question between them that is not to be decoded. */
function writeRecording(file: string): void {
  const bytes = readFileSync(CAPTURE);
  const quarter = Math.ceil(bytes.length / 4);
  const pieces = [0, 1, 2, 3].map((place) =>
    pieceLine({
      ms: 300 * place,
      from: "device",
      bytes: bytes.subarray(place * quarter, (place + 1) * quarter),
    }),
  );
  const header = headerLine({
    line: "serial:/dev/ttyUSB0",
    model: "masimo-ascii1",
    startedAt: 1_795_000_000_000,
    serial: { baud: 9600, format: "8N1", flow: "none" },
    anonymised: false,
  });
  const question = pieceLine({ ms: 900, from: "gateway", bytes: Buffer.from("12/01/26\r\n") });
  writeFileSync(file, [header, ...pieces, question].join(""));
}

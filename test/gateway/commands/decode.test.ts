import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { command } from "../../../gateway/commands/decode.ts";
import { itemProblem } from "../../../gateway/item-shape.ts";
import { objectsOf, run, start } from "./wardgate.ts";

const NONIN = captureOf("nonin-oem3-format2/captures/steady.bin");
const MASIMO = captureOf("masimo-ascii1/captures/damaged.bin");

describe("wardgate decode", { concurrency: true }, () => {
  test("turns a file into whole items, numbered from 1", async () => {
    const { code, stdout, stderr } = await run(command, ["nonin-oem3-format2", NONIN]);
    assert.equal(code, 0, stderr);
    const items = objectsOf(stdout);
    assert.equal(items.length, 18);
    for (const item of items) {
      assert.equal(itemProblem(item), null);
      assert.deepEqual([item["device"], item["boot"]], ["decode", "0000000000000000"]);
    }
    const takes = items.map((item) => Number(item["take"]));
    assert.deepEqual(
      [...new Set(takes)],
      Array.from({ length: 12 }, (_, place) => place + 1),
    );
    const rates = items.filter((item) => item["code"] === "MDC_PULS_OXIM_PULS_RATE");
    assert.deepEqual(
      rates.map(({ value }) => value),
      [71, 72, 128, 255, 256, 300],
    );
  });

  test("reads stdin, and tells faults between the readings", async () => {
    const { code, stdout } = await run(command, ["masimo-ascii1"], readFileSync(MASIMO));
    assert.equal(code, 0);
    const objects = objectsOf(stdout);
    const faults = objects.filter(({ kind }) => kind === "fault");
    assert.deepEqual(
      faults.map(({ fault }) => fault),
      ["framing", "framing", "noise", "truncated"],
    );
    for (const { device, at, bytes, text } of faults) {
      assert.equal(device, "decode");
      assert.equal(typeof at, "number");
      assert.ok(Number(bytes) > 0 && typeof text === "string");
    }
    assert.ok(objects.some(({ kind, value }) => kind === "reading" && value === null));
  });

  test("options of a driver are checked", async () => {
    const line = "12/01/26 00:00:00 SPO2=098% BPM=060 SPHB=07.4 ALARM=0000 EXC=000800\r\n";
    const args = ["masimo-ascii1", "--option", "hemoglobin-unit=mmol/L"];
    const { stdout } = await run(command, args, Buffer.from(line));
    const hemoglobin = objectsOf(stdout).find(({ code }) => code === "MASIMO_SPHB");
    assert.deepEqual([hemoglobin?.["text"], hemoglobin?.["unit"]], ["07.4", "mmol/L"]);
    const wrong = await run(command, ["masimo-ascii1", "--option", "hemoglobin-unit=stone"]);
    assert.deepEqual([wrong.code, wrong.stdout], ["WARD_USAGE", ""]);
    assert.match(wrong.stderr, /Use: g\/dL, mmol\/L/);
  });

  test("an option may be a text of many lines; all that is wrong with it is told", async () => {
    const protocol = readFileSync(
      new URL(
        "../../../gateway/devices/generic-line/protocols/vaisala-hmt330.json",
        import.meta.url,
      ),
      "utf8",
    );
    const args = ["generic-line", "--option", `protocol=${protocol}`];
    const { code, stdout } = await run(command, args, Buffer.from("RH= 98.4 %RH T= 31.1 'C\r\n"));
    assert.equal(code, 0);
    assert.deepEqual(
      objectsOf(stdout).map(({ text, unit }) => [text, unit]),
      [
        ["98.4", "%"],
        ["31.1", "Cel"],
      ],
    );
    const wrong = protocol.replace('"%"', '"%RH"').replace('"Cel"', '"°C"');
    const told = await run(command, ["generic-line", "--option", `protocol=${wrong}`]);
    assert.equal(told.code, "WARD_USAGE");
    assert.match(
      told.stderr,
      /2 problems: messages\[0\]\.fields\[0\]\.unit: .* Write "%"\. messages/,
    );
    assert.match(told.stderr, /messages\[0\]\.fields\[1\]\.unit: .* Write "Cel"\.$/);
  });

  test("no bytes, no output; wrong use and missing files are one clear line", async () => {
    const empty = await run(command, ["masimo-ascii1"]);
    assert.deepEqual(empty, { code: 0, stdout: "", stderr: "" });
    const cases: readonly (readonly [string[], string, RegExp])[] = [
      [[], "WARD_USAGE", /write wardgate decode <model>/],
      [
        ["nope"],
        "WARD_UNKNOWN_MODEL",
        /Cannot read model "nope": it is not known\. wardgate devices list shows every model\.$/,
      ],
      [["tsi-rpc30"], "WARD_USAGE", /wardgate devices read/],
      [["masimo-ascii1", "/nope/x"], "WARD_READ_FILE", /Cannot read \/nope\/x: ENOENT/],
      [["masimo-ascii1", "--nope"], "ERR_PARSE_ARGS_UNKNOWN_OPTION", /--nope/],
    ];
    for (const [args, expected, message] of cases) {
      const { code, stderr, stdout } = await run(command, args);
      assert.equal(code, expected, stderr);
      assert.match(stderr, message);
      assert.equal(stdout, "");
    }
  });

  test("ends when it is stopped, also while nothing comes", async () => {
    const child = start("decode", "nonin-oem3-format2");
    child.stdin.on("error", () => undefined);
    child.stdin.write(readFileSync(NONIN));
    await once(child.stdout, "data");
    child.kill("SIGINT");
    await once(child, "exit");
    assert.equal(child.exitCode, 0);
  });

  test("an endless stream to a reader that stops reading stays in bounds, and can be stopped", async () => {
    const child = start("decode", "nonin-oem3-format2");
    child.stdin.on("error", () => undefined);
    const packets = Buffer.concat(Array.from({ length: 100 }, () => readFileSync(NONIN)));
    const offered = 40 * 2 ** 20;
    let taken = 0;
    const offer = (): void => {
      while (taken < offered && child.stdin.write(packets)) {
        taken += packets.length;
      }
    };
    child.stdin.on("drain", offer);
    offer();
    await once(child.stdout, "readable");
    for (let before = -1; before !== taken;) {
      before = taken;
      await sleep(500);
    }
    assert.ok(taken < offered, "the writer has to wait, as nobody reads");
    child.kill("SIGTERM");
    child.stdout.resume();
    await once(child, "close");
    assert.equal(child.exitCode, 0);
  });
});

function captureOf(path: string): string {
  return fileURLToPath(new URL(`../../../gateway/devices/${path}`, import.meta.url));
}

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { command as devices } from "../../../gateway/commands/devices.ts";
import { command as map } from "../../../gateway/commands/map.ts";
import { needSimulator } from "../../../gateway/simulate/registry.ts";
import { objectsOf, run } from "./wardgate.ts";

const PANEL = exampleOf("generic-modbus/maps/gas-panel.yaml");
const MONITOR = exampleOf("generic-line/protocols/example-monitor.json");
const FRIDGE = exampleOf("generic-opcua/tables/example-fridge.json");
const directory = mkdtempSync(join(tmpdir(), "wardgate-map-"));
after(() => rmSync(directory, { recursive: true }));

function exampleOf(file: string): string {
  return fileURLToPath(new URL(`../../../gateway/devices/${file}`, import.meta.url));
}

function fileOf(name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

describe("wardgate map check", () => {
  test("prints points and requests, for TCP and for a serial line", async () => {
    const tcp = await run(map, ["check", PANEL]);
    assert.equal(tcp.code, 0, tcp.stderr);
    assert.match(tcp.stdout, /Medical gas panel, operating rooms \(illustrative\)/);
    assert.match(tcp.stdout, /EXAMPLE_GAS_O2_PRESSURE kPa {2}fast {2}Oxygen pipeline pressure/);
    assert.match(
      tcp.stdout,
      /every 1000 ms:\n {2}function 2, 0 to 0, for 1 of the points\n {2}function 3, 0 to 8,/,
    );
    const rtu = await run(map, ["check", PANEL, "--line", "modbus-rtu:/dev/ttyUSB0?baud=1200"]);
    assert.match(rtu.stdout, /every 1000 ms, about \d+ ms on the wire:/);
    // What one request reads on TCP takes two on a wire this slow.
    assert.match(tcp.stdout, /function 3, 22 to 47, for 2 of the points/);
    assert.match(
      rtu.stdout,
      /function 3, 22 to 25, for 1 of the points\n {2}function 3, 40 to 47,/,
    );
  });

  test("--json is one object with everything", async () => {
    const { code, stdout } = await run(map, ["check", PANEL, "--json"]);
    const { right, points, polls } = objectsOf(stdout)[0] ?? {};
    assert.equal(code, 0);
    assert.equal(right, true);
    assert.equal((points as unknown[]).length, 10);
    assert.deepEqual(
      (polls as { everyMs: number }[]).map(({ everyMs }) => everyMs),
      [1000, 5000, 60_000],
    );
  });

  test("a line protocol and a point table are known by what is in them", async () => {
    const lines = await run(map, ["check", MONITOR]);
    assert.equal(lines.code, 0, lines.stderr);
    assert.match(lines.stdout, /ended by "\\r\\n", checksum xor8\n/);
    assert.match(lines.stdout, /message "values", begins with "MON,", 6 parts between ",":\n/);
    assert.match(lines.stdout, /\n {2}part 2 +MDC_TEMP Cel {2}Temperature\n/);
    assert.match(lines.stdout, /\n {2}part 6 +serial number {2}Serial number\n/);
    assert.match(lines.stdout, /message "start-up", begins with "BOOT,":\n {2}is ignored\n$/);
    const points = await run(map, ["check", FRIDGE, "--json"]);
    const { driver, right, points: all } = objectsOf(points.stdout)[0] ?? {};
    assert.deepEqual([points.code, driver, right], [0, "generic-opcua", true]);
    assert.deepEqual((all as object[])[1], {
      node: "Refrigerator > Humidity",
      code: "EXAMPLE_RELATIVE_HUMIDITY",
      mdc: null,
      unit: "%",
      path: "1.1.2",
    });
    const pattern = fileOf(
      "scale.yaml",
      "title: S\nmaker: M\nmodel: X\nsource: D\nmessages:\n  - name: w\n    pattern: '^W=(?<weight>\\d+\\.\\d)$'\n    fields: [{ name: Weight, group: weight, code: A_W, unit: kg }]\n",
    );
    const yaml = await run(map, ["check", pattern]);
    assert.equal(yaml.code, 0, yaml.stdout);
    assert.match(yaml.stdout, /message "w", by a pattern:\n {2}group weight A_W kg {2}Weight\n$/);
  });

  test("problems of a line protocol or a point table are told, and another model may be named", async () => {
    const lines = fileOf("lines.yaml", "title: x\nmessages: []\n");
    const wrong = await run(map, ["check", lines]);
    assert.equal(wrong.code, 3);
    assert.match(wrong.stdout, /^\S+ cannot be used for generic-line:\n {2}maker: it is missing/);
    const table = fileOf("table.yaml", "title: x\npoints: [{ node: 'ns=2;s=A' }]\n");
    const points = await run(map, ["check", table, "--json"]);
    assert.equal(points.code, 3);
    assert.equal(objectsOf(points.stdout)[0]?.["driver"], "generic-opcua");
    const other = await run(map, ["check", MONITOR, "--model", "generic-modbus"]);
    assert.equal(other.code, 3);
    assert.match(other.stdout, /addressBase: it is missing/);
  });

  test("every problem is printed, and the exit code says so", async () => {
    const file = fileOf(
      "bad.yaml",
      "title: x\npoints:\n  - { code: A_B, function: 5, address: 1, type: uint16, unit: degC }\n",
    );
    const { code, stdout } = await run(map, ["check", file]);
    assert.equal(code, 3);
    assert.match(stdout, /maker: it is missing\. Write who makes the device\./);
    assert.match(
      stdout,
      /points\[0\]\.function: 5 is not what is expected\. Write a whole number from 1 to 4\./,
    );
    assert.match(
      stdout,
      /points\[0\]\.unit: "degC" is no UCUM unit that is known here\. Write "Cel"\./,
    );
    const json = await run(map, ["check", file, "--json"]);
    assert.equal(json.code, 3);
    assert.equal(objectsOf(json.stdout)[0]?.["right"], false);
  });

  test("files that are none, too large or no YAML, and wrong words, are told", async () => {
    const cases: readonly (readonly [string[], string, RegExp])[] = [
      [["check", join(directory, "none.yaml")], "WARD_READ_FILE", /no such file/],
      [
        ["check", fileOf("twice.yaml", "a: 1\na: 2\n")],
        "WARD_USAGE",
        /it is no YAML, Map keys must be unique/,
      ],
      [["check", fileOf("tag.yaml", "a: !!python/object x\n")], "WARD_USAGE", /it is no YAML/],
      [
        ["check", fileOf("long.yaml", `a: ${"x".repeat(70_000)}\n`)],
        "WARD_USAGE",
        /65536 are the most/,
      ],
      [["check", fileOf("huge.yaml", "#".repeat(1_000_001))], "WARD_USAGE", /larger than 1 MB/],
      [["check", fileOf("bomb.yaml", BOMB)], "WARD_USAGE", /it is no YAML, Excessive alias count/],
      [["check", PANEL, "--line", "tcp://h:1"], "WARD_USAGE", /tcp is no Modbus line/],
      [["check", MONITOR, "--line", "modbus-tcp://h"], "WARD_USAGE", /--line is for register maps/],
      [["check", PANEL, "--model", "apc-smartups"], "WARD_USAGE", /has no description; it is for/],
      [["check"], "WARD_USAGE", /name one file/],
      [["look", PANEL], "WARD_USAGE", /write wardgate map check FILE/],
    ];
    for (const [args, code, words] of cases) {
      const found = await run(map, args);
      assert.equal(found.code, code, args.join(" "));
      assert.match(found.stderr, words);
    }
  });

  test("JSON stays as it is, and YAML words stay words", async () => {
    const json = fileOf("map.json", JSON.stringify({ ...TOP, points: [POINT] }));
    assert.equal((await run(map, ["check", json])).code, 0);
    const words = fileOf(
      "words.yaml",
      `${JSON.stringify({ ...TOP }).slice(0, -1)}, points: [{ code: A_B, function: 3, address: 0, type: uint16, words: { 0: off, 1: on } }] }`,
    );
    const { code, stdout } = await run(map, ["check", words]);
    assert.equal(code, 0, stdout);
  });
});

describe("devices read with a register map", () => {
  test("a YAML map in a file is read over a line", async () => {
    const device = await needSimulator("generic-modbus").start({ line: "modbus-tcp", seed: 2 });
    const args = ["read", "generic-modbus", "--line", device.url, "--option", `map=@${PANEL}`];
    const { code, stdout, stderr } = await run(devices, [...args, "--seconds", "2", "--json"]);
    await device.close();
    assert.equal(code, 0, stderr);
    const readings = objectsOf(stdout);
    const pressure = readings.find((reading) => reading["code"] === "EXAMPLE_GAS_O2_PRESSURE");
    assert.match(String(pressure?.["text"]), /^\d{3}\.\d$/);
    assert.equal(pressure?.["unit"], "kPa");
    assert.ok(readings.some((reading) => reading["value"] === "open"));
  });

  test("a map that cannot be used is told before anything is opened", async () => {
    const file = fileOf("wrong.yaml", "title: x\n");
    const args = [
      "read",
      "generic-modbus",
      "--line",
      "modbus-tcp://127.0.0.1:1",
      "--option",
      `map=@${file}`,
    ];
    const { code, stderr } = await run(devices, args);
    assert.equal(code, "WARD_USAGE");
    assert.match(
      stderr,
      /^Cannot use the options of generic-modbus, \d problems: maker: it is missing/,
    );
  });
});

const TOP = { title: "T", maker: "M", model: "X", source: "S", addressBase: 0 };
const POINT = { code: "A_B", function: 3, address: 0, type: "uint16", unit: "1" };
/** A few hundred characters that would become billions. */
const BOMB = [
  "a: &a [x, x, x, x, x, x, x, x, x]",
  ...["b", "c", "d", "e", "f", "g", "h", "i"].map((name, place) => {
    const before = "abcdefgh".charAt(place);
    return `${name}: &${name} [${Array.from({ length: 9 }, () => `*${before}`).join(", ")}]`;
  }),
].join("\n");

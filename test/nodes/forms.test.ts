import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { runInNewContext } from "node:vm";

import * as fc from "fast-check";

import { LINE_SCHEMES } from "../../gateway/devices/device.ts";
import { parseLineUrl } from "../../gateway/lines/line-url.ts";

type Validator = (value: unknown, opt?: object) => true | false | string;
interface Forms {
  readonly device: Validator;
  readonly model: Validator;
  readonly options: Validator;
  line(schemes: readonly string[]): Validator;
  number(range: { minimum: number; maximum: number; whole: boolean }): Validator;
}

/** The script that the editor loads, in a page of its own. */
function loadForms(): Forms {
  const page: { wardForms?: Forms } = {};
  const RED = { _: (key: string, values: object) => `${key} ${JSON.stringify(values)}` };
  runInNewContext(readFileSync("nodes/resources/forms.js", "utf8"), { RED, globalThis: page });
  assert.ok(page.wardForms !== undefined);
  return page.wardForms;
}

const forms = loadForms();

test("a wrong entry is explained where the editor asks for it, and is just wrong where not", () => {
  assert.equal(forms.device("Bed 1"), false);
  assert.match(String(forms.device("Bed 1", {})), /^@wardgate\/nodes\/ward-forms:error\.device /);
  const unit = forms.number({ minimum: 0, maximum: 255, whole: true });
  assert.match(String(unit("300", {})), /:error\.whole \{"minimum":0,"maximum":255\}/);
});

test("device ids, models, numbers and options", () => {
  for (const good of ["bed-12/monitor", "0", "a".repeat(64), "00:11:22", "${BED}"]) {
    assert.equal(forms.device(good), true, good);
  }
  for (const bad of ["", undefined, null, "-bed", "a".repeat(65), "bett ü", "${"]) {
    assert.equal(forms.device(bad), false, String(bad));
  }
  assert.deepEqual(
    [forms.model("nonin-oem3-format2"), forms.model("nonin"), forms.model("")],
    [true, false, false],
  );
  const number = forms.number({ minimum: 10, maximum: 20, whole: false });
  assert.deepEqual(
    ["10", 20, "15.5", "", "9.9", "21", "x", "1e1"].map((value) => number(value)),
    [true, true, true, true, false, false, false, true],
  );
  const options = (...names: string[]): unknown =>
    forms.options(names.map((name) => ({ name, value: 1 })));
  assert.deepEqual(
    [options(), options("a", "b2"), options("a", "a"), options("2a"), options("")],
    [true, true, false, false, false],
  );
  assert.equal(options(...Array.from({ length: 33 }, (_, place) => `o${place}`)), false);
});

const GOOD = [
  "serial:/dev/ttyUSB0",
  "serial:/dev/serial/by-path/pci-0000:00:14.0-usb-0:1:1.0-port0?baud=9600&format=8N1&flow=none",
  "unix:/run/port.sock",
  "tcp://10.0.0.7:4001",
  "udp://[fe80::1]:4001",
  "modbus-tcp://nport-3.ward.example:502",
  "modbus-rtu:/dev/ttyUSB1?baud=19200&format=8E1",
  "modbus-ascii:/dev/ttyUSB1",
  "modbus-rtu+tcp://10.0.0.8:4001",
  "opc.tcp://10.0.0.9:4840/lads/server",
  "opc.tcp://10.0.0.9",
];

test("what the form takes for a line the gateway takes too", () => {
  const line = forms.line(LINE_SCHEMES);
  for (const url of GOOD) {
    assert.equal(line(url), true, url);
    parseLineUrl(url);
  }
  assert.equal(forms.line(["opc.tcp"])("tcp://10.0.0.7:4001"), false);
  for (const url of [
    "",
    "serial:ttyUSB0",
    "tcp://10.0.0.7",
    "tcp://10.0.0.7:0",
    "tcp://10.0.0.7:70000",
    "tcp://:1",
    "http://a:1",
    "serial:/dev/tty USB",
  ]) {
    assert.equal(line(url), false, url);
    assert.throws(() => parseLineUrl(url), url);
  }
});

test("no entry makes a check throw", () => {
  const line = forms.line(LINE_SCHEMES);
  const scheme = fc.constantFrom(...LINE_SCHEMES);
  fc.assert(
    fc.property(fc.string(), scheme, (entry, word) => {
      for (const value of [entry, `${word}:${entry}`, `${word}://${entry}`]) {
        assert.equal(typeof line(value), "boolean");
        assert.equal(typeof forms.device(value), "boolean");
        assert.equal(typeof line(value, {}), line(value) ? "boolean" : "string");
      }
    }),
  );
});

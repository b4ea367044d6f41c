import assert from "node:assert/strict";
import { describe, test } from "node:test";

import * as fc from "fast-check";

import { WardError } from "../../../gateway/errors.ts";
import { formatLineUrl, lineKey, parseLineUrl } from "../../../gateway/lines/line-url.ts";

describe("line URLs", () => {
  test("every kind is read", () => {
    const cases: readonly (readonly [string, object])[] = [
      [
        "serial:/dev/ttyUSB0?baud=9600&format=8N1&flow=none",
        {
          scheme: "serial",
          path: "/dev/ttyUSB0",
          serial: { baud: 9600, format: "8N1", flow: "none" },
        },
      ],
      [
        "serial:/dev/serial/by-path/pci-0:1",
        { scheme: "serial", path: "/dev/serial/by-path/pci-0:1", serial: {} },
      ],
      ["unix:/run/port.sock", { scheme: "unix", path: "/run/port.sock" }],
      ["tcp://Nport.Ward:4001", { scheme: "tcp", host: "nport.ward", port: 4001 }],
      ["udp://[fe80::1]:24105", { scheme: "udp", host: "fe80::1", port: 24_105 }],
      ["modbus-tcp://10.0.0.8", { scheme: "modbus-tcp", host: "10.0.0.8", port: 502 }],
      [
        "modbus-rtu:/dev/ttyS1?baud=19200&format=8e1",
        { scheme: "modbus-rtu", path: "/dev/ttyS1", serial: { baud: 19_200, format: "8E1" } },
      ],
      [
        "modbus-ascii:/dev/ttyS1?format=7E1",
        { scheme: "modbus-ascii", path: "/dev/ttyS1", serial: { format: "7E1" } },
      ],
      ["modbus-rtu+tcp://gw:4001", { scheme: "modbus-rtu+tcp", host: "gw", port: 4001 }],
      [
        "opc.tcp://server:4840/UA/Ward",
        { scheme: "opc.tcp", host: "server", port: 4840, path: "/UA/Ward" },
      ],
    ];
    for (const [text, url] of cases) {
      assert.deepEqual(parseLineUrl(text), url, text);
    }
  });

  test("what is wrong is said, with what to write", () => {
    const cases: readonly (readonly [string, RegExp])[] = [
      ["", /empty/],
      ["usb:/dev/x", /"usb" is no kind of line.*Write for example serial:/],
      ["/dev/ttyUSB0", /is no kind of line/],
      ["serial:dev/ttyUSB0", /path is not absolute/],
      ["serial:/dev/../etc/passwd", /".."/],
      ["serial:/dev//x", /empty step/],
      ["serial:/dev/ttyUSB0?baud=96000000", /baud "96000000" is not 50 to/],
      ["serial:/dev/ttyUSB0?format=9N1", /format "9N1" is unknown\. Use one of 8N1/],
      ["serial:/dev/ttyUSB0?flow=maybe", /flow "maybe" is unknown/],
      ["serial:/dev/ttyUSB0?speed=1", /"speed" is no setting/],
      ["tcp://host", /no port/],
      ["tcp://host:0", /no port/],
      ["tcp://host:70000", /no port/],
      ["tcp:host:1", /no host/],
      ["tcp://:1", /no host/],
      ["tcp://user:secret@host:1", /carries a user name/],
      ["tcp://host:1/path", /has no path/],
      ["tcp://host:1?baud=1", /no setting "baud"/],
      ["tcp://ho st:1", /special characters/],
      [`serial:/${"x".repeat(600)}`, /too long/],
    ];
    for (const [text, message] of cases) {
      assert.throws(
        () => parseLineUrl(text),
        (error) =>
          error instanceof WardError &&
          error.code === "WARD_LINE_URL" &&
          message.test(error.message),
        text,
      );
    }
  });

  test("a key names the line without its settings", () => {
    assert.equal(lineKey("serial:/dev/ttyUSB0?baud=9600"), "serial:/dev/ttyUSB0");
    assert.equal(lineKey("SERIAL:///dev/ttyUSB0"), "serial:/dev/ttyUSB0");
    assert.equal(lineKey("modbus-tcp://HOST"), "modbus-tcp://host:502");
    assert.equal(lineKey("tcp://[::1]:7"), "tcp://[::1]:7");
    assert.equal(lineKey("opc.tcp://h/a"), "opc.tcp://h:4840/a");
    assert.notEqual(lineKey("serial:/dev/ttyS1"), lineKey("modbus-rtu:/dev/ttyS1"));
  });

  test("any text is either refused with a WardError or written back to the same line", () => {
    const pieces =
      "serial tcp opc.tcp modbus-rtu+tcp unix : // / ? & = [ ] @ .. dev host 502 99999 baud=9600 %2e";
    const piece = fc.constantFrom(...pieces.split(" "), " ", "\n");
    const text = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 9 }).map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(text, (line) => {
        try {
          const url = parseLineUrl(line);
          assert.deepEqual(parseLineUrl(formatLineUrl(url)), url);
          assert.equal(lineKey(lineKey(url)), lineKey(url));
        } catch (error) {
          assert.ok(error instanceof WardError && !error.message.includes("\n"));
        }
      }),
      { numRuns: 2000 },
    );
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import type { SerialFormat } from "../../../gateway/devices/device.ts";
import { portSettings } from "../../../gateway/lines/telnet.ts";
import { PortSettings } from "../../../gateway/port-server/port-settings.ts";

const formats = ["8N1", "8E1", "8O1", "7E1", "7O1", "8N2"] as const;
const wanted: fc.Arbitrary<SerialFormat> = fc.record({
  baud: fc.integer({ min: 50, max: 4_000_000 }),
  format: fc.constantFrom(...formats),
  flow: fc.constantFrom("none", "xonxoff", "rtscts"),
});

test("whatever a gateway asks for, in any order and after anything else, is what the port becomes", () => {
  fc.assert(
    fc.property(wanted, wanted, fc.array(fc.nat(), { maxLength: 5 }), (before, after, order) => {
      const settings = new PortSettings();
      for (const { command, value } of portSettings(before)) {
        settings.take(command, Uint8Array.from(value));
      }
      const asked = portSettings(after).toSorted(
        (a, b) => (order[a.command] ?? 0) - (order[b.command] ?? 0),
      );
      for (const { command, value } of asked) {
        assert.deepEqual(settings.take(command, Uint8Array.from(value)), value);
      }
      assert.deepEqual({ ...settings.serial }, { ...after });
    }),
  );
});

test("a value that no port can be changes nothing and is answered with what stands", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 255 }),
      fc.uint8Array({ maxLength: 6 }),
      (command, value) => {
        const settings = new PortSettings();
        const answer = settings.take(command, value);
        assert.equal(answer === null, command < 1 || command > 5);
        assert.deepEqual(settings.take(command, new Uint8Array()), answer);
      },
    ),
  );
  const settings = new PortSettings();
  assert.deepEqual(settings.take(1, Uint8Array.of(0, 0, 0, 0)), [0, 0, 0x25, 0x80]);
  assert.deepEqual(settings.take(2, Uint8Array.of(5)), [8]);
});

test("a format that no device has opens nothing", () => {
  const settings = new PortSettings();
  settings.take(2, Uint8Array.of(7));
  assert.equal(settings.serial, null);
});

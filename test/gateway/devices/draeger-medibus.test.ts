import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { refusalOf } from "../../../gateway/check.ts";
import type { CodeTable } from "../../../gateway/devices/draeger-medibus/code-table.ts";
import { driver } from "../../../gateway/devices/draeger-medibus/driver.ts";
import { clockTime, numberText } from "../../../gateway/devices/draeger-medibus/fields.ts";
import { MEASURED_1, MEASURED_2 } from "../../../gateway/devices/draeger-medibus/measured-codes.ts";
import { REALTIME } from "../../../gateway/devices/draeger-medibus/realtime-offer.ts";
import { SETTINGS } from "../../../gateway/devices/draeger-medibus/setting-codes.ts";
import type { DeviceOptions, Measured, Output } from "../../../gateway/devices/device.ts";
import { unitProblem } from "../../../gateway/devices/ucum.ts";
import type { Reading } from "../../../gateway/reading.ts";
import { gateOf, judgePair } from "../../../gateway/nomenclature/nomenclature.ts";
import { framesOf } from "./captures.ts";
import { bytesOf, command, response, text } from "./medibus-bytes.ts";

const ID = response(0x52, "8240'Evita 4'04.10:04.00");

describe("draeger-medibus: fields", () => {
  test("numbers keep their digits; what fills the field goes", () => {
    const fields: Readonly<Record<string, string | null>> = {
      " 98 ": "98",
      "- 5 ": "-5",
      "-  80": "-80",
      "0.00": "0.00",
      "0.590": "0.590",
      " .45": ".45",
      "1234": "1234",
      "    ": "",
      "----": "",
      " ** ": "",
      "12-4": null,
      HIGH: null,
      "1.2.": null,
    };
    for (const [field, expected] of Object.entries(fields)) {
      assert.equal(numberText(field), expected, `"${field}"`);
    }
  });

  test("clocks in German and English, with and without seconds and spaces", () => {
    const octoberSeven = Date.UTC(2014, 9, 7, 9, 33);
    for (const clock of [
      " 9:33 7-OCT-14",
      " 9:33:00 7-OKT-14",
      " 9:33 07-OCT-14",
      "09:33 7-OKT-14",
      "09:33:00 07-OKT-14",
      "09:33:0007-OKT-14",
      "09:3307-Okt-14",
      "09:33: 07-OCT-2014",
    ]) {
      assert.equal(clockTime(clock), octoberSeven, clock);
    }
    assert.equal(clockTime("11:11:1911-NOV-93"), Date.UTC(1993, 10, 11, 11, 11, 19));
    assert.equal(clockTime(" 8:06:05 4-MAR 2"), Date.UTC(2002, 2, 4, 8, 6, 5));
    assert.equal(clockTime("10:00:0001-MAI-21"), clockTime("10:00:0001-MAY-21"));
    assert.equal(clockTime("10:00:0001-DEZ-21"), clockTime("10:00:0001-DEC-21"));
    for (const none of ["", "25:00:0001-JAN-21", "10:00:0031-FEB-21", "10:00:0001-XXX-21"]) {
      assert.equal(clockTime(none), null, none);
    }
  });
});

describe("draeger-medibus: code tables", () => {
  const tables: readonly CodeTable[] = [MEASURED_1, MEASURED_2, SETTINGS, REALTIME];

  test("units are UCUM, codes belong to their reference ids, and no check refuses the unit", () => {
    for (const { code, mdc, unit } of tables.flatMap((table) => table.rows())) {
      assert.equal(unit === "" ? null : unitProblem(unit), null, `${code}: ${unit}`);
      assert.equal(judgePair(code, mdc), mdc === null ? "unknown" : "right", code);
      assert.equal(code.startsWith("MDC_"), mdc !== null, code);
      const gate = gateOf(code);
      if (gate !== undefined) {
        const value = refusalOf(
          reading(code, mdc, unit),
          { gateOf, judgePair },
          { allowDemo: false },
        );
        assert.notEqual(value?.reason, "wrong-unit", `${code}: ${unit}`);
      }
    }
  });

  test("a table has no code twice, and each quantity one place", () => {
    for (const table of tables) {
      const paths = new Map<string, string>();
      for (const { code, path } of table.rows()) {
        assert.equal(paths.get(code) ?? path, path, code);
        paths.set(code, path);
      }
    }
  });
});

describe("draeger-medibus: answers", () => {
  test("resolutions of one quantity are one reading: the one with a value", () => {
    const values = readingsOf(decode([ID, response(0x24, "06    07 12508 14 0B    821.0588    ")]));
    assert.deepEqual(
      values.map(({ code, text: digits, unit }) => [code, digits, unit]),
      [
        ["DRAEGER_COMPLIANCE", "125", "L/bar"],
        ["DRAEGER_RESISTANCE", "14", "mbar.s/L"],
        ["MDC_VOL_AWAY_TIDAL", "1.05", "L"],
      ],
    );
  });

  test("what is no longer sent is no value, never the last one and never 0", () => {
    const [, second] = framesOf(decode([response(0x24, "D6 14 EB 97 "), response(0x24, "D6 15 ")]));
    const saturation = second?.readings.find(({ code }) => code === "MDC_PULS_OXIM_SAT_O2");
    assert.deepEqual(
      { value: saturation?.value, text: saturation?.text, quality: saturation?.quality },
      { value: null, text: "", quality: ["unavailable"] },
    );
  });

  test("another device on the line owes no value that the first one gave", () => {
    const other = response(0x52, "8260'EvitaXL'05.00:04.00");
    const frames = framesOf(
      decode([ID, response(0x24, "EB 97 "), other, response(0x24, "D6 15 ")]),
    );
    assert.deepEqual(
      frames.at(-1)?.readings.map(({ code }) => code),
      ["MDC_RESP_RATE"],
    );
  });

  test("a code with two meanings keeps its number as name until the device or the option says which", () => {
    const first = response(0x24, "06 4.5");
    assert.deepEqual(codesOf(decode([first])), ["DRAEGER_CP1_06"]);
    assert.deepEqual(codesOf(decode([ID, first])), ["DRAEGER_COMPLIANCE"]);
    assert.deepEqual(codesOf(decode([first, ID, first])), ["DRAEGER_CP1_06", "DRAEGER_COMPLIANCE"]);
    const stranger = response(0x52, "9999'Machine'01.00:06.00");
    assert.deepEqual(codesOf(decode([stranger, first])), ["DRAEGER_CP1_06"]);
    assert.deepEqual(codesOf(decode([first], { profile: "medibus.x" })), ["DRAEGER_MV_INSP"]);
  });

  test("names, sex and age of a patient and alarms are not given on; unknown texts neither", () => {
    const outputs = decode([
      response(0x2a, text(["60", "Erika"], ["61", "Muster"], ["42", "female"], ["F7", "Bed 4"])),
      response(0x29, "4A  71 "),
      response(0x27, "I10PAW HIGH    "),
      response(0x2e, "O95EVITA STDBY "),
      response(0x23, "119MIN VOL LOW "),
      response(0x2a, text(["5D", "Audio pause active"])),
    ]);
    assert.deepEqual(readingsOf(outputs), []);
    assert.doesNotMatch(JSON.stringify(outputs), /Erika|Muster|female|Bed 4|71|PAW|STDBY|pause/);
  });

  test("values of a simulating device are demo, of one under test are test, until it says otherwise", () => {
    const data = response(0x24, "D6 14 ");
    const outputs = decode([
      data,
      response(0x2a, text(["62", "SIMULATION ON"])),
      data,
      response(0x2a, text(["12", "Mode DS"])),
      data,
      response(0x2a, text(["01", "Mode IPPV"])),
      data,
    ]);
    const rates = readingsOf(outputs).filter(({ code }) => code === "MDC_RESP_RATE");
    assert.deepEqual(
      rates.map(({ quality }) => quality),
      [["valid"], ["demo"], ["test"], ["valid"]],
    );
  });

  test("a command in the middle of a response loses neither (another program loses the response)", () => {
    const data = response(0x24, "D6 14 EB 97 ");
    for (let place = 1; place < data.length; place += 1) {
      const bytes = [...data.slice(0, place), ...command(0x30), ...data.slice(place)];
      const outputs = decoder().push(Uint8Array.from(bytes), 0);
      assert.deepEqual(codesOf(outputs), ["MDC_RESP_RATE", "MDC_PULS_OXIM_SAT_O2"], `at ${place}`);
      assert.deepEqual(asksOf(outputs), [["acknowledge", "\x01031\r"]]);
      assert.ok(outputs.every(({ kind }) => kind !== "fault"));
    }
  });

  test("realtime bytes, DC1, DC3 and CAN may come anywhere and belong to no message", () => {
    const data = response(0x24, "D6 14 EB 97 ");
    for (let place = 0; place <= data.length; place += 1) {
      const bytes = [
        ...data.slice(0, place),
        0xd0,
        0xc0,
        0xc0,
        0x11,
        0x13,
        0x18,
        ...data.slice(place),
      ];
      const outputs = decoder().push(Uint8Array.from(bytes), 0);
      assert.deepEqual(codesOf(outputs), ["MDC_RESP_RATE", "MDC_PULS_OXIM_SAT_O2"], `at ${place}`);
    }
  });

  test("the longest legal response is read, a longer one is given up", () => {
    const records = "D6 14 ".repeat(640);
    assert.equal(response(0x24, records).length, 3845);
    assert.deepEqual(codesOf(decode([response(0x24, records)])), ["MDC_RESP_RATE"]);
    const outputs = decode([response(0x24, `${records}EB 97 `), response(0x24, "EB 98 ")]);
    assert.deepEqual(codesOf(outputs), ["MDC_PULS_OXIM_SAT_O2"]);
    const lost = outputs.flatMap((output) => (output.kind === "fault" ? [output.bytes] : []));
    assert.equal(
      lost.reduce((sum, bytes) => sum + bytes, 0),
      3851,
    );
  });
});

function reading(code: string, mdc: number | null, unit: string): Reading {
  const identity = { device: "bed-1/x", boot: "0000000000000000", take: 1, index: 0 };
  const times = { at: 0, clock: "synchronised", deviceAt: null } as const;
  const value = { value: 20, text: "20", unit, quality: ["valid"], path: "" } as const;
  return { kind: "reading", ...identity, code, mdc, ...times, ...value };
}

function decoder(options: DeviceOptions = {}) {
  return driver.open(options, "serial");
}

function decode(messages: readonly Uint8Array[], options: DeviceOptions = {}): Output[] {
  return decoder(options).push(bytesOf(...messages), 1000);
}

function readingsOf(outputs: readonly Output[]): Measured[] {
  return framesOf(outputs)
    .flatMap(({ readings }) => readings)
    .filter(({ path }) => !path.startsWith("1.0."));
}

function codesOf(outputs: readonly Output[]): string[] {
  return readingsOf(outputs).map(({ code }) => code);
}

function asksOf(outputs: readonly Output[]): [string, string][] {
  return outputs.flatMap((output): [string, string][] =>
    output.kind === "ask" ? [[output.verb, Buffer.from(output.bytes).toString("latin1")]] : [],
  );
}

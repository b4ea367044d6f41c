import assert from "node:assert/strict";
import { test } from "node:test";

import { driver } from "../../../gateway/devices/masimo-ascii1/driver.ts";
import { decodeWhole, framesOf } from "./captures.ts";

function outputsOf(text: string, options = {}) {
  return decodeWhole(driver, Buffer.from(text, "latin1"), { options });
}

/** The value of each reading of the only frame by its code; "none" for no value. */
function read(line: string, options = {}): Record<string, unknown> {
  const outputs = outputsOf(`${line}\r\n`, options);
  const [frame] = framesOf(outputs);
  assert.equal(outputs.length, 1, JSON.stringify(outputs));
  return Object.fromEntries(
    frame!.readings.map(({ code, value, quality }) => [
      code.replace(/^(?:MDC_PULS_OXIM|MASIMO)_/, ""),
      value === null ? "none" : quality[0] === "valid" ? value : `${value} ${quality.join()}`,
    ]),
  );
}

const RAD8 =
  "05/20/21 14:06:02 SN=0000012345 SPO2=098% BPM=101 PI=04.25% SPCO=--.-% SPMET=--.-% DESAT=-- PIDELTA=+-- ALARM=0000 EXC=000800";

test("lines as public sources print them are read, the first already", () => {
  // Rad-8 without a sensor: remkolems/masimo-datacapture. It has no PI, and a percent sign after BPM.
  assert.deepEqual(
    read(
      "03/19/16 13:37:12 SN=0000012345 SPO2=---% BPM=---% DESAT=-- PIDELTA=+-- ALARM=0000 EXC=000001",
    ),
    {
      SAT_O2: "none",
      PULS_RATE: "none",
      DESAT: "none",
      PIDELTA: "none",
      ALARM: "0000",
      EXC: "000001",
    },
  );
  // Radical-7 and Radical-5: MD PnP's poxrad_discrete.h.
  const radical7 = read(
    "12/01/05 11:56:29 SN=0123456789 SPO2=098% BPM=240 PI=20.00% SPCO=01.0% SPMET=00.5% DESAT=01 PIDELTA=-02 PVI=027 ALARM=0000 EXC=000800",
  );
  assert.deepEqual(radical7, {
    SAT_O2: 98,
    PULS_RATE: 240,
    PERF_REL: 20,
    SPCO: 1,
    SPMET: 0.5,
    PVI: 27,
    DESAT: 1,
    PIDELTA: -2,
    ALARM: "0000",
    EXC: "000800",
  });
  assert.deepEqual(read("09/15/10 15:10:29 SPO2=097% BPM=064 PI=11.82% ALARM=20 EXC=800"), {
    SAT_O2: 97,
    PULS_RATE: 64,
    PERF_REL: 11.82,
    ALARM: "20",
    EXC: "800",
  });
  // Radical-7 service manual: a blank before the end.
  const blue =
    "05/15/07 08:12:21 SN=0000012345 SPO2=---% BPM=--- PI=--.--% SPCO=--.-% SPMET=--.-% DESAT=-- PIDELTA=+-- PVI=--- ALARM=0000 EXC=000000 ";
  assert.equal(read(blue)["EXC"], "000000");
});

test("with the sensor off some software holds the last numbers: they are none", () => {
  const off = read(RAD8.replace("PI=04.25", "PI=--.--").replace("EXC=000800", "EXC=000824"));
  assert.deepEqual([off["SAT_O2"], off["PULS_RATE"], off["PERF_REL"]], ["none", "none", "none"]);
});

test("zeros are no measurement, even where EXC says nothing", () => {
  const zeros = read(
    RAD8.replace("=098%", "=000%").replace("=101", "=000").replace("04.25", "00.00"),
  );
  assert.deepEqual(
    [zeros["SAT_O2"], zeros["PULS_RATE"], zeros["PERF_REL"]],
    ["none", "none", "none"],
  );
});

test("percent signs may be there or not", () => {
  const without = RAD8.replaceAll("%", "");
  assert.equal(read(without)["SAT_O2"], 98);
  assert.equal(framesOf(outputsOf(`${RAD8}\r\n${without}\r\n${RAD8}\r\n`)).length, 3);
});

test("bits of EXC beyond the manual's: cables and calibration", () => {
  // Known models only, so these come after a line with the same shape.
  const shown = (exceptions: string) => {
    const text = `${RAD8}\r\n${RAD8.replace("000800", exceptions)}\r\n`;
    const reading = framesOf(outputsOf(text))[1]?.readings[0];
    return `${reading?.value} ${reading?.quality.join()}`;
  };
  assert.equal(shown("001800"), "null unavailable");
  assert.equal(shown("010800"), "null unavailable");
  assert.equal(shown("000900"), "null unavailable");
  assert.equal(shown("020800"), "98 calibrating");
  assert.equal(shown("080800"), "98 questionable");
  assert.equal(shown("002800"), "98 valid");
});

test("low confidence in SpCO or SpMet concerns that value only", () => {
  const rainbow = RAD8.replace("SPCO=--.-", "SPCO=03.0").replace("SPMET=--.-", "SPMET=00.7");
  const text = `${rainbow}\r\n${rainbow.replace("000800", "200800")}\r\n`;
  const qualities = framesOf(outputsOf(text))[1]?.readings.map(({ quality }) => quality[0]);
  assert.deepEqual(qualities?.slice(0, 5), ["valid", "valid", "valid", "questionable", "valid"]);
});

test("a unit that is printed behind SpHb wins over the option", () => {
  const unitOf = (printed: string, options = {}) => {
    const line = RAD8.replace(" DESAT", ` SPHB=${printed} DESAT`);
    const [frame] = framesOf(outputsOf(`${line}\r\n`, options));
    const hemoglobin = frame?.readings.find(({ code }) => code === "MASIMO_SPHB");
    return `${hemoglobin?.text} ${hemoglobin?.unit}`;
  };
  assert.equal(unitOf("12.4"), "12.4 g/dL");
  assert.equal(unitOf("07.4", { "hemoglobin-unit": "mmol/L" }), "07.4 mmol/L");
  assert.equal(unitOf("07.4mmol/L"), "07.4 mmol/L");
  assert.equal(unitOf("12.4g/dl", { "hemoglobin-unit": "mmol/L" }), "12.4 g/dL");
});

test("fill bytes before a line, blank lines and more blanks are no faults", () => {
  const text = `\0\0\0${RAD8}\n\n\0${RAD8.replace(" SPO2", "  SPO2")} \r\n\0\r\n${RAD8}\r\n`;
  const outputs = outputsOf(text);
  assert.equal(framesOf(outputs).length, 3);
  assert.ok(outputs.every(({ kind }) => kind !== "fault"));
});

test("a fill byte inside a line is damage", () => {
  const outputs = outputsOf(`${RAD8.replace("BPM", "B\0PM")}\r\n`);
  assert.deepEqual(
    outputs.map(({ kind }) => kind),
    ["fault"],
  );
});

test("lines of a stored trend are old, and refused", () => {
  const trend = "09/21/08 09:56:12 SpO2=097 PR=069 PI=04.69 EXC=800:SET";
  assert.deepEqual(framesOf(outputsOf(`${trend}\r\n${trend}\r\n`)), []);
  const bare = trend.replace(":SET", "");
  assert.deepEqual(framesOf(outputsOf(`${bare}\r\n${bare}\r\n`)), []);
});

test("a model with keys of its own is read from its second line on, the first line included", () => {
  const own = RAD8.replace(" ALARM", " RRa=014 ALARM");
  const rates = (text: string) =>
    framesOf(outputsOf(text)).map(({ readings }) => readings[1]?.value);
  assert.deepEqual(rates(`${own}\r\n${own.replace("101", "102")}\r\n`), [101, 102]);
  assert.deepEqual(rates(`${own}\r\n`), []);
  // Once a shape is known, a single line with another one is damage.
  assert.deepEqual(rates(`${RAD8}\r\n${own}\r\n${own.replace("101", "102")}\r\n`), [101, 102]);
});

test("a piece of a line lost in an overrun joins no two values", () => {
  // SPO2=0 and 01 of the pulse rate would make SPO2=001.
  const joined = RAD8.replace("98% BPM=1", "");
  assert.match(joined, /SPO2=001 PI/);
  assert.equal(framesOf(outputsOf(`${RAD8}\r\n${joined}\r\n${RAD8}\r\n`)).length, 2);
});

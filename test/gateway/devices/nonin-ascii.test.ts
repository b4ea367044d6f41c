import assert from "node:assert/strict";
import { test } from "node:test";

import { driver } from "../../../gateway/devices/nonin-ascii/driver.ts";
import { decodeWhole } from "./captures.ts";

/** What the driver makes of lines: "98 72" for a frame, the fault word for a fault. */
function decode(...lines: string[]): string[] {
  const bytes = Buffer.from(lines.map((line) => `${line}\r\n`).join(""), "latin1");
  return decodeWhole(driver, bytes, { options: {} }).map((output) => {
    if (output.kind === "fault") {
      return output.fault;
    }
    assert.equal(output.kind, "frame");
    return output.readings
      .map(({ value, text }) =>
        value === null ? "none" : typeof value === "number" ? text : value,
      )
      .join(" ");
  });
}

test("each form that the manuals print is read", () => {
  // 2500, 8500, Avant 9600; 8600V and 9847; fast values of the Avant; event marks of the 9847 and BT4000; breath of the 9847.
  assert.deepEqual(
    decode(
      "SPO2=098 HR=072",
      "14:05:09 SPO2=098 HR=072",
      "SPO2=098 HR=072 F",
      "SPO2=098 HR=072*",
      "14:05:09 SPO2=098 HR=072 B",
      "SPO2=--- HR=---",
    ),
    ["098 072", "098 072", "098 072 fast", "098 072 marked", "098 072 detected", "none none"],
  );
});

test("numbers filled with blanks are as good as with zeros", () => {
  assert.deepEqual(decode("SPO2= 98 HR=  9", "SPO2=100 HR=100"), ["98 9", "100 100"]);
});

test("spacing, case and the order of marks make no difference", () => {
  assert.deepEqual(decode("spo2=098  hr=072   ", "SPO2=098 HR=072 * F", "SPO2=098 HR=072F*"), [
    "098 072",
    "098 072 marked fast",
    "098 072 marked fast",
  ]);
});

test("zero is no measurement", () => {
  assert.deepEqual(decode("SPO2=000 HR=000", "SPO2=000 HR=071"), ["none none", "none 071"]);
});

test("headings of any model are no faults, and pieces of lines are", () => {
  assert.deepEqual(
    decode("NONIN 2500", "DATE 11/23/26 TIME 10:32", "11/23/26 10:32:07", "SPO2=098 HR=072"),
    ["098 072"],
  );
  assert.deepEqual(decode("=098 HR=072", "R=072", "72", "SPO2=098", "SPO2=098 HR="), [
    "framing",
    "framing",
    "framing",
    "framing",
    "framing",
  ]);
});

test("a lost digit is noticed, as the numbers have three places", () => {
  assert.deepEqual(decode("SPO2=098 HR=072", "SPO2=98 HR=072", "SPO2=098 HR=72", "SPO2=98 HR=72"), [
    "098 072",
    "framing",
    "framing",
    "framing",
  ]);
});

test("a line that fills up one number and not the other has lost a digit, also as the first one", () => {
  assert.deepEqual(
    decode("SPO2=98 HR=065", "SPO2=098 HR=06", "SPO2=100 HR=06", "SPO2=  98 HR=065"),
    ["framing", "framing", "framing", "framing"],
  );
});

test("a device that never fills its numbers is believed at the second line, and then the first as well", () => {
  assert.deepEqual(decode("SPO2=98 HR=72", "SPO2=97 HR=72", "SPO2=97 HR=101"), [
    "98 72",
    "97 72",
    "97 101",
  ]);
  assert.deepEqual(decode("SPO2=98 HR=72"), ["framing"]);
  assert.deepEqual(decode("SPO2=98 HR=72", "SPO2=097 HR=072"), ["framing", "097 072"]);
});

test("blanks and zero bytes before a line, and hours of one digit, are no damage", () => {
  assert.deepEqual(
    decode("\0\0SPO2=098 HR=072", "  SPO2=098 HR=072", " 9:05:09 SPO2=098 HR=072", "\0"),
    ["098 072", "098 072", "098 072"],
  );
  assert.deepEqual(decode("SPO2=0\x0098 HR=072"), ["noise"]);
});

test("a number that nobody can have gives up its line", () => {
  assert.deepEqual(decode("SPO2=101 HR=072", "SPO2=098 HR=511"), ["out-of-range", "out-of-range"]);
});

test("one mark twice is damage", () => {
  assert.deepEqual(decode("SPO2=098 HR=072**", "SPO2=098 HR=072 F F"), ["framing", "framing"]);
});

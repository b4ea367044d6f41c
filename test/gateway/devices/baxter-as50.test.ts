import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { DeviceOptions, Output } from "../../../gateway/devices/device.ts";
import { encodeMessage } from "../../../gateway/devices/baxter-as50/as50-frames.ts";
import { driver } from "../../../gateway/devices/baxter-as50/driver.ts";
import { decodeWhole, framesOf } from "./captures.ts";

/** Messages with the checksums that OpenICE prints; the first is the maker's own example (219 107). */
const KNOWN: Readonly<Record<string, string>> = {
  RESEND: "db6b",
  "STATUS?": "c34b",
  "DEV?": "8b1c",
  "PRIRATE?": "3444",
  EXIT: "bbee",
  "BOLRAT?": "1278",
  "BOLSIZ?": "26eb",
  "LBOLUS?": "37b7",
};
const ORDERS = [
  "PRIRATE=5.0",
  "PRIVTBI=40.0",
  "BOLSIZ=2.0",
  "BOLRAT=60.0",
  "BOLST",
  "EXIT",
  "RESEND",
  "STATUS=",
  "PRIRATE?=5",
];

/** Apart from the driver: the checksum, bit by bit. */
function message(text: string): Buffer {
  const bytes = Buffer.from(`[${text}]`, "latin1");
  let register = 0;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit -= 1) {
      const top = (register >> 15) ^ ((byte >> bit) & 1);
      register = ((register << 1) & 0xff_ff) ^ (top === 1 ? 0x10_21 : 0);
    }
  }
  return Buffer.concat([bytes, Buffer.of(register >> 8, register & 0xff)]);
}

function decode(texts: readonly string[], options: DeviceOptions = {}): Output[] {
  return decodeWhole(driver, Buffer.concat(texts.map(message)), { options });
}

function read(texts: readonly string[], options: DeviceOptions = {}): string[] {
  const readings = framesOf(decode(texts, options)).flatMap((frame) => frame.readings);
  return readings.map(({ code, value, unit }) => `${code} ${value} ${unit}`);
}

describe("Baxter AS50", () => {
  test("messages have the published checksums", () => {
    for (const [text, check] of Object.entries(KNOWN)) {
      assert.equal(Buffer.from(encodeMessage(text)).toString("hex").slice(-4), check, text);
      assert.equal(message(text).toString("hex").slice(-4), check, text);
    }
  });

  test("each verb is one question, and every order is refused by all of them", () => {
    const questions = Object.keys(KNOWN).filter((text) => text.endsWith("?"));
    assert.equal(driver.verbs.length, questions.length);
    for (const verb of driver.verbs) {
      assert.equal(questions.filter((text) => verb.matches(message(text))).length, 1, verb.verb);
      for (const order of ORDERS) {
        assert.equal(verb.matches(message(order)), false, `${verb.verb}: ${order}`);
      }
      for (const question of questions) {
        assert.equal(verb.matches(message(question).subarray(0, -1)), false);
        assert.equal(verb.matches(Buffer.concat([message(question), message("PRIRATE=9")])), false);
        assert.equal(verb.matches(Buffer.concat([message("BOLST"), message(question)])), false);
      }
    }
  });

  test("answers are read with the pump's own digits, in the unit of the option", () => {
    assert.deepEqual(read(["PRIRATE=5.0", "PRIVTBI=40.0", "STATUS=RUN"]), [
      "MDC_FLOW_FLUID_PUMP 5 mL/h",
      "MDC_VOL_FLUID_TBI 40 mL",
      "BAXTER_STATUS RUN 1",
    ]);
    assert.deepEqual(read(["PRIRATE=.5"], { "rate-unit": "mL/min" }), [
      "MDC_FLOW_FLUID_PUMP 0.5 mL/min",
    ]);
    assert.deepEqual(read(["PRIRATE=5"], { "rate-unit": "unknown" }), ["BAXTER_PRIRATE 5 "]);
  });

  test("no number is no value, and what is no plain number is told", () => {
    assert.deepEqual(read(["PRIRATE=", "BOLSIZ=---"]), [
      "MDC_FLOW_FLUID_PUMP null mL/h",
      "BAXTER_BOLSIZ null ",
    ]);
    const outputs = decode(["PRIRATE=5.0 ML/HR", "PRIRATE=1.2.3"]);
    assert.deepEqual(
      outputs.map((output) => output.kind === "fault" && output.fault),
      ["unknown-field", "unknown-field"],
    );
  });

  test("an order looks like an answer, and is not used where a host is heard", () => {
    assert.deepEqual(read(["STATUS?", "STATUS=RUN", "PRIRATE=9.0", "ACK"]), [
      "BAXTER_STATUS RUN 1",
    ]);
    assert.deepEqual(read(["PRIRATE?", "PRIRATE=9.0"]), ["MDC_FLOW_FLUID_PUMP 9 mL/h"]);
    assert.deepEqual(read(["PRIRATE?", "BOLSIZ=9.0", "ACK"]), []);
  });

  test("a refusal after a question that was heard is no value; else only that it refused is known", () => {
    assert.deepEqual(read(["PRIRATE?", "REJECT"]), ["MDC_FLOW_FLUID_PUMP null mL/h"]);
    const [fault] = decode(["REJECT 4"]);
    assert.deepEqual(fault, {
      kind: "fault",
      fault: "refused",
      bytes: 0,
      text: 'the pump says "REJECT 4"',
    });
  });

  test("messages that are not known are passed over", () => {
    assert.deepEqual(decode(["ACK", "RESEND", "FOO=1", "hello", ""]), []);
  });
});

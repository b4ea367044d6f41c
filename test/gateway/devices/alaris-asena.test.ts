import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { Output } from "../../../gateway/devices/device.ts";
import { driver } from "../../../gateway/devices/alaris-asena/driver.ts";
import { encodeQuestion } from "../../../gateway/devices/alaris-asena/asena-frames.ts";
import { decodeWhole, framesOf } from "./captures.ts";

/** Printed, with their checksums, in the sources of two public programs. */
const QUESTIONS = {
  "ask-infusion": "!INF|4961\r",
  "ask-serial-number": "!INST_SERIALNO|457D\r",
  "ask-volume-to-infuse": "!INF_VTBI|8456\r",
  "ask-syringe": "!SYRINGE_STATUS|4102\r",
};
const ORDERS = [
  "!REMOTE_CTRL^ENABLED^3CC1|B1F1\r",
  "!REMOTE_CTRL^ENABLED^9535|FB2F\r",
  "!REMOTE_CTRL^DISABLED|EF95\r",
  "!INF_RATE^3.50^ml/h|3885\r",
  "!INF_RATE^0.10^ml/h|D407\r",
  "!INF_START|38F3\r",
  "!INF_STOP|CD57\r",
  "!INF_VTBI^ACTIV^11.000^ml^STOP|4433\r",
  "!INF_VTBI^DEACT|D8C5\r",
  "!INF_VI_CLEAR|A706\r",
  "!INF_BOLUS^ENABLED|E288\r",
  "!REMQUERY^DEACT|F295\r",
  "!COMMS_PROTOCOL|E8DA\r",
  "!ALARM|50B2\r",
];
/** What a pump answered to INF while an occlusion held the infusion. */
const HELD = "!INF^8002-51733^A^HLD^0.00^ml/h^^0.969^ml^530.15^mmHg^00:04:09^EVENT^214725|DB9D\r";

/** Apart from the driver: the checksum, bit by bit. */
function message(text: string): string {
  let register = 0xff_ff;
  for (const byte of Buffer.from(text)) {
    for (let bit = 7; bit >= 0; bit -= 1) {
      const top = (register >> 15) ^ ((byte >> bit) & 1);
      register = ((register << 1) & 0xff_ff) ^ (top === 1 ? 0x10_21 : 0);
    }
  }
  return `!${text}|${register.toString(16).toUpperCase().padStart(4, "0")}\r`;
}

function decode(text: string): Output[] {
  return decodeWhole(driver, Buffer.from(text, "latin1"), { options: {} });
}

function valuesOf(text: string): Record<string, unknown> {
  const readings = framesOf(decode(text)).flatMap((frame) => frame.readings);
  return Object.fromEntries(readings.map(({ code, value }) => [code, value]));
}

function faultsOf(outputs: readonly Output[]): string[] {
  return outputs.flatMap((output) => (output.kind === "fault" ? [output.fault] : []));
}

describe("Alaris Asena", () => {
  test("questions have the published checksums", () => {
    for (const question of Object.values(QUESTIONS)) {
      const [name = ""] = question.slice(1).split("|");
      assert.equal(Buffer.from(encodeQuestion(name)).toString("latin1"), question);
      assert.equal(message(name), question);
    }
  });

  test("each verb is one question, and every known order is refused by all of them", () => {
    for (const read of driver.verbs) {
      for (const [name, question] of Object.entries(QUESTIONS)) {
        const isIts = read.verb === name;
        assert.equal(read.matches(Buffer.from(question)), isIts, `${read.verb}: ${question}`);
      }
      for (const order of ORDERS) {
        assert.equal(read.matches(Buffer.from(order)), false, `${read.verb}: ${order}`);
      }
    }
  });

  test("no verb takes a question with anything added, changed or left out", () => {
    const questions = Object.values(QUESTIONS);
    const damaged = questions.flatMap((question) => [
      `${question}!INF_STOP|CD57\r`,
      `!INF_STOP|CD57\r${question}`,
      question.slice(0, -1),
      question.slice(1),
      question.toLowerCase(),
      question.replace("|", "^0|"),
      `${question}\n`,
    ]);
    for (const read of driver.verbs) {
      assert.ok(damaged.every((text) => !read.matches(Buffer.from(text))));
    }
  });

  test("what a real pump answered is read, with the digits it printed", () => {
    const [identity, frame] = decode(HELD);
    assert.deepEqual(identity, { kind: "identity", serial: "8002-51733" });
    assert.equal(frame?.kind, "frame");
    const read = frame.readings.map(({ code, text, unit }) => `${code} ${text} ${unit}`);
    assert.deepEqual(read, [
      "MDC_FLOW_FLUID_PUMP 0.00 mL/h",
      "MDC_VOL_FLUID_DELIV 0.969 mL",
      "ALARIS_PRESSURE 530.15 mm[Hg]",
      "ALARIS_MODE HLD 1",
      "ALARIS_TIME_REMAINING 00:04:09 1",
      "ALARIS_ALARM_FLAG A 1",
    ]);
  });

  test("the checksum may be in small letters, and must be right", () => {
    assert.equal(framesOf(decode(HELD.replace("DB9D", "db9d"))).length, 1);
    assert.deepEqual(faultsOf(decode(HELD.replace("DB9D", "DB9E"))), ["checksum"]);
    assert.deepEqual(faultsOf(decode(HELD.replace("|DB9D", "|DB 9D"))), ["checksum"]);
    assert.deepEqual(faultsOf(decode(HELD.replace("|", "/"))), ["checksum"]);
  });

  test("an empty field is no value, never 0", () => {
    assert.equal(
      valuesOf(message("INF^8002-1^-^SET^^ml/h^^^ml^^mmHg^^EVENT^1"))["ALARIS_MODE"],
      "SET",
    );
    const values = valuesOf(message("INF^8002-1^-^SET^^ml/h^^^ml^^mmHg^^EVENT^1"));
    assert.equal(values["MDC_FLOW_FLUID_PUMP"], null);
    assert.equal(values["MDC_VOL_FLUID_DELIV"], null);
    assert.equal(values["ALARIS_PRESSURE"], null);
    assert.equal(valuesOf(message("INF_VTBI^DEACT^^^"))["MDC_VOL_FLUID_TBI"], null);
    assert.equal(valuesOf(message("INF_VTBI^DEACT^5.000^ml^STOP"))["MDC_VOL_FLUID_TBI"], null);
  });

  test("a rate in a unit that is not known is left out and told", () => {
    const text = message("INF^8002-1^-^SET^4.00^ng/kg/min^^1.0^ml^10^kPa^24+^EVENT^1");
    assert.deepEqual(faultsOf(decode(text)), ["unknown-field"]);
    assert.equal("MDC_FLOW_FLUID_PUMP" in valuesOf(text), false);
    assert.equal(valuesOf(text)["ALARIS_PRESSURE"], 10);
  });

  test("an order looks like an answer, and is used only where no host is heard", () => {
    const order = message("INF_VTBI^ACTIV^11.000^ml^STOP");
    assert.equal(valuesOf(order)["MDC_VOL_FLUID_TBI"], 11);
    assert.deepEqual(valuesOf(QUESTIONS["ask-serial-number"] + order), {});
    assert.equal(valuesOf(QUESTIONS["ask-volume-to-infuse"] + order)["MDC_VOL_FLUID_TBI"], 11);
    const rate = message("INF_RATE^99.00^ml/h");
    assert.equal(valuesOf(rate)["MDC_FLOW_FLUID_PUMP"], 99);
    assert.deepEqual(valuesOf(QUESTIONS["ask-infusion"] + rate), {});
  });

  test("answers to questions of others are read, orders without a field are passed over", () => {
    assert.equal(valuesOf(message("INF_VI^0.969^ml"))["MDC_VOL_FLUID_DELIV"], 0.969);
    const known = [
      "!COMMS_PROTOCOL^Asena Rev 2.1.5|661A\r",
      "!REMOTE_CTRL^ENABLED^****^PERMIT^0^ms|7BB0\r",
      "!ALARM^AL_NOALM^ ^ |C73B\r",
      "!INF_START|38F3\r",
    ];
    assert.deepEqual(decode(known.join("")), []);
  });

  test("another pump on the same port is told once", () => {
    const other = message("INST_SERIALNO^8002-51740");
    const serials = decode(HELD + HELD + other + other).flatMap((output) =>
      output.kind === "identity" ? [output.serial] : [],
    );
    assert.deepEqual(serials, ["8002-51733", "8002-51740"]);
  });

  test("a pump that answers everything but INF is told of in plain words, once", () => {
    const decoder = driver.open({ interval: 2 }, "serial");
    const faults: Output[] = [];
    for (let at = 0; at < 60_000; at += 100) {
      for (const output of decoder.tick(at)) {
        const question = output.kind === "ask" ? Buffer.from(output.bytes).toString() : "";
        if (question === QUESTIONS["ask-volume-to-infuse"]) {
          decoder.push(Buffer.from(message("INF_VTBI^DEACT^^^")), at + 50);
        }
        faults.push(...(output.kind === "fault" ? [output] : []));
      }
    }
    assert.deepEqual(faultsOf(faults), ["no-answer"]);
    assert.match(JSON.stringify(faults), /remote control, which this gateway never does/);
  });

  test("a pump that answers nothing is only silent", () => {
    const decoder = driver.open({ interval: 2 }, "serial");
    for (let at = 0; at < 60_000; at += 100) {
      assert.ok(decoder.tick(at).every(({ kind }) => kind === "ask"));
    }
  });
});

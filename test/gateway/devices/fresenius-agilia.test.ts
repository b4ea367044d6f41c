import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { Output } from "../../../gateway/devices/device.ts";
import { driver } from "../../../gateway/devices/fresenius-agilia/driver.ts";
import { decodeWhole, framesOf } from "./captures.ts";

/** Apart from the driver: STX, text, FF less the sum, ETX. */
function message(text: string): Buffer {
  const sum = Buffer.from(text).reduce((total, byte) => total + byte, 0);
  const check = (~sum & 0xff).toString(16).toUpperCase().padStart(2, "0");
  return Buffer.from(`\u0002${text}${check}\u0003`, "latin1");
}

function decode(...pieces: readonly (string | Buffer)[]): Output[] {
  const bytes = pieces.map((piece) => (typeof piece === "string" ? message(piece) : piece));
  return decodeWhole(driver, Buffer.concat(bytes), { options: {} });
}

function read(...pieces: readonly (string | Buffer)[]): string[] {
  const readings = framesOf(decode(...pieces)).flatMap((frame) => frame.readings);
  return readings.map(({ code, text, unit, path }) => `${path} ${code} ${text} ${unit}`);
}

/** What the driver sends at once when it hears something, in hex. */
function answers(...pieces: readonly (string | Buffer)[]): string[] {
  const decoder = driver.open({ interval: 2 }, "serial");
  return pieces
    .flatMap((piece) => decoder.push(typeof piece === "string" ? message(piece) : piece, 0))
    .flatMap((output) =>
      output.kind === "ask" ? [`${output.verb} ${Buffer.from(output.bytes).toString("hex")}`] : [],
    );
}

const ALLOWED = [
  "0DC",
  "DC",
  "3DC",
  "0LE;b",
  "1LE;drmae",
  "8LE;d",
  "LE;r",
  "1LF;b",
  "2LP",
  "1E",
  "M",
];
const ORDERS = [
  "1PR;0064",
  "PR;0064",
  "1PB;0064;0100",
  "1PO",
  "1OF",
  "1MO;2",
  "1RZ",
  "1RV",
  "1PV;0100",
  "1PP;3",
  "1PS;1",
  "1PF",
  "1EP;NORADRENALINE",
  "1EN;1",
  "1AP",
  "1SI",
  "1DM;d",
  "1AM",
  "1FC",
  "1DE;d",
  "1AE",
  "1LN",
  "0LE;d",
  "9DC",
  "1LE;z",
  "1DC;1",
  "1LE;dPR",
];

describe("Fresenius Agilia and Orchestra", () => {
  test("a session with the base is opened with the known bytes, then one with a single pump is tried", () => {
    const decoder = driver.open({ interval: 2 }, "serial");
    const asked = [0, 500, 1000, 2000, 3000, 4000].flatMap((at) => decoder.tick(at));
    const sent = asked.map((ask) =>
      ask.kind === "ask" ? Buffer.from(ask.bytes).toString("hex") : "",
    );
    assert.deepEqual(sent, ["02304443343803", "024443373803", "02304443343803"]);
  });

  test("verbs take what reads, and refuse every order and everything else", () => {
    const taken = (bytes: Buffer): boolean => driver.verbs.some((verb) => verb.matches(bytes));
    for (const text of ALLOWED) {
      assert.equal(taken(message(text)), true, text);
      assert.equal(taken(message(text).subarray(1)), false);
      assert.equal(taken(Buffer.concat([message(text), message("1PO")])), false);
      assert.equal(taken(Buffer.concat([message("1PO"), message(text)])), false);
    }
    for (const order of ORDERS) {
      assert.equal(taken(message(order)), false, order);
    }
    const wrong = message("0DC");
    wrong[4]! ^= 1;
    assert.equal(taken(wrong), false, "a wrong checksum");
    assert.equal(taken(Buffer.from([0x06])), true);
    assert.equal(taken(Buffer.from([0x15, 0x32])), true);
    assert.equal(taken(Buffer.from([0x14])), true);
    for (const signs of [[0x05], [0x06, 0x06], [0x15], [0x15, 0x31], [0x02], [0x1b]]) {
      assert.equal(taken(Buffer.from(signs)), false);
    }
  });

  test("counts in hex are numbers with the digits they stand for", () => {
    assert.deepEqual(read("1C;d0032;r0004D2"), [
      "1.1.1.1 MDC_FLOW_FLUID_PUMP 5.0 mL/h",
      "1.1.1.2 MDC_VOL_FLUID_DELIV 1.234 mL",
    ]);
    assert.deepEqual(read("C;d2EE0;a0001"), [
      "1.1.1.1 MDC_FLOW_FLUID_PUMP 1200.0 mL/h",
      "1.1.1.4 FRESENIUS_ALARM 0001 1",
    ]);
    assert.deepEqual(read("8C;r00FFFFFF"), ["1.8.1.2 MDC_VOL_FLUID_DELIV 16777.215 mL"]);
    assert.deepEqual(read("8C;r00ffffff"), ["1.8.1.2 MDC_VOL_FLUID_DELIV 16777.215 mL"]);
  });

  test("no digits are no value, and a module that is gone has none", () => {
    assert.deepEqual(read("1C;d"), ["1.1.1.1 MDC_FLOW_FLUID_PUMP  mL/h"]);
    for (const nothing of ["d----", "d?", "d", "d "]) {
      assert.deepEqual(read(`1C;${nothing};r0004D2`), [
        "1.1.1.1 MDC_FLOW_FLUID_PUMP  mL/h",
        "1.1.1.2 MDC_VOL_FLUID_DELIV 1.234 mL",
      ]);
    }
    const gone = ["1.2.1.1 MDC_FLOW_FLUID_PUMP  mL/h", "1.2.1.2 MDC_VOL_FLUID_DELIV  mL"];
    assert.deepEqual(read("2I;0E"), gone);
    assert.deepEqual(read("0C;b0003", "0C;b0001"), ["1.0.1.1 FRESENIUS_MODULES 0001 1", ...gone]);
    assert.deepEqual(read("0C;b0003", "0C;b0003"), []);
  });

  test("every message of a pump is acknowledged, reports by name, damaged ones are refused", () => {
    assert.deepEqual(answers("1C;a0000"), ["acknowledge 06"]);
    assert.deepEqual(answers("1E;a0001"), ["acknowledge 06", "acknowledge-event 023145383903"]);
    assert.deepEqual(answers("M;a0001"), ["acknowledge 06", "acknowledge-event 024d423203"]);
    const damaged = message("1C;d0032");
    damaged[6]! ^= 1;
    assert.deepEqual(answers(damaged), ["refuse-damaged 1532"]);
    assert.deepEqual(answers(Buffer.of(0x05)), ["keep-alive 14"]);
  });

  test("what another host says is neither read nor answered", () => {
    const host = ["1LE;d", "1PR;0064", "1MO;2", "0DC", "1E", "1EP;d0064"];
    assert.deepEqual(read(...host), []);
    assert.deepEqual(answers(...host), []);
  });

  test("a drug is only what follows the question for it, and no drug becomes a rate", () => {
    assert.deepEqual(read("1LP", "1C;dopamine"), ["1.1.1.8 FRESENIUS_DRUG dopamine 1"]);
    for (const name of ["BED 7", "d5", "b12", "d0032;r00000000"]) {
      assert.deepEqual(read("1LN", `1C;${name}`), [], name);
    }
    assert.deepEqual(read("1LP", "1E;a0001", "1C;dopamine"), [
      "1.1.1.4 FRESENIUS_ALARM 0001 1",
      "1.1.1.8 FRESENIUS_DRUG dopamine 1",
    ]);
    assert.deepEqual(read("1C;dobutamine"), []);
    assert.deepEqual(read("1LP", "1C;d5"), []);
    assert.deepEqual(answers("1C;d0032").slice(1), ["ask-drug 02314c50333203"]);
  });

  test("an enquiry in the middle of a message is answered and no part of it", () => {
    const whole = message("1C;d0032");
    const torn = Buffer.concat([whole.subarray(0, 5), Buffer.of(0x05, 0x06), whole.subarray(5)]);
    assert.deepEqual(read(torn), read(whole));
    assert.deepEqual(answers(torn).slice(0, 2), ["keep-alive 14", "acknowledge 06"]);
  });

  test("the character after NAK is a reason and no noise", () => {
    assert.deepEqual(decode(Buffer.of(0x15, 0x34), "1C;a0000").length, 1);
    assert.deepEqual(decode(Buffer.of(0x15), "1C;a0000").length, 1);
  });

  test("a changed character is always noticed", () => {
    const whole = message("1C;d0032;r0004D2");
    for (let place = 0; place < whole.length; place += 1) {
      for (let byte = 0x20; byte < 0x7f; byte += 1) {
        const changed = Buffer.from(whole);
        changed[place] = byte;
        const same = byte === whole[place];
        assert.equal(read(changed).length, same ? 2 : 0, `${byte} at ${place}`);
      }
    }
  });

  test("a pump that refuses all variables at once is asked for one after the other", () => {
    const decoder = driver.open({ interval: 2 }, "serial");
    const asked: string[] = [];
    for (let at = 0; at < 20_000; at += 100) {
      const reply = (ask: Output): Output[] => {
        if (ask.kind !== "ask") {
          return [];
        }
        const text = Buffer.from(ask.bytes).toString("latin1").slice(1, -3);
        asked.push(text);
        const replies: Readonly<Record<string, string>> = {
          DC: "C",
          "LE;drmae": "I;0A",
          "LE;d": "C;d0032",
          "LE;r": "C;r0001",
        };
        const found = replies[text];
        return found === undefined ? [] : decoder.push(message(found), at);
      };
      decoder.tick(at).flatMap(reply).forEach(reply);
    }
    assert.ok(asked.includes("LE;drmae"));
    const after = asked
      .slice(asked.indexOf("LE;drmae") + 1)
      .filter((text) => text.startsWith("LE"));
    assert.deepEqual(after.slice(0, 4), ["LE;d", "LE;r", "LE;d", "LE;r"]);
  });
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import * as fc from "fast-check";

import { codeOfTest, fingerprintOf } from "../../../gateway/devices/astm-e1394/astm-code.ts";
import { unitOf } from "../../../gateway/devices/astm-e1394/astm-unit.ts";
import { HEADER, decode, faultsOf, frame, read, result, resultOf } from "./astm-text.ts";
import { framesOf } from "./captures.ts";

describe("ASTM, records", () => {
  test("delimiters come from the header; senseless ones are the usual ones", () => {
    assert.deepEqual(read(frame(1, "H|@^\\|x||Gene^Xpert\rR|1|^MTB^^Xpert^^^rpoB1^Ct|^24.7||\r")), [
      "ASTM_MTB_XPERT_RPOB1_CT=24.7",
    ]);
    assert.deepEqual(read(frame(1, "H*!~'***LAB\rR*1*~~~GLU*5.9*mmol/L\r")), ["ASTM_GLU=5.9"]);
    assert.deepEqual(read(frame(1, "H|\\\\^&|||LAB\rR|1|^^^GLU|5.9\r")), ["ASTM_GLU=5.9"]);
  });

  test("status and flags become qualities; interpretations do not", () => {
    const quality = (flags: string, status: string): string =>
      resultOf(`R|1|^^^A|5|g/L||${flags}||${status}`).quality;
    assert.deepEqual(
      [
        ["", ""],
        ["H", "F"],
        ["LL", "C"],
        ["A", "R"],
        ["", "W"],
        [">", "F"],
        ["<", "F"],
        ["", "P"],
        ["", "S"],
        ["", "V"],
      ].map(([flags = "", status = ""]) => quality(flags, status)),
      [
        "valid",
        "valid",
        "valid",
        "valid",
        "questionable",
        "questionable",
        "questionable",
        "early",
        "early",
        "validated",
      ],
    );
    assert.deepEqual(
      [resultOf("R|1|^^^A|5|g/L||||X").quality, resultOf("R|1|^^^A|5|g/L||||X").value],
      ["unavailable", null],
    );
    assert.deepEqual(
      [resultOf("R|1|^^^A||g/L||||I").quality, resultOf("R|1|^^^A||g/L||||I").value],
      ["ongoing", null],
    );
  });

  test("quality control is marked, by the header or by the order", () => {
    const control = HEADER.replace("|P|1|", "|Q|1|");
    assert.equal(resultOf(result("5.9"), control).quality, "test");
    assert.equal(resultOf(result("5.9"), `${HEADER}\rO|1|C||^^^QC|||||||Q`).quality, "test");
    assert.equal(resultOf("R|1|^^^A|5|||>||W", control).quality, "questionable test");
    const back = frame(
      1,
      `${HEADER}\rO|1|C||^^^QC|||||||Q\r${result("5.8")}\rO|2|S||^^^A|||||||N\r${result("5.9")}\r`,
    );
    const qualities = framesOf(decode(back)).map(({ readings }) => readings[0]?.quality);
    assert.deepEqual(qualities, [["test"], ["valid"]]);
  });

  test("values: numbers keep their digits, blanks and dashes are none, others are words", () => {
    const value = (text: string): unknown => resultOf(`R|1|^^^A|${text}|g/L||||F`).value;
    assert.deepEqual(
      ["5.9", "  5.50", "-2.0", "1.2E+03", ".5"].map(value),
      [5.9, 5.5, -2, 1200, 0.5],
    );
    assert.equal(resultOf("R|1|^^^A|  5.50|g/L||||F").text, "5.50");
    for (const nothing of [
      "",
      "  ",
      "-----",
      "****",
      "++++",
      "++.+",
      ".....",
      "?.....",
      "^",
      "-^",
    ]) {
      assert.equal(value(nothing), null, nothing);
    }
    const words = ["<0.5", "NEGATIVE", "1:80", "+", "+++", "16,920", "1,5,0", "?", "-"];
    assert.deepEqual(words.map(value), [...words.slice(0, -2), null, null]);
    assert.equal(value("^POS"), "POS");
    assert.deepEqual(faultsOf(decode(frame(1, `${HEADER}\rR|1|^^^A|${"x".repeat(121)}\r`))), [
      "unknown-field",
    ]);
  });

  test("a decimal comma is a point, unless it may be one of thousands; a question mark is doubt", () => {
    const shown = (text: string): unknown[] => {
      const { value, text: digits, quality } = resultOf(`R|1|^^^A|${text}|g/L||||F`);
      return [value, digits, quality];
    };
    assert.deepEqual(shown("16,92"), [16.92, "16.92", "valid"]);
    assert.deepEqual(shown("-0,120"), [-0.12, "-0.120", "valid"]);
    assert.deepEqual(shown("7,412"), ["7,412", "7,412", "valid"]);
    assert.deepEqual(shown("?7.412"), [7.412, "7.412", "questionable"]);
  });

  test("a value of a number and a word is two readings; two numbers of which one may be a verdict are one word", () => {
    const all = (value: string): string[] =>
      framesOf(decode(frame(1, `${HEADER}\rR|1|^^^A|${value}|IU/mL||||F\r`))).flatMap(
        ({ readings }) => readings.map(({ code, text, unit }) => `${code} ${text} ${unit}`),
      );
    assert.deepEqual(all("DETECTED^1234"), ["ASTM_A 1234 [IU]/mL", "ASTM_A_WORD DETECTED 1"]);
    assert.deepEqual(all("17.5^2^Positive"), ["ASTM_A 17.5 [IU]/mL", "ASTM_A_WORD 2^Positive 1"]);
    assert.deepEqual(all("-1^0.534"), ["ASTM_A -1^0.534 [IU]/mL"]);
    assert.deepEqual(all("NOT DETECTED^"), ["ASTM_A NOT DETECTED [IU]/mL"]);
    assert.deepEqual(all("^24.7"), ["ASTM_A 24.7 [IU]/mL"]);
  });

  test("escaped delimiters are characters like any other, in values, units, tests and specimens", () => {
    const readings = (text: string): string[] =>
      framesOf(decode(text, { specimen: "keep" })).flatMap((found) =>
        found.readings.map((one) => `${one.code}=${one.text} ${one.unit}`),
      );
    assert.deepEqual(
      readings(
        frame(
          1,
          `${HEADER}\rO|1|A&S&1&F&2\rR|1|^^^A&R&B|4.5|10&S&3/uL\rR|2|^^^C|R&E&D &X41&&X0D&|\rR|3|^^^D|&H&5&N&|\r`,
        ),
      ),
      ["ASTM_SPECIMEN=A^1|2 1", "ASTM_A_B=4.5 10^3/uL", "ASTM_C=R&D A 1", "ASTM_D=5 "],
    );
    assert.deepEqual(readings(frame(1, "H!@^~!!!LAB\rR!1!^^^A!a~F~b~S~c~R~d!\r")), [
      "ASTM_SPECIMEN= 1",
      "ASTM_A=a!b^c@d 1",
    ]);
    for (const text of ["a&b", "a&", "&&", "a&Q&b", "a&S b"]) {
      assert.deepEqual(readings(frame(1, `${HEADER}\rR|1|^^^A|${text}|\r`)), [
        "ASTM_SPECIMEN= 1",
        `ASTM_A=${text} 1`,
      ]);
    }
  });

  test("a word in the place of the status is none", () => {
    assert.equal(resultOf("R|1|HBCT|0.05|||||Positif").quality, "valid");
    assert.equal(resultOf("R|1|HBCT|0.05|||||p").quality, "early");
  });

  test("the time is that of the result, completed before started, and none when it is none", () => {
    const at = (started: string, completed: string): number | null =>
      resultOf(`R|1|^^^A|5|g/L||||F||op|${started}|${completed}`).deviceAt;
    assert.equal(at("20261126080000", "20261126094000"), Date.UTC(2026, 10, 26, 9, 40));
    assert.equal(at("20261126080000", ""), Date.UTC(2026, 10, 26, 8));
    assert.equal(at("", "202611260940"), Date.UTC(2026, 10, 26, 9, 40));
    assert.equal(at("", "20261126"), Date.UTC(2026, 10, 26));
    assert.deepEqual(
      ["", "20261326", "20260230101010", "2026", "x"].map((text) => at("", text)),
      [null, null, null, null, null],
    );
  });

  test("codes tell tests apart and stay within bounds", () => {
    const code = (id: string): string | null => codeOfTest(id, "^");
    assert.deepEqual(
      [
        "^^^HbA1c",
        "^^^^WBC^1",
        "^^^WBC^804-5^1",
        "^^^LYM#^731-0^1",
        "^^^LYM%^736-9^1",
        "^^^413",
        "^^^685/",
        "HBCT",
        "^^^Na+",
        "^^^NRBC?",
        "^MTB-RIF^^Xpert^^^rpoB1^Ct",
      ].map(code),
      [
        "ASTM_HBA1C",
        "ASTM_WBC",
        "ASTM_WBC",
        "ASTM_LYM_NUM",
        "ASTM_LYM_PCT",
        "ASTM_413",
        "ASTM_685",
        "ASTM_HBCT",
        "ASTM_NA_PLUS",
        "ASTM_NRBC_Q",
        "ASTM_MTB_RIF_XPERT_RPOB1_CT",
      ],
    );
    assert.deepEqual(["", "^^^", "^^^//"].map(code), [null, null, null]);
    assert.equal(code("^^^^WBC^2"), "ASTM_WBC_2");
    const [first, second] = [code(`^^^${"LONG".repeat(40)}1`), code(`^^^${"LONG".repeat(40)}2`)];
    assert.ok(first !== second && (first ?? "").length <= 65);
    fc.assert(
      fc.property(fc.string(), (id) => /^ASTM_[A-Z0-9_]{1,60}$/.test(code(id) ?? "ASTM_X")),
    );
  });

  test("units: UCUM stays, few spellings become UCUM, the rest is an annotation", () => {
    const same = ["mmol/L", "10*3/uL", "10^9/L", "g/dL", "U/l", "fL", "pg", "%", "mg/g", "umol/l"];
    assert.deepEqual(same.map(unitOf), same);
    assert.deepEqual(
      [
        "K/uL",
        "T/L",
        "G/l",
        "x10^9/L",
        "mIU/L",
        "uIU/mL",
        "IU/L",
        "mEq/L",
        "mm/hr",
        "mmHg",
        "sec",
        "µg/L",
        "Âµmol/L",
        "pH",
      ].map(unitOf),
      [
        "10*3/uL",
        "10*12/L",
        "10*9/L",
        "10*9/L",
        "m[IU]/L",
        "u[IU]/mL",
        "[IU]/L",
        "meq/L",
        "mm/h",
        "mm[Hg]",
        "s",
        "ug/L",
        "umol/L",
        "[pH]",
      ],
    );
    assert.deepEqual(
      ["1", "10)/mm)", "S/CO", "C", "K", "10E3/uL", "copies per mL", "a{b}c", ""].map(unitOf),
      ["{1}", "{10)/mm)}", "{S/CO}", "{C}", "{K}", "{10E3/uL}", "{copies_per_mL}", "{a_b_c}", ""],
    );
    fc.assert(fc.property(fc.string({ maxLength: 200 }), (unit) => unitOf(unit).length <= 64));
  });
});

describe("ASTM, privacy", () => {
  const SECRET = "ZQXJ";
  /** Everything that names or numbers somebody, in every place the standard has for it. */
  const secrets = [
    `H|\\^&|${SECRET}0|${SECRET}1|LAB|${SECRET}2||${SECRET}3||${SECRET}4|${SECRET}5|P|1|20261126094100`,
    `P|1|${SECRET}|${SECRET}|${SECRET}|${SECRET}^${SECRET}|${SECRET}|19640812${SECRET}|F||${SECRET}||${SECRET}|${SECRET}`,
    `C|1|P|${SECRET}|G`,
    `O|1|${SECRET}^1|${SECRET}^2|^^^GLU|R|||||${SECRET}|N|${SECRET}|${SECRET}||BLOOD|${SECRET}|${SECRET}`,
    `R|1|^^^GLU|5.9|mmol/L|${SECRET}|N||F||${SECRET}^${SECRET}||20261126094000|${SECRET}`,
    `C|1|I|${SECRET}|G`,
    `M|1|${SECRET}`,
    `Q|1|${SECRET}^${SECRET}`,
    `S|1|${SECRET}`,
    "L|1|N",
  ];

  test("nothing about a person leaves the parser, whatever is damaged", () => {
    const whole = `\x05${secrets.map((record, place) => frame((place + 1) % 8, `${record}\r`)).join("")}\x04`;
    const one = `\x05${frame(1, secrets.join("\r"))}\x04`;
    const plain = secrets.join("\r\n");
    for (const text of [whole, one, plain]) {
      assert.deepEqual(read(text), ["ASTM_GLU=5.9"]);
      for (const options of [{}, { listen: true }, { specimen: "hash" }] as const) {
        assert.ok(!JSON.stringify(decode(text, options)).includes(SECRET));
      }
    }
    fc.assert(
      fc.property(
        fc.constantFrom(whole, one),
        fc.nat(),
        fc.integer({ min: 0, max: 255 }),
        (text, place, byte) => {
          const at = place % text.length;
          const damaged = text.slice(0, at) + String.fromCharCode(byte) + text.slice(at + 1);
          assert.ok(!JSON.stringify(decode(damaged)).includes(SECRET));
        },
      ),
      { numRuns: 300 },
    );
  });

  test("the specimen id is dropped, fingerprinted or kept, and belongs to its order", () => {
    const text = frame(
      1,
      [
        HEADER,
        "O|1|S-1^^2||^^^A",
        result("1"),
        "O|2||INST 7|^^^A",
        result("2"),
        "O|3",
        result("3"),
      ].join("\r"),
    );
    const specimens = (specimen: string): unknown[] =>
      framesOf(decode(text, { specimen })).map(({ readings }) =>
        readings[0]?.code === "ASTM_SPECIMEN" ? readings[0].value : "none",
      );
    assert.deepEqual(specimens("drop"), ["none", "none", "none"]);
    assert.deepEqual(specimens("keep"), ["S-1^^2", "INST 7", null]);
    assert.deepEqual(specimens("hash"), [fingerprintOf("S-1^^2"), fingerprintOf("INST 7"), null]);
    assert.equal(fingerprintOf("a"), "af63dc4c8601ec8c");
  });

  test("after a frame was lost the specimen is not known", () => {
    const text =
      frame(1, `${HEADER}\r`) +
      frame(2, "O|1|S-1\r") +
      frame(3, `${result("1")}\r`) +
      frame(5, `${result("2")}\r`);
    const specimens = framesOf(decode(text, { specimen: "keep" })).map(
      ({ readings }) => readings[0]?.value,
    );
    assert.deepEqual(specimens, ["S-1", null]);
  });

  test("a result never belongs to the order of another message, or of one whose frame did not come again", () => {
    const specimens = (text: string): unknown[] =>
      framesOf(decode(text, { specimen: "keep" })).map(({ readings }) => readings[0]?.value);
    const broken = (text: string): string => text.replace("S-2", "S-3");
    const before = [6, 7].map((number) => frame(number, number === 6 ? "O|1|S-1\r" : "C|1|I|x\r"));
    const order = frame(0, "O|2|S-2\r");
    assert.deepEqual(
      [
        specimens([...before, broken(order), frame(1, `${result("1")}\r`)].join("")),
        specimens([...before, broken(order), order, frame(1, `${result("1")}\r`)].join("")),
        specimens([before[0], frame(0, `${result("1")}\r`)].join("")),
        specimens(`\x05${before.join("")}\x04\x05${frame(2, `${result("1")}\r`)}\x04`),
      ],
      [[null], ["S-2"], [null], [null]],
    );
  });
});

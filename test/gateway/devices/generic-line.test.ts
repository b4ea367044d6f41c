import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";

import * as fc from "fast-check";

import type { Output } from "../../../gateway/devices/device.ts";
import { driver } from "../../../gateway/devices/generic-line/driver.ts";
import { parseProtocol } from "../../../gateway/devices/generic-line/line-protocol.ts";
import { optionProblems } from "../../../gateway/devices/option-check.ts";
import { fitsSchema } from "../../fakes/json-schema.ts";

const FOLDER = new URL("../../../gateway/devices/generic-line/", import.meta.url);
const SCHEMA: unknown = JSON.parse(
  readFileSync(new URL("line-protocol.schema.json", FOLDER), "utf8"),
);
const EXAMPLES = readdirSync(new URL("protocols", FOLDER)).map((name) => ({
  name,
  text: readFileSync(new URL(`protocols/${name}`, FOLDER), "utf8"),
}));
const FACTS = { title: "A device", maker: "Maker", model: "M 1", source: "Manual, page 3" };
const WEIGHT = { name: "Weight", place: 1, code: "MAKER_WEIGHT", unit: "kg" };

/** A protocol of comma-separated lines with these fields. */
function separated(fields: readonly object[], more: object = {}): string {
  const message = { name: "m", separator: ",", parts: [1, 9], fields };
  return JSON.stringify({ ...FACTS, messages: [message], ...more });
}

function decode(protocol: string, text: string): Output[] {
  assert.deepEqual(driver.problems?.({ protocol }), []);
  const decoder = driver.open({ protocol }, "serial");
  return [...decoder.push(Buffer.from(text, "latin1"), 0), ...(decoder.end?.(0) ?? [])];
}

/** Code, text and quality of what is read; the word of a fault. */
function read(protocol: string, text: string): string[] {
  return decode(protocol, text).flatMap((output) => {
    switch (output.kind) {
      case "frame":
        return output.readings.map(
          ({ code, value, text: digits, quality }) =>
            `${code} ${typeof value === "string" ? value : digits} ${quality.join("+")}`,
        );
      case "fault":
        return [output.fault];
      default:
        return [output.kind];
    }
  });
}

describe("lines as their devices print them", () => {
  const example = (name: string): string => EXAMPLES.find((one) => one.name === name)?.text ?? "";

  test("the incubator line of the manual, and one with both probes off", () => {
    const protocol = example("ge-giraffe-incubator.json");
    const line =
      "HYB_1.40,36.1,OPEN,28.3,33.0,36.5,100,N,N,C,00,063,D,L,02043,0000,00,43,000,000,03,00\r\n";
    assert.deepEqual(read(protocol, line), [
      "GE_PATIENT_TEMPERATURE_1 36.1 valid",
      "GE_PATIENT_TEMPERATURE_2  unavailable",
      "GE_AIR_TEMPERATURE 28.3 valid",
      "GE_SET_AIR_TEMPERATURE 33.0 valid",
      "GE_SET_PATIENT_TEMPERATURE 36.5 valid",
      "GE_HEATER_POWER 100 valid",
      "GE_PATIENT_MODE off valid",
      "GE_OPEN_BED_MODE off valid",
    ]);
    assert.deepEqual(read(protocol, line.replace("36.1", "6.1")), ["framing"]);
    assert.deepEqual(read(protocol, line.replace("36.1,", "36.1")), ["framing"]);
    assert.match(read(protocol, line.replace("36.1", "OPEN"))[0] ?? "", /unavailable$/);
  });

  test("the transmitter's two example lines of the manual", () => {
    const protocol = example("vaisala-hmt330.json");
    assert.deepEqual(read(protocol, "RH= 98.4 %RH T= 31.1 'C\r\nRH=  23.4 %RH T= -4.2 'C \r\n"), [
      "VAISALA_RELATIVE_HUMIDITY 98.4 valid",
      "MDC_TEMP_ROOM 31.1 valid",
      "VAISALA_RELATIVE_HUMIDITY 23.4 valid",
      "MDC_TEMP_ROOM -4.2 valid",
    ]);
    assert.deepEqual(read(protocol, "RH= ***** %RH T= 31.1 'C\r\n"), ["framing"]);
  });

  test("the scale's print string in both units", () => {
    const protocol = example("rice-lake-scale.json");
    const units = decode(protocol, "     10.0 lb Gross \r\n    -10.0 kg  Net  \r\n").map(
      (output) => output.kind === "frame" && output.readings[0],
    );
    assert.deepEqual(
      units.map((reading) => reading && [reading.text, reading.unit, reading.mdc]),
      [
        ["10.0", "[lb_av]", 188736],
        ["-10.0", "kg", 188736],
      ],
    );
  });
});

describe("what a description may say", () => {
  test("every example is good for the validator and for the schema", () => {
    assert.ok(EXAMPLES.length >= 4);
    for (const { name, text } of EXAMPLES) {
      assert.deepEqual(parseProtocol(text).problems, [], name);
      assert.ok(fitsSchema(JSON.parse(text), SCHEMA), name);
    }
    assert.deepEqual(optionProblems(driver, {}), []);
  });

  test("numbers keep the device's digits, with a point wherever it stands", () => {
    const cases: readonly (readonly [object, string, string])[] = [
      [{}, "072.50", "MAKER_WEIGHT 072.50 valid"],
      [{}, "+0072", "MAKER_WEIGHT +0072 valid"],
      [{}, "-   1.5", "MAKER_WEIGHT -1.5 valid"],
      [{ point: "," }, "12,70", "MAKER_WEIGHT 12.70 valid"],
      [{ impliedPlaces: 1 }, "0365", "MAKER_WEIGHT 036.5 valid"],
      [{ impliedPlaces: 2 }, "-5", "MAKER_WEIGHT -0.05 valid"],
      [{ base: "hexadecimal" }, "1F", "MAKER_WEIGHT 31 valid"],
      [{ base: "hexadecimal" }, "0xFF", "framing"],
      [{ whole: 3, places: 1 }, "72.5", "framing"],
      [{ whole: 3, places: 1 }, "072.5", "MAKER_WEIGHT 072.5 valid"],
      [{ whole: [1, 3], places: [0, 1] }, "72", "MAKER_WEIGHT 72 valid"],
      [{ places: 0 }, "72.5", "framing"],
      [{ sign: "none" }, "-1", "framing"],
      [{ sign: "required" }, "1", "framing"],
      [{}, "1e5", "framing"],
      [{}, "NaN", "framing"],
      [{}, "1 2", "framing"],
      [{ point: "," }, "12.7", "framing"],
    ];
    for (const [number, raw, expected] of cases) {
      const protocol = separated([{ ...WEIGHT, number }]).replace(
        '"separator":","',
        '"separator":";"',
      );
      assert.deepEqual(read(protocol, `${raw}\r\n`), [expected], raw);
    }
  });

  test("an empty field and each marker is no value, never 0; what is impossible is invalid", () => {
    const field = { ...WEIGHT, invalid: ["---", "999.9"], range: { low: 0, high: 300 } };
    const found = ["", " ", "---", "999.9", "300.1", "-0.1", "0", "300"].map(
      (raw) =>
        read(separated([field, { ...WEIGHT, place: 2, code: "MAKER_B" }]), `${raw},1\r\n`)[0],
    );
    assert.deepEqual(found, [
      "MAKER_WEIGHT  unavailable",
      "MAKER_WEIGHT  unavailable",
      "MAKER_WEIGHT  unavailable",
      "MAKER_WEIGHT  unavailable",
      "MAKER_WEIGHT  invalid",
      "MAKER_WEIGHT  invalid",
      "MAKER_WEIGHT 0 valid",
      "MAKER_WEIGHT 300 valid",
    ]);
  });

  test("words, and what they say about the numbers of their line", () => {
    const state = {
      name: "State",
      place: 2,
      code: "MAKER_STATE",
      enumeration: { S: "stable", U: "unstable", E: "error", D: "demonstration" },
      quality: { U: "questionable", E: "invalid", D: "demo" },
    };
    const protocol = separated([WEIGHT, state]);
    assert.deepEqual(read(protocol, "1,S\r\n2,U\r\n3,E\r\n4,D\r\n5,X\r\n"), [
      "MAKER_WEIGHT 1 valid",
      "MAKER_STATE stable valid",
      "MAKER_WEIGHT 2 questionable",
      "MAKER_STATE unstable valid",
      "MAKER_WEIGHT  invalid",
      "MAKER_STATE error valid",
      "MAKER_WEIGHT 4 demo",
      "MAKER_STATE demonstration demo",
      "framing",
    ]);
  });

  test("keys, prefixes and suffixes; a key that is there twice is no value of either", () => {
    const fields = [
      { ...WEIGHT, place: undefined, key: "W=", suffix: "kg" },
      { ...WEIGHT, place: undefined, key: "H=", code: "MAKER_HEIGHT", unit: "cm" },
    ];
    const protocol = separated(fields).replace('"separator":","', '"separator":" "');
    assert.deepEqual(
      read(protocol, "  H=170   W=72.5kg\r\nW=72.5kg\r\nW=1kg W=2kg\r\nW=72.5\r\n"),
      [
        "MAKER_WEIGHT 72.5 valid",
        "MAKER_HEIGHT 170 valid",
        "MAKER_WEIGHT 72.5 valid",
        "MAKER_HEIGHT  unavailable",
        "framing",
        "framing",
      ],
    );
  });

  test("a field that is not present is left out, whatever is in its place", () => {
    const protocol = separated([
      { ...WEIGHT, present: false },
      { ...WEIGHT, place: 2 },
    ]);
    assert.deepEqual(read(protocol, "?,7\r\n"), ["MAKER_WEIGHT 7 valid"]);
  });

  test("a line is read as the first message that fits; ignored ones say nothing", () => {
    const messages = [
      { name: "header", pattern: "^-+ .* -+$", ignore: true },
      {
        name: "weight",
        starts: "W ",
        pattern: "^W (?<w>\\d+)$",
        fields: [{ ...WEIGHT, place: undefined, group: "w" }],
      },
      { name: "rest", starts: "X", ignore: true },
    ];
    const protocol = JSON.stringify({ ...FACTS, messages });
    assert.deepEqual(read(protocol, "-- Scale 1 --\rW 5\rX\rY\r\n"), [
      "MAKER_WEIGHT 5 valid",
      "framing",
    ]);
  });

  test("a serial number counts when it came twice, or with a checksum", () => {
    const fields = [WEIGHT, { name: "Serial", place: 2, use: "serial-number" }];
    assert.deepEqual(
      read(separated(fields), "1,A1\n2,A1\n3,A1\n4,A2\n5,A2\n").filter(
        (word) => word === "identity",
      ).length,
      2,
    );
    const checked = separated(fields, { checksum: { kind: "sum8", before: "," } });
    assert.deepEqual(read(checked, "1,A1,CF\n"), ["identity", "MAKER_WEIGHT 1 valid"]);
  });
});

describe("lines and checksums", () => {
  test("every kind of checksum has its known answer for 123456789", () => {
    const answers = {
      sum8: "DD",
      "sum8-negated": "23",
      sum16: "01DD",
      xor8: "31",
      "crc16-modbus": "4B37",
      "crc16-arc": "BB3D",
      "crc16-ccitt-false": "29B1",
      "crc16-xmodem": "31C3",
      "crc16-kermit": "2189",
      "crc16-x25": "906E",
    };
    for (const [kind, hex] of Object.entries(answers)) {
      const protocol = separated([WEIGHT], { checksum: { kind } });
      assert.deepEqual(read(protocol, `123456789${hex}\n`), ["MAKER_WEIGHT 123456789 valid"], kind);
      assert.deepEqual(read(protocol, `123456789${hex.toLowerCase()}\n`).length, 1);
      const wrong = `${hex.slice(0, -1)}${hex.endsWith("0") ? "1" : "0"}`;
      assert.deepEqual(read(protocol, `123456789${wrong}\n`), ["checksum"], kind);
      if (hex.length === 4) {
        const turned = separated([WEIGHT], { checksum: { kind, order: "low-first" } });
        assert.deepEqual(read(turned, `123456789${hex.slice(2)}${hex.slice(0, 2)}\n`).length, 1);
        assert.match(
          read(turned, `123456789${hex.slice(2)}${hex.slice(0, 2)}\n`)[0] ?? "",
          /valid/,
        );
      }
    }
  });

  test("the warmer line of a manual has the sum of all before the digits", () => {
    const temperature = { name: "Baby", place: 2, code: "GE_BABY_TEMPERATURE", unit: "Cel" };
    const protocol = separated([temperature], {
      checksum: { kind: "sum8", before: ",", coversBefore: true },
    }).replace('"parts":[1,9]', '"parts":[9,40]');
    assert.deepEqual(read(protocol, "PWRM_2.0.0,36.8,36.4,0,P,0,0,0,00,29\r\n"), [
      "GE_BABY_TEMPERATURE 36.8 valid",
    ]);
  });

  test("start, skip, before and after say what is covered", () => {
    const protocol = separated([WEIGHT], {
      line: { start: "\u0002", end: "\r" },
      checksum: { kind: "xor8", skip: 1, before: "\u0003", coversBefore: true, after: "#" },
    });
    assert.deepEqual(read(protocol, "\u0002123\u000333#\r\n\u0002123\u000334#\r\n"), [
      "MAKER_WEIGHT 123 valid",
      "checksum",
    ]);
    assert.deepEqual(read(protocol, "\u0002123\u0003#\r\u000233#\r"), ["framing", "framing"]);
  });

  test("a proven line loses only the field that is not as described", () => {
    const fields = [WEIGHT, { ...WEIGHT, place: 2, code: "MAKER_B" }];
    const protocol = separated(fields, { checksum: { kind: "sum8", before: "*" } });
    assert.deepEqual(read(protocol, "1,x*D5\n"), [
      "unknown-field",
      "MAKER_WEIGHT 1 valid",
      "MAKER_B  invalid",
    ]);
    assert.deepEqual(read(separated(fields), "1,x\n"), ["framing"]);
  });

  test("any delimiter ends a line, and breaks between lines say nothing", () => {
    const cut = (line: object, text: string): string[] => read(separated([WEIGHT], { line }), text);
    assert.deepEqual(cut({ end: ";" }, "1;2;\r\n3;4"), [
      "MAKER_WEIGHT 1 valid",
      "MAKER_WEIGHT 2 valid",
      "MAKER_WEIGHT 3 valid",
      "truncated",
    ]);
    assert.deepEqual(cut({ end: "\u0003\r\n" }, "1\u0003\r\n2\u00032\u0003\r\n3\u0003\r\n"), [
      "MAKER_WEIGHT 1 valid",
      "framing",
      "MAKER_WEIGHT 3 valid",
    ]);
    assert.deepEqual(cut({ start: "$" }, "xx$1\r\n$2$3\r\n\r\n$4\r\n"), [
      "noise",
      "MAKER_WEIGHT 1 valid",
      "truncated",
      "MAKER_WEIGHT 3 valid",
      "MAKER_WEIGHT 4 valid",
    ]);
    assert.deepEqual(cut({ charactersMax: 5 }, "12345\r\n123456\r\n1\r\n"), [
      "MAKER_WEIGHT 12345 valid",
      "noise",
      "MAKER_WEIGHT 1 valid",
    ]);
  });

  test("Latin-1 is text only where the description says so", () => {
    const messages = [
      {
        name: "m",
        pattern: "^(?<t>\\d+\\.\\d)°C$",
        fields: [{ name: "T", group: "t", code: "MAKER_T", unit: "Cel" }],
      },
    ];
    const ascii = JSON.stringify({ ...FACTS, messages });
    assert.deepEqual(read(ascii, "36.5°C\n"), ["noise"]);
    const latin = JSON.stringify({ ...FACTS, messages, line: { characters: "latin-1" } });
    assert.deepEqual(read(latin, "36.5°C\n"), ["MAKER_T 36.5 valid"]);
  });

  test("any line form gives the same from pieces of any size, in bounds", () => {
    const forms = fc.record({
      start: fc.constantFrom("", "$", "\u0002"),
      end: fc.constantFrom("\r\n", "\n", ";", "\u0003", "\u0003\r\n", "##"),
      charactersMax: fc.integer({ min: 1, max: 30 }),
    });
    const text = fc.array(
      fc.constantFrom(
        "1",
        "2.5",
        "$",
        "\u0002",
        "\r",
        "\n",
        ";",
        "\u0003",
        "#",
        "\u0003\r\n",
        "\xff",
        ",",
        "x".repeat(40),
      ),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(
        forms,
        text,
        fc.integer({ min: 1, max: 9 }),
        ({ start, ...line }, parts, piece) => {
          const protocol = separated([WEIGHT], {
            line: { ...line, ...(start === "" ? {} : { start }) },
          });
          const bytes = Buffer.from(parts.join(""), "latin1");
          const decoder = driver.open({ protocol }, "serial");
          const outputs: Output[] = [];
          for (let from = 0; from < bytes.length; from += piece) {
            outputs.push(...decoder.push(bytes.subarray(from, from + piece), 0));
          }
          outputs.push(...(decoder.end?.(0) ?? []));
          assert.deepEqual(outputs, decode(protocol, parts.join("")));
          const given = outputs.reduce(
            (sum, put) => sum + (put.kind === "fault" ? put.bytes : 0),
            0,
          );
          assert.ok(given <= bytes.length);
        },
      ),
      {
        numRuns: 1000,
        // Half an end, a run that is too long for a line, and the other half: no end.
        examples: [[{ start: "", end: "##", charactersMax: 1 }, ["#", "x".repeat(40), "#"], 1]],
      },
    );
  });
});

describe("what is wrong with a description", () => {
  const problems = (protocol: unknown): string =>
    parseProtocol(JSON.stringify(protocol)).problems.join("\n");
  const withField = (field: object, message: object = {}): string =>
    problems({
      ...FACTS,
      messages: [
        { name: "m", separator: ",", parts: 3, fields: [{ ...WEIGHT, ...field }], ...message },
      ],
    });

  test("each problem has its path, what is wrong and what to do", () => {
    assert.match(
      withField({ unit: "lbs" }),
      /^messages\[0\]\.fields\[0\]\.unit: .* Write "\[lb_av\]"\.$/,
    );
    assert.match(withField({ place: 4 }), /fields\[0\]\.place: 4 is not .* from 1 to 3/);
    assert.match(withField({ code: "MDC_WEIGHT" }), /fields\[0\]\.code: .*not in the verified/);
    assert.match(
      withField({ number: { whole: 12, places: 9 } }),
      /number\.whole: .*too many digits/,
    );
    assert.match(
      withField({ number: { places: 1, impliedPlaces: 1 } }),
      /impliedPlaces: .*a point/,
    );
    assert.match(withField({ enumeration: { A: "Open!" } }), /enumeration\.A: .*small letters/);
    assert.match(withField({ enumeration: {} }), /enumeration: .*1 to 100/);
    assert.match(withField({ quality: { A: "demo" } }), /quality: there is no such field/);
    assert.match(
      withField({
        enumeration: { A: "open" },
        unit: undefined,
        quality: { B: "demo", A: "valid" },
      }),
      /quality\.B: it is not in the enumeration.*\n.*quality\.A: "valid" is no quality/,
    );
    assert.match(withField({}, { parts: undefined }), /messages\[0\]\.parts: it is missing/);
    assert.match(withField({}, { pattern: "(?<a>.)" }), /pattern: there is a separator as well/);
    assert.match(withField({}, { ignore: true }), /fields: lines that are ignored have none/);
    assert.match(problems({ ...FACTS, messages: [{ name: "m", ignore: true }] }), /every line/);
    assert.match(problems({ ...FACTS, messages: [] }), /messages: .*list \[ \.\.\. \] of 1 to 32/);
    assert.match(problems({ ...FACTS, messages: [{ name: "m" }] }), /separator: it is missing/);
    assert.match(problems({ ...FACTS, line: { start: "$", end: "$" } }), /line\.start: .*the end/);
    assert.match(problems({ ...FACTS, line: { end: "\u0080" } }), /line\.end: /);
    assert.match(
      problems({ ...FACTS, checksum: { kind: "md5" } }),
      /checksum\.kind: "md5".*"xor8"/,
    );
    assert.match(problems({ ...FACTS, chekcsum: {} }), /chekcsum: there is no such field here/);
    const twice = [WEIGHT, WEIGHT];
    assert.match(
      withField({}, { fields: twice }),
      /fields\[1\]\.code: "MAKER_WEIGHT" is there twice/,
    );
    const group = { name: "T", group: "x", code: "MAKER_T", unit: "Cel" };
    const pattern = { name: "m", pattern: "^(?<a>.)(?<b>.)$", fields: [group] };
    assert.match(
      problems({ ...FACTS, messages: [pattern] }),
      /group: "x" is not known. Use "a", "b"/,
    );
  });

  test("a device with such a description gives up all bytes and says why", () => {
    const decoder = driver.open({ protocol: "{}" }, "serial");
    const [first, ...more] = [
      ...decoder.push(new Uint8Array(2500), 0),
      ...(decoder.end?.(0) ?? []),
    ];
    assert.ok(first?.kind === "fault" && first.bytes === 1000);
    assert.match(first.text, /^the description has a problem: title: it is missing/);
    assert.equal(more.length, 2);
  });

  test("any change to an example gives problems or a protocol, and what fits neither is refused by both", () => {
    const text = EXAMPLES[0]?.text ?? "";
    const value = fc.oneof(fc.jsonValue({ maxDepth: 1 }), fc.constantFrom("", "x", 0, 1, -1, null));
    fc.assert(
      fc.property(fc.nat(), value, (pick, other) => {
        const copy: unknown = JSON.parse(text);
        replaceOne(copy, pick, other);
        const { problems: found, protocol } = parseProtocol(JSON.stringify(copy));
        assert.equal(protocol === null, found.length > 0);
        assert.ok(found.length <= 31);
        if (!fitsSchema(copy, SCHEMA)) {
          assert.ok(
            found.length > 0,
            `the schema refuses what the validator takes: ${JSON.stringify(copy)}`,
          );
        }
      }),
      { numRuns: 2000 },
    );
  });
});

/** Puts another value in one place of a JSON value. */
function replaceOne(value: unknown, pick: number, other: unknown): void {
  const places: [object, string][] = [];
  const walk = (here: unknown): void => {
    if (typeof here === "object" && here !== null) {
      for (const name of Object.keys(here)) {
        places.push([here, name]);
        walk((here as Record<string, unknown>)[name]);
      }
    }
  };
  walk(value);
  const [object, name] = places[pick % places.length]!;
  (object as Record<string, unknown>)[name] = other;
}

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { driver } from "../../../gateway/devices/astm-e1394/driver.ts";
import type { DeviceOptions, Output } from "../../../gateway/devices/device.ts";
import { HEADER, decode, faultsOf, frame, read, result } from "./astm-text.ts";
import { framesOf } from "./captures.ts";

describe("ASTM, frames", () => {
  test("one record a frame, all records in one frame, and several messages", () => {
    const single = `\x05${frame(1, `${HEADER}\r`)}${frame(2, `${result("5.9")}\r`)}${frame(3, "L|1|N\r")}\x04`;
    assert.deepEqual(read(single), ["ASTM_GLU=5.9"]);
    const whole = `\x05${frame(1, [HEADER, result("5.9"), "R|2|^^^K|4.1|mmol/L", "L|1|N"].join("\r"))}\x04`;
    assert.deepEqual(read(whole + single), ["ASTM_GLU=5.9", "ASTM_K=4.1", "ASTM_GLU=5.9"]);
  });

  test("trailers may be missing: CR alone, LF alone, nothing, lower-case digits", () => {
    const bare = frame(1, `${HEADER}\r${result("5.9")}\r`).slice(0, -2);
    const small = bare.slice(0, -2) + bare.slice(-2).toLowerCase();
    for (const form of [`${bare}\r`, `${bare}\n`, bare, small]) {
      assert.deepEqual(read(`\x05${form}\x04\x05${form}\x04`), ["ASTM_GLU=5.9", "ASTM_GLU=5.9"]);
      assert.deepEqual(faultsOf(decode(form)), []);
    }
  });

  test("records end with CR, LF, CR LF or the frame", () => {
    for (const end of ["\r", "\n", "\r\n"]) {
      const text = [HEADER, "O|1|A", result("5.9"), "L|1|N"].join(end);
      assert.deepEqual(read(frame(1, text)), ["ASTM_GLU=5.9"]);
      assert.deepEqual(read(frame(1, text + end)), ["ASTM_GLU=5.9"]);
    }
  });

  test("frame numbers may repeat, start again or be missing", () => {
    const numbers = [1, 2, 3, 4, 5, 1, 1, 1, 4, 5, 6, 7, 0, 1, ""] as const;
    const text = numbers
      .map((number, place) => frame(number, `R|${place}|^^^T${place}|${place}\r`))
      .join("");
    assert.equal(read(`\x05${text}\x04`).length, numbers.length);
  });

  test("a frame of 64,000 bytes is read, a longer one is given up and the next one is read", () => {
    const filler = (bytes: number): string => `M|1|CURVE|${"QUJD".repeat(bytes / 4)}\r`;
    assert.deepEqual(read(frame(1, `${filler(64_000)}${result("5.9")}\r`)), ["ASTM_GLU=5.9"]);
    const outputs = decode(
      frame(1, `${filler(80_000)}${result("5.9")}\r`) + frame(2, `${result("6.0")}\r`),
    );
    assert.deepEqual(
      framesOf(outputs).map(({ readings }) => readings[0]?.text),
      ["6.0"],
    );
    assert.equal(faultsOf(outputs)[0], "framing");
  });

  test("a record goes on in the next frame, and only in the one with the next number", () => {
    const record = `${result("12.4")}\r`;
    for (let cut = 2; cut < record.length; cut += 1) {
      const parts = (numbers: readonly [number, number]): string =>
        frame(numbers[0], record.slice(0, cut), "\x17") + frame(numbers[1], record.slice(cut));
      assert.deepEqual(read(`\x05${parts([7, 0])}\x04`), ["ASTM_GLU=12.4"], `cut at ${cut}`);
      assert.deepEqual(read(`\x05${parts([7, 1])}\x04`), ["ASTM_GLU=12.4"], `cut at ${cut}`);
      const wrong = read(`\x05${parts([2, 5])}\x04`);
      assert.ok(wrong.length === 0 || wrong[0] === "ASTM_GLU=12.4", `cut at ${cut}: ${wrong[0]}`);
    }
    // Wherever it is cut, also where its rest starts with a letter of a record: unit, status and time are those of the whole.
    for (const each of [result("12.4"), "R|1|^^^GLU|12.4|U/L||H||||||20261126094000"]) {
      const whole = framesOf(decode(frame(1, `${each}\r`)))[0]?.readings;
      for (const end of ["\r", ""]) {
        for (let cut = 2; cut < each.length; cut += 1) {
          const parts = frame(1, each.slice(0, cut), "\x17") + frame(2, `${each.slice(cut)}${end}`);
          assert.deepEqual(framesOf(decode(parts))[0]?.readings, whole, `cut at ${cut}`);
        }
      }
    }
    const three =
      frame(1, record.slice(0, 9), "\x17") +
      frame(2, record.slice(9, 15), "\x17") +
      frame(3, record.slice(15));
    assert.deepEqual(read(three), ["ASTM_GLU=12.4"]);
  });

  test("an analyser that ends every record with ETB and no CR is understood", () => {
    const text = ["R|1|^^^A|1", "R|2|^^^B|2", "C|1|I|x", "R|3|^^^C|3", "L|1|N"].map((record) =>
      frame(1, record, "\x17"),
    );
    assert.deepEqual(read(`\x05${text.join("")}\x04`), ["ASTM_A=1", "ASTM_B=2", "ASTM_C=3"]);
    const others = ["H!@^~!!!LAB", "O!1!S", "R!1!^^^A!1", "H!@^~!!!LAB", "R!1!^^^C!3", "L!1!N"];
    assert.deepEqual(
      read(others.map((record, place) => frame(place + 1, record, "\x17")).join("")),
      ["ASTM_A=1", "ASTM_C=3"],
    );
  });

  test("a frame without a checksum counts only where none has had one", () => {
    const bare = (value: string): string => `\x021${HEADER}\r${result(value)}\r\x03\r\n`;
    assert.deepEqual(read(bare("5.9") + bare("6.0")), ["ASTM_GLU=5.9", "ASTM_GLU=6.0"]);
    const outputs = decode(frame(1, `${result("5.9")}\r`) + bare("6.0"));
    assert.equal(framesOf(outputs).length, 1);
    assert.deepEqual(faultsOf(outputs), ["checksum"]);
  });

  test("messages without frames: CR, LF, or a missing last end; never the rest of a damaged frame", () => {
    const records = [HEADER, "P|1||||Doe^Jane", "O|1|A", result("5.9"), "L|1|N"];
    for (const end of ["\r", "\n", "\r\n"]) {
      assert.deepEqual(read(records.join(end)), ["ASTM_GLU=5.9"]);
      assert.deepEqual(read(`${records.join(end)}${end}${records.join(end)}${end}`), [
        "ASTM_GLU=5.9",
        "ASTM_GLU=5.9",
      ]);
    }
    assert.deepEqual(read(records.slice(0, -1).join("\r")), []);
    assert.deepEqual(read(`${records.join("\r")}\r\x03A5\r\n`), []);
    assert.deepEqual(read(`\x05\x04${records.join("\r")}\r`), []);
    assert.deepEqual(read(`x${records.join("\r")}\r`), []);
  });

  test("EOT right after ENQ says nothing; the formats of mini VIDAS and Spotchem give no readings and no text", () => {
    assert.deepEqual(decode("\x05\x04\x05\x04"), []);
    const others =
      "\x02\x1emtrsl|\x1epnDOE|\x1eqn0.05|\x1db0\n\x0224/10/29 13:08 ID# DOE Na 131 mmol/L \x03\n";
    const outputs = decode(others);
    assert.deepEqual(framesOf(outputs), []);
    assert.ok(!JSON.stringify(outputs).includes("DOE"));
  });
});

describe("ASTM, what is said to the analyser", () => {
  const talk = (
    options: DeviceOptions,
    pieces: readonly (readonly [number, string])[],
  ): string[] => {
    const decoder = driver.open(options, "serial");
    const said: string[] = [];
    const hear = (at: number, outputs: readonly Output[]): void => {
      for (const output of outputs) {
        if (output.kind !== "fault" && output.kind !== "identity") {
          said.push(
            `${at} ${output.kind === "ask" ? Buffer.from(output.bytes).toString("hex") : "frame"}`,
          );
        }
      }
    };
    const end = (pieces.at(-1)?.[0] ?? 0) + 10_000;
    for (let at = 0; at <= end; at += 10) {
      hear(
        at,
        pieces
          .filter(([when]) => when === at)
          .flatMap(([, text]) => decoder.push(Buffer.from(text, "latin1"), at)),
      );
      hear(at, at % 100 === 0 ? decoder.tick(at) : []);
    }
    return said;
  };
  const good = frame(1, `${result("5.9")}\r`);

  test("ENQ at once, frames with their line feed, EOT never; results before their acknowledgement", () => {
    const said = talk({}, [
      [10, "\x05"],
      [50, good.slice(0, -1)],
      [60, "\n"],
      [90, frame(2, "L|1|N\r")],
      [120, "\x04"],
    ]);
    assert.deepEqual(said, ["10 06", "50 frame", "60 06", "90 06"]);
  });

  test("without a line feed the answer comes a moment later, once", () => {
    assert.deepEqual(talk({}, [[10, good.slice(0, -2)]]), ["10 frame", "100 06"]);
    assert.deepEqual(talk({}, [[10, good.slice(0, -1)]]), ["10 frame", "100 06"]);
  });

  test("a wrong checksum, a broken and a stopped frame are refused once; the frame that comes again is used once", () => {
    const bad = good.replace("5.9", "6.9");
    assert.deepEqual(
      talk({}, [
        [10, bad],
        [50, good],
        [90, good],
      ]),
      ["10 15", "50 frame", "50 06", "90 06"],
    );
    assert.deepEqual(talk({}, [[10, good.replace("5.9", "5\x0059")]]), ["10 15"]);
    assert.deepEqual(talk({}, [[10, good.slice(0, 12)]]), ["5100 15"]);
    const lostEnd = good.replace("\x03", "");
    assert.deepEqual(talk({}, [[10, lostEnd]]), ["5100 15"]);
  });

  test("an analyser that starts again after its acknowledgement was lost is heard again", () => {
    assert.deepEqual(
      talk({}, [
        [10, "\x05"],
        [50, good],
        [90, "\x04\x05"],
        [130, good],
      ]),
      ["10 06", "50 frame", "50 06", "90 06", "130 frame", "130 06"],
    );
  });

  test("listening says nothing at all", () => {
    const said = talk({ listen: true }, [
      [10, "\x05"],
      [50, good],
      [90, good.replace("5.9", "6.9")],
      [130, good.slice(0, 12)],
    ]);
    assert.deepEqual(said, ["50 frame"]);
  });

  test("nothing but the two single bytes can pass", () => {
    const [accept, refuse] = driver.verbs;
    assert.ok(accept?.matches(Buffer.from([0x06])) && refuse?.matches(Buffer.from([0x15])));
    const refused = [
      [0x05],
      [0x04],
      [0x02],
      [0x06, 0x06],
      [0x15, 0x15],
      [0x06, 0x05],
      [...Buffer.from(frame(1, "H|\\^&\r"), "latin1")],
      [...Buffer.from(frame(1, "O|1|S||^^^GLU\r"), "latin1")],
    ];
    for (const bytes of refused) {
      assert.ok(driver.verbs.every((verb) => !verb.matches(Buffer.from(bytes))));
    }
    assert.ok(!accept?.matches(Buffer.from([0x15])) && !refuse?.matches(Buffer.from([0x06])));
  });
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import * as fc from "fast-check";

import { AstmAnonymiser } from "../../../gateway/devices/astm-e1394/anonymiser.ts";
import type { Anonymiser } from "../../../gateway/devices/device.ts";
import { makeAnonymiser } from "../../../gateway/devices/philips-intellivue/anonymiser.ts";
import { serialFrame } from "../../../gateway/devices/philips-intellivue/serial-frames.ts";
import { capturesOf, decodeWhole, framesOf, STREAM_DRIVERS } from "./captures.ts";

/** Every driver that has a filter for recordings. */
const ANONYMISERS = STREAM_DRIVERS.flatMap((driver) => {
  const make = driver.anonymise?.bind(driver);
  return make === undefined ? [] : [{ driver, make }];
});

test("a driver says that it has no demographics, or masks them, and never both", () => {
  assert.ok(ANONYMISERS.length >= 3);
  for (const { driver } of ANONYMISERS) {
    assert.equal(driver.demographics, undefined, driver.facts.model);
  }
});

/** What a filter keeps of bytes that come in pieces of this size. */
function kept(anonymiser: Anonymiser, bytes: Uint8Array, piece = bytes.length): Buffer {
  const parts: Uint8Array[] = [];
  for (let from = 0; from < bytes.length; from += Math.max(1, piece)) {
    parts.push(anonymiser.push(bytes.subarray(from, from + Math.max(1, piece))));
  }
  return Buffer.concat([...parts, anonymiser.end()]);
}

for (const { driver, make } of ANONYMISERS) {
  describe(`the anonymiser of ${driver.facts.model}`, () => {
    const captures = capturesOf(driver).filter(({ expected }) => expected.over !== "udp");

    test("keeps every frame of its driver's captures, and masks nothing twice", () => {
      for (const { bytes, expected, name } of captures) {
        const options = { ...expected.options, specimen: "drop" };
        const masked = kept(make("serial"), bytes);
        const frames = framesOf(decodeWhole(driver, masked, { options }));
        assert.deepEqual(frames, framesOf(decodeWhole(driver, bytes, { options })), name);
        assert.ok(masked.length <= bytes.length, name);
        assert.deepEqual(kept(make("serial"), masked), masked, `${name} masked twice`);
      }
    });

    test("gives the same however the bytes are cut", () => {
      for (const { bytes, name } of captures) {
        const whole = kept(make("serial"), bytes);
        for (const piece of [1, 3, 7, 64]) {
          assert.deepEqual(
            kept(make("serial"), bytes, piece),
            whole,
            `${name} in pieces of ${piece}`,
          );
        }
      }
    });

    test("any bytes: no crash, and never more than came", () => {
      const sample = captures[0]?.bytes ?? Buffer.alloc(1);
      const torn = fc
        .nat(sample.length - 1)
        .map((from) => Uint8Array.from(sample.subarray(from, from + 90)));
      const pieces = fc.array(fc.oneof(fc.uint8Array({ maxLength: 90 }), torn), { maxLength: 8 });
      fc.assert(
        fc.property(pieces, fc.constantFrom("serial" as const, "udp" as const), (parts, line) => {
          const anonymiser = make(line);
          const given = parts.reduce((sum, part) => sum + part.length, 0);
          const found = parts.reduce((sum, part) => sum + anonymiser.push(part).length, 0);
          // Escapes of a frame may change by a byte or two.
          assert.ok(found + anonymiser.end().length <= given + parts.length * 4);
        }),
        { numRuns: 300 },
      );
    });
  });
}

describe("ASTM records", () => {
  function frame(text: string, end = "\u0003"): string {
    const sum = [...Buffer.from(`${text}${end}`, "latin1")].reduce(
      (before, code) => before + code,
      0,
    );
    return `\u0002${text}${end}${(sum & 0xff).toString(16).toUpperCase().padStart(2, "0")}\r\n`;
  }
  const masked = (...frames: readonly string[]): string =>
    kept(new AstmAnonymiser(), Buffer.from(frames.join(""), "latin1")).toString("latin1");

  test("names, ids, birth dates, operators, specimens and comments are masked, results are not", () => {
    const given = [
      frame("1H|\\^&|7|secret|BGA^1^SN1|Street 5|||Host 9|||P|1|20261123100000\r"),
      frame("2P|1|4711|12|13|Mustermann^Erika|Roth|19640812|F||Heideweg 17||0170 123||Dr. Weiss\r"),
      frame("3O|1|S-0815|I-77|^^^BG|R|20261123|20261123||||N||||O||Dr. Weiss|0170\r"),
      frame("4R|1|^^^K+|5.9|mmol/L|3.5 - 5.1|H||F||Nurse^^17|20261123|20261123100000|BGA\r"),
      frame("5C|1|I|Erika M. warm|G\rM|1|ERIKA 4711\rL|1|N\r"),
    ];
    assert.equal(
      masked(...given),
      [
        frame("1H|\\^&|0|XXXXXX|BGA^1^SN1|XXXXXX 0|||XXXX 0|||P|1|20261123100000\r"),
        frame(
          "2P|1|0000|00|00|XXXXXXXXXX^XXXXX|XXXX|00000000|X||XXXXXXXX 00||0000 000||XX. XXXXX\r",
        ),
        frame("3O|1|X-0000|X-00|^^^BG|R|20261123|20261123||||N||||O||XX. XXXXX|0000\r"),
        frame("4R|1|^^^K+|5.9|mmol/L|3.5 - 5.1|H||F||XXXXX^^00|20261123|20261123100000|BGA\r"),
        frame("5C|1|I|XXXXX X. XXXX|G\rM|1|XXXXX 0000\rL|1|N\r"),
      ].join(""),
    );
  });

  test("a record that goes on in the next frame stays masked, also after a frame was left out", () => {
    const given = [
      frame("1P|1|47", "\u0017"),
      frame("211||Muster", "\u0017"),
      frame("3mann^E|Roth\rR|1|^^^K|5.9\r"),
    ];
    assert.equal(
      masked(...given),
      [
        frame("1P|1|00", "\u0017"),
        frame("200||XXXXXX", "\u0017"),
        frame("3XXXX^X|XXXX\rR|1|^^^K|5.9\r"),
      ].join(""),
    );
    const damaged = given[1]!.replace("Muster", "Mustar");
    assert.equal(
      masked(given[0]!, damaged, given[2]!),
      [frame("1P|1|00", "\u0017"), "\r\n", frame("3XXXX^X|XXXX\rR|1|^^^K|5.9\r")].join(""),
    );
    assert.equal(masked(given[2]!), frame("3XXXX^X|XXXX\rR|1|^^^K|5.9\r"));
    // The rest of a name may look like a terminator, whose fields are kept.
    for (const [rest, hidden] of [
      ["L||19640812|F\r", "X||00000000|X\r"],
      ["L|^^^ROTH|19640812\r", "X|^^^XXXX|00000000\r"],
    ] as const) {
      assert.equal(
        masked(frame("1P|1||||Muster^Erika^", "\u0017"), frame(`2${rest}`)),
        [frame("1P|1||||XXXXXX^XXXXX^", "\u0017"), frame(`2${hidden}`)].join(""),
      );
    }
  });

  test("other delimiters, records without frames, and text that is no record", () => {
    assert.equal(masked(frame("1P!1!4711!Erika^M\r")), frame("1P!1!0000!XXXXX^X\r"));
    assert.equal(
      masked("H|\\^&|||POCT\rP|1||||Muster^E\rR|1|^^^GLU|6.1\rErika Muster 4711\rL|1|N\r"),
      "H|\\^&|||POCT\rP|1||||XXXXXX^X\rR|1|^^^GLU|6.1\rXXXXX XXXXXX 0000\rL|1|N\r",
    );
    assert.equal(masked(frame("1M|19640812|F\r")), frame("1X|00000000|X\r"));
    assert.equal(masked("\u0005\u0006\u0015\u0004"), "\u0005\u0006\u0015\u0004");
    assert.equal(masked("\u00021P|1|4711\r"), "");
  });
});

describe("IntelliVue messages", () => {
  const u16 = (...words: readonly number[]): number[] =>
    words.flatMap((word) => [word >> 8, word & 0xff]);
  const sized = (...content: readonly number[]): number[] => [...u16(content.length), ...content];
  const NAME = [...Buffer.from("\u0000E\u0000r\u0000i\u0000k\u0000a", "latin1")];

  /** The result of a single poll with one object of this class and these attributes. */
  function reply(
    objectClass: number,
    attributes: readonly (readonly [number, readonly number[]])[],
  ): Uint8Array {
    const list = attributes.flatMap(([id, value]) => [...u16(id), ...sized(...value)]);
    const object = [...u16(7, attributes.length), ...sized(...list)];
    const context = [...u16(0, 1), ...sized(...object)];
    const poll = [
      ...u16(1),
      0,
      0,
      0,
      0,
      ...Array.from({ length: 8 }, () => 0xff),
      ...u16(1, objectClass, 0),
      ...u16(1),
      ...sized(...context),
    ];
    const action = [...u16(0x21, 0, 0), ...u16(0x0c16), ...sized(...poll)];
    const operation = [...u16(5), ...u16(7), ...sized(...action)];
    return Uint8Array.from([0xe1, 0, 0, 2, ...u16(2), ...sized(...operation)]);
  }

  test("patient demographics are zeros, in frames and in datagrams", () => {
    const given = reply(0x2a, [
      [0x095c, NAME],
      [0x0958, [0x19, 0x64, 0x08, 0x12]],
    ]);
    const expected = reply(0x2a, [
      [0x095c, NAME.map(() => 0)],
      [0x0958, [0, 0, 0, 0]],
    ]);
    assert.deepEqual(kept(makeAnonymiser("udp"), given), Buffer.from(expected));
    const framed = kept(makeAnonymiser("serial"), serialFrame(given), 3);
    assert.deepEqual(framed, Buffer.from(serialFrame(expected)));
  });

  test("of other objects only what names a person or bed", () => {
    const label: readonly [number, readonly number[]] = [0x0927, [0, 2, 0, 0x50]];
    const given = reply(0x06, [label, [0x091e, NAME]]);
    const expected = reply(0x06, [label, [0x091e, NAME.map(() => 0)]]);
    assert.deepEqual(kept(makeAnonymiser("udp"), given), Buffer.from(expected));
    const unknown = reply(0x77, [label]);
    assert.deepEqual(
      kept(makeAnonymiser("udp"), unknown),
      Buffer.from(reply(0x77, [[0x0927, [0, 0, 0, 0]]])),
    );
  });

  test("what cannot be read, or has a wrong check sequence, is left out", () => {
    const good = serialFrame(reply(0x2a, [[0x095c, NAME]]));
    const wrong = good.with(20, (good[20] ?? 0) ^ 1);
    assert.equal(kept(makeAnonymiser("serial"), wrong).length, 0);
    assert.equal(kept(makeAnonymiser("serial"), good.subarray(0, -1)).length, 0);
    assert.equal(kept(makeAnonymiser("udp"), good).length, 0);
    assert.equal(
      kept(makeAnonymiser("udp"), reply(0x2a, [[0x095c, NAME]]).subarray(0, -1)).length,
      0,
    );
  });
});

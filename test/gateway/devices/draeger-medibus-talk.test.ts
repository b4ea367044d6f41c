import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { driver } from "../../../gateway/devices/draeger-medibus/driver.ts";
import type { Ask, DeviceOptions, Output, StreamDecoder } from "../../../gateway/devices/device.ts";
import { optionProblems } from "../../../gateway/devices/option-check.ts";
import { mayAsk } from "../../../gateway/lines/stream-session.ts";
import { bytesOf, command, record, response } from "./medibus-bytes.ts";

const IDENTITY = "\x01R0161'Wardgate'01.00:06.00B5\r";
const OFFER =
  "00   16000-  10  10037001   16000- 180  18070806   16000-  20  1004600A   20000    0   20400";

/** A decoder that is talked to step by step; time goes on by itself. */
class Talk {
  readonly #decoder: StreamDecoder;
  readonly said: Ask[] = [];
  readonly outputs: Output[] = [];
  at = 0;

  constructor(options: DeviceOptions = {}) {
    this.#decoder = driver.open(options, "serial");
  }

  /** Lets time pass in the steps of a line. */
  wait(ms: number): string[] {
    const before = this.said.length;
    for (const until = this.at + ms; this.at < until; this.at += 100) {
      this.#use(this.#decoder.tick(this.at));
    }
    return this.said.slice(before).map(({ verb }) => verb);
  }

  /** The device says something; gives what is said at once. */
  hear(...pieces: readonly Uint8Array[]): string[] {
    const before = this.said.length;
    this.at += 10;
    this.#use(this.#decoder.push(bytesOf(...pieces), this.at));
    return this.said.slice(before).map(({ bytes }) => Buffer.from(bytes).toString("latin1"));
  }

  /** Goes through the opening of a conversation, up to the questions. */
  open(): this {
    this.wait(100);
    this.hear(response(0x51), command(0x52));
    this.wait(500);
    this.hear(response(0x52, "8240'Evita 4'04.10:04.00"));
    return this;
  }

  last(): string {
    return this.said.at(-1)?.verb ?? "";
  }

  #use(outputs: readonly Output[]): void {
    for (const output of outputs) {
      if (output.kind === "ask") {
        assert.ok(mayAsk(driver, output), `${output.verb} may not be said`);
        this.said.push(output);
      } else {
        this.outputs.push(output);
      }
    }
  }
}

describe("draeger-medibus: conversation", () => {
  test("the bytes of the examples of 90 28 258", () => {
    const talk = new Talk();
    talk.wait(100);
    assert.deepEqual(hex(talk), ["1b5136430d"]);
    talk.hear(response(0x51));
    talk.wait(100);
    assert.equal(hex(talk).at(-1), "1b5236440d");
    assert.deepEqual(talk.hear(command(0x51)), ["\x01Q52\r"]);
    assert.deepEqual(talk.hear(command(0x49)), ["\x01I4A\r"]);
    assert.deepEqual(talk.hear(Buffer.from("\x1b$3E\r")), ["\x01\x1516\r"]);
    assert.deepEqual(talk.hear(command(0x52)), [IDENTITY]);
  });

  test("every command of the device is answered, known or not", () => {
    const talk = new Talk().open();
    for (let code = 0x20; code < 0x80; code += 1) {
      const [answer = ""] = talk.hear(command(code));
      const expected = code === 0x52 ? IDENTITY : Buffer.from(response(code)).toString("latin1");
      assert.equal(answer, expected);
    }
  });

  test("one question at a time; measured data first among those that are due", () => {
    const talk = new Talk({ waves: false }).open();
    assert.deepEqual(talk.wait(1000), ["read-measured-1"]);
    talk.hear(response(0x24, "D6 14 "));
    assert.deepEqual(talk.wait(500), ["read-measured-2"]);
    talk.hear(response(0x2b));
    assert.deepEqual(talk.wait(100), ["read-settings"]);
    talk.hear(response(0x29));
    assert.deepEqual(talk.wait(100), ["read-texts"]);
    talk.hear(response(0x2a));
    assert.deepEqual(talk.wait(100), ["read-clock"]);
    talk.hear(response(0x28));
    assert.equal(talk.wait(300).length, 1);
  });

  test("alarm limits are asked for only on demand, alarms and trends never", () => {
    const talk = (options: DeviceOptions): Set<string> => {
      const asked = new Talk({ waves: false, ...options }).open();
      for (let turn = 0; turn < 40; turn += 1) {
        asked.wait(200);
        const [, code = 0] = asked.said.at(-1)?.bytes ?? [];
        asked.hear(response(code));
      }
      return new Set(asked.said.map(({ verb }) => verb));
    };
    assert.ok(![...talk({})].some((verb) => verb.includes("limit")));
    assert.equal([...talk({ limits: true })].filter((verb) => verb.includes("limit")).length, 4);
    assert.ok(![...talk({ texts: false })].includes("read-texts"));
  });

  test("a line that is idle is kept alive within 2 seconds", () => {
    const talk = new Talk({ waves: false, "poll-ms": 5000 }).open();
    const said: string[] = [];
    for (let turn = 0; turn < 120; turn += 1) {
      said.push(...talk.wait(100));
      const [, code = 0] = talk.said.at(-1)?.bytes ?? [];
      talk.hear(response(code));
    }
    assert.ok(said.filter((verb) => verb === "keep-alive").length >= 2);
  });

  test("a device that falls silent is called again after 3 seconds, and every 3 seconds", () => {
    const talk = new Talk().open();
    assert.deepEqual(talk.wait(10_000).filter((verb) => verb === "initialize").length, 3);
  });

  test("a device that restarts is answered and asked anew who it is", () => {
    const talk = new Talk().open();
    assert.deepEqual(talk.hear(command(0x51)), ["\x01Q52\r"]);
    assert.deepEqual(talk.wait(100), ["identify"]);
  });

  test("a question that did not arrive is asked again when the device proves to be idle", () => {
    const talk = new Talk({ waves: false }).open();
    talk.wait(600);
    assert.equal(talk.last(), "read-measured-1");
    talk.wait(2000);
    assert.equal(talk.last(), "read-measured-1");
    assert.deepEqual(talk.hear(command(0x30)), ["\x01031\r"]);
    assert.deepEqual(talk.wait(100), ["read-measured-1"]);
  });

  test("without an answer in 10 seconds a question is repeated; a corrupt one at once, 3 times at most", () => {
    const talk = new Talk({ waves: false }).open();
    talk.wait(600);
    for (let second = 0; second < 9; second += 1) {
      talk.hear(command(0x49));
      assert.deepEqual(talk.wait(1000), []);
    }
    talk.hear(command(0x49));
    assert.deepEqual(talk.wait(1000), ["read-measured-1"]);
    talk.hear(response(0x15));
    assert.deepEqual(talk.wait(100), ["read-measured-1"]);
    talk.hear(Buffer.from("\x01$D6 14 00\r"));
    assert.deepEqual(talk.wait(100), ["read-measured-2"]);
  });

  test("who it is, if its answer never came whole, is asked again while values are read", () => {
    const talk = new Talk({ waves: false });
    talk.wait(100);
    talk.hear(response(0x51), command(0x52));
    talk.wait(500);
    for (let time = 0; time < 3; time += 1) {
      assert.equal(talk.last(), "identify");
      talk.hear(Buffer.from("\x01R8240'Evita 4'04.10:04.0000\r"));
      talk.wait(100);
    }
    assert.equal(talk.last(), "read-measured-1");
    const asked: string[] = [];
    for (let question = 0; question < 24; question += 1) {
      asked.push(talk.last());
      if (talk.last() === "identify") {
        talk.hear(response(0x52, "8240'Evita 4'04.10:04.00"));
      } else {
        talk.hear(response(talk.said.at(-1)?.bytes[1] ?? 0, ""));
      }
      talk.wait(1000);
    }
    assert.equal(asked.filter((verb) => verb === "identify").length, 1);
    talk.hear(response(0x24, "0644.2"));
    const frames = talk.outputs.filter((output) => output.kind === "frame");
    assert.equal(frames.at(-1)?.readings.at(-1)?.code, "DRAEGER_COMPLIANCE");
  });

  test("nothing is said while the device wants silence (DC1), but not for ever", () => {
    const talk = new Talk({ waves: false }).open();
    talk.hear(Uint8Array.of(0x11));
    assert.deepEqual(talk.hear(command(0x30)), []);
    assert.deepEqual(talk.wait(1000), []);
    assert.deepEqual(talk.hear(Uint8Array.of(0x13)), ["\x01031\r"]);
    talk.hear(Uint8Array.of(0x11));
    assert.deepEqual(talk.hear(command(0x30)), []);
    assert.equal(talk.wait(2200)[0], "acknowledge");
  });
});

describe("draeger-medibus: realtime setup", () => {
  test("pressure, flow and CO2 are selected, enabled, and enabled again", () => {
    const talk = new Talk().open();
    assert.deepEqual(talk.wait(700), ["read-realtime-offer"]);
    talk.hear(response(0x53, OFFER));
    assert.deepEqual(talk.wait(100), ["select-waves"]);
    assert.equal(hex(talk).at(-1), Buffer.from(command(0x54, "000101010601")).toString("hex"));
    talk.hear(response(0x54));
    assert.ok(!talk.wait(300).includes("enable-waves"));
    assert.equal(talk.wait(100)[0], "enable-waves");
    assert.ok(hex(talk).includes("d0c1c7c0c0"));
    const enabled = (): number => talk.said.filter(({ verb }) => verb === "enable-waves").length;
    for (let turn = 0; turn < 120; turn += 1) {
      talk.hear(record([1, 2, 3]), command(0x49));
      talk.wait(100);
    }
    assert.equal(enabled(), 2);
    assert.deepEqual(talk.hear(command(0x56)), ["\x01V57\r", "\xd0\xc1\xc0\xc0\xc0"]);
  });

  test("without records for a while it begins anew; a device without curves is left in peace", () => {
    const talk = new Talk().open();
    talk.wait(700);
    talk.hear(response(0x53));
    const asked = answeredFor(talk, 60_000).filter((verb) => verb === "read-realtime-offer");
    assert.equal(asked.length, 2);
    assert.ok(!talk.said.some(({ verb }) => verb === "select-waves"));
    assert.ok(!new Talk({ waves: false }).open().wait(700).includes("read-realtime-offer"));
  });

  test("the option names other curves, as far as the device has them", () => {
    const talk = new Talk({ streams: "0A, 03 00" }).open();
    talk.wait(700);
    talk.hear(response(0x53, OFFER));
    talk.wait(100);
    assert.equal(hex(talk).at(-1), Buffer.from(command(0x54, "0A010001")).toString("hex"));
    for (const wrong of [
      "",
      "0",
      "00 00",
      "00 ZZ",
      "99",
      "00,01,02,03,05,06,07,08,0A,0B,0C,0D,0E",
    ]) {
      assert.equal(optionProblems(driver, { streams: wrong }).length, 1, wrong);
    }
    assert.deepEqual(optionProblems(driver, { streams: "00 01 03" }), []);
  });
});

describe("draeger-medibus: what may never be said", () => {
  const SINGLE = [0x51, 0x52, 0x30, 0x24, 0x2b, 0x29, 0x2a, 0x28, 0x25, 0x26, 0x2c, 0x2d, 0x53];

  test("of all commands without argument only the questions", () => {
    for (let code = 0; code < 0x100; code += 1) {
      assert.equal(isSayable(command(code)), SINGLE.includes(code), code.toString(16));
    }
  });

  test("stop, configure data response, alarms, device specific commands, trends, pumps, and any argument", () => {
    for (const code of [0x55, 0x4a, 0x49, 0x56, 0x27, 0x2e, 0x23, 0x6a, 0x6c, 0x6d, ...SINGLE]) {
      for (const argument of ["$", "$EB", "2", "0001", "0161'X'01.00:06.00"]) {
        assert.equal(isSayable(command(code, argument)), false, `${code.toString(16)} ${argument}`);
      }
    }
  });

  test("a selection with anything but whole curves, every sample, 12 at most", () => {
    assert.equal(isSayable(command(0x54, "00010601")), true);
    for (const argument of [
      "",
      "00",
      "0002",
      "000100",
      "0G01",
      "0a01",
      "0001 ",
      "0001".repeat(13),
    ]) {
      assert.equal(isSayable(command(0x54, argument)), false, argument);
    }
  });

  test("sync commands other than enabling, or with values", () => {
    assert.equal(isSayable(Uint8Array.of(0xd0, 0xc1, 0xc7, 0xc0, 0xc0)), true);
    const twelve = [0xd0, 0xc1, 0xcf, 0xc2, 0xcf, 0xc3, 0xc1, 0xc0, 0xc0];
    assert.equal(isSayable(Uint8Array.from(twelve)), true);
    for (const bytes of [
      [0xd0, 0xc6, 0xc0, 0xc0, 0xc0],
      [0xd0, 0xcf, 0xc0, 0xc0, 0xc0],
      [0xd1, 0xc1, 0xc7, 0xc0, 0xc0],
      [0xd0, 0xc1, 0xc7],
      [0xd0, 0xc1, 0xc7, 0xc0, 0xc0, 0x80, 0x80],
      [0xd0, 0xc1, 0xc7, 0xc4, 0xc1, 0xc0, 0xc0],
      [0xd0, 0xc1, 0x47, 0xc0, 0xc0],
    ]) {
      assert.equal(isSayable(Uint8Array.from(bytes)), false, String(bytes));
    }
  });

  test("a response with data, except who this is", () => {
    assert.equal(isSayable(Buffer.from(IDENTITY, "latin1")), true);
    for (const code of [0x24, 0x51, 0x52, 0x53]) {
      assert.equal(isSayable(response(code, "EB 98 ")), false);
    }
    assert.equal(isSayable(response(0x52, "0161'Other'01.00:06.00")), false);
  });

  test("a wrong checksum, one in lower case, two messages at once, or with a byte before or after", () => {
    const good = command(0x2a);
    assert.equal(isSayable(good), true);
    for (let place = 0; place < good.length; place += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const bytes = good.map((byte, at) => (at === place ? byte ^ (1 << bit) : byte));
        assert.equal(isSayable(bytes), false, `bit ${bit} of ${place}`);
      }
    }
    assert.equal(isSayable(Buffer.from("\x1bR6d\r")), false);
    assert.equal(isSayable(bytesOf(good, command(0x55))), false);
    assert.equal(isSayable(bytesOf(good, good)), false);
    assert.equal(isSayable(bytesOf(Uint8Array.of(0x1b), good)), false);
    assert.equal(isSayable(bytesOf(good, Uint8Array.of(0x0a))), false);
  });
});

function isSayable(bytes: Uint8Array): boolean {
  return driver.verbs.some(({ verb }) => mayAsk(driver, { kind: "ask", verb, bytes }));
}

function hex(talk: Talk): string[] {
  return talk.said.map(({ bytes }) => Buffer.from(bytes).toString("hex"));
}

/** Lets time pass while every question is answered with nothing. */
function answeredFor(talk: Talk, ms: number): string[] {
  const said: string[] = [];
  for (const until = talk.at + ms; talk.at < until;) {
    said.push(...talk.wait(100));
    const [start, code = 0] = talk.said.at(-1)?.bytes ?? [];
    if (start === 0x1b) {
      talk.hear(response(code));
    }
  }
  return said;
}

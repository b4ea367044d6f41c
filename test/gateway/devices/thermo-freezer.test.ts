import assert from "node:assert/strict";
import { test } from "node:test";

import type { DeviceOptions, Measured } from "../../../gateway/devices/device.ts";
import { driver } from "../../../gateway/devices/thermo-freezer/driver.ts";
import { simulator } from "../../../gateway/devices/thermo-freezer/simulator.ts";
import { lrc, rtuFrame, wrapRequest } from "../../../gateway/lines/modbus-frames.ts";
import type { ReadRequest } from "../../../gateway/lines/modbus-frames.ts";
import { planRequests, TCP_COST } from "../../../gateway/lines/modbus-plan.ts";
import { ReplyReader } from "../../../gateway/lines/modbus-reply.ts";

/** Decodes everything from registers given by the address of their parameter. */
function read(
  parameters: Readonly<Record<number, readonly number[]>>,
  options: DeviceOptions = {},
): Map<string, Measured> {
  const readings = driver
    .polls(options)
    .flatMap(({ blocks, decode }) =>
      decode(blocks.map(({ address }) => parameters[address] ?? null)).flatMap((output) =>
        output.kind === "frame" ? output.readings : [],
      ),
    );
  return new Map(readings.map((reading) => [reading.code, reading]));
}

/** The words that the line hands over for a reply as the manual prints it, or why it is refused. */
function reply(asked: ReadRequest, ascii: string): readonly number[] | string {
  const verdict = new ReplyReader(asked, "ascii").push(Buffer.from(`${ascii}\r\n`));
  if (verdict.kind !== "reply") {
    return verdict.kind === "bad" ? verdict.fault.fault : "more";
  }
  return Array.from({ length: asked.count }, (_, place) =>
    verdict.frame.readUInt16BE(3 + 2 * place),
  );
}

function request(unit: number, address: number, count = 2): ReadRequest {
  return { unit, function: 3, address, count };
}

/** Request and reply of the Isotemp manual, appendix B: parameter, address, request, reply, what it says. */
const EXAMPLES = [
  ["THERMO_CABINET_SETPOINT", 0x530, ":010305300002C5", ":010304FFFFFCE01E", "-80.0"],
  ["THERMO_WARM_ALARM_SETPOINT", 0x538, ":010305380002BD", ":010304FFFFFD44B9", "-70.0"],
  ["THERMO_CALIBRATION_OFFSET", 0x534, ":010305340002C1", ":01030400000000F8", "0.0"],
  ["THERMO_TC2", 0x4cc, ":010304CC00022A", ":010304418E4C05D8", "17.787119"],
  ["THERMO_TC3", 0x4d0, ":010304D0000226", ":010304C28DFBE4CA", "-70.991974"],
  ["THERMO_TC4", 0x4d4, ":010304D4000222", ":010304C28DF3288E", "-70.974915"],
  ["THERMO_TC5", 0x4d8, ":010304D800021E", ":0103044217D001CE", "37.95313"],
] as const;

for (const [code, address, asked, answered, text] of EXAMPLES) {
  test(`known answer of the manual: ${code} is ${text}`, () => {
    const pdu = Uint8Array.of(1, 3, address >> 8, address & 0xff, 0, 2);
    assert.equal(Buffer.from(wrapRequest(rtuFrame(pdu), "ascii")).toString(), `${asked}\r\n`);
    const words = reply(request(1, address), answered);
    assert.ok(typeof words !== "string", String(words));
    const reading = read({ [address]: words }).get(code);
    assert.deepEqual([reading?.text, reading?.unit], [text, "Cel"]);
  });
}

test("the manual's own wrong checksum is refused, and the right one taken", () => {
  // TSX and TDE manuals, parameter 1: they print 02, and 06 is right.
  const pdu = Buffer.from("190304FFFFFCE0", "hex");
  assert.equal(lrc(pdu), 0x06);
  assert.equal(reply(request(25, 0x530), ":190304FFFFFCE002"), "checksum");
  assert.deepEqual(reply(request(25, 0x530), ":190304FFFFFCE006"), [0xffff, 0xfce0]);
});

test("a status reply with one byte, as the manual prints it, is refused", () => {
  assert.equal(reply(request(25, 0x671, 1), ":19030228BA"), "foreign");
  assert.deepEqual(reply(request(25, 0x671, 1), ":1903020028BA"), [0x28]);
});

test("each parameter is asked for alone, and status words only where the site says", () => {
  const options = { "system-status": "66F", "enclosure-status": "670" };
  const requestsOf = (given: DeviceOptions): number[][] =>
    driver
      .polls(given)
      .flatMap(({ blocks }) =>
        planRequests(blocks, { cost: TCP_COST, limits: driver.limits!(given) }).map(
          ({ address, count }) => [address, count],
        ),
      );
  const usual = requestsOf({});
  assert.equal(usual.length, 13);
  assert.ok(usual.every(([, count]) => count === 2));
  const more = requestsOf(options).filter(([address = 0]) => address > 0x600);
  assert.deepEqual(more, [
    [0x66f, 1],
    [0x670, 2],
  ]);
});

test("status bits and doors", () => {
  const options = { "system-status": "671", "enclosure-status": "674" };
  const found = read({ 0x671: [0x0001], 0x674: [0x0005, 0x0600] }, options);
  assert.equal(found.get("THERMO_PULL_DOWN_ATTAINED")?.value, "yes");
  assert.equal(found.get("THERMO_POWER_FAILURE")?.value, "no");
  assert.equal(found.get("THERMO_DOOR_1")?.value, "open");
  assert.equal(found.get("THERMO_DOOR_2")?.value, "open");
  assert.equal(found.get("THERMO_ENCLOSURE_STATUS")?.text, String(0x0005_0600));
});

test("a thermocouple that is not there has no value, and neither has what is refused", () => {
  const found = read({ 0x4cc: [0xc2fe, 0x0000], 0x4d0: [0x7fc0, 0] });
  assert.deepEqual(
    [found.get("THERMO_TC2")?.value, found.get("THERMO_TC2")?.quality],
    [null, ["invalid"]],
  );
  assert.deepEqual(found.get("THERMO_TC3")?.quality, ["invalid"]);
  assert.deepEqual(found.get("THERMO_TC4")?.quality, ["unavailable"]);
});

test("the simulated freezer answers whole parameters only", () => {
  const registers = simulator.open({ seed: 1 });
  const state = { seconds: 3, sensorOff: false };
  assert.deepEqual(registers({ function: 3, address: 0x530, count: 2 }, state), [0xffff, 0xfce0]);
  assert.equal(registers({ function: 3, address: 0x530, count: 1 }, state), 2);
  assert.equal(registers({ function: 3, address: 0x531, count: 2 }, state), 2);
  assert.equal(registers({ function: 4, address: 0x530, count: 2 }, state), 2);
});

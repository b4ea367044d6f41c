import assert from "node:assert/strict";
import { describe, test } from "node:test";

import {
  ABORT,
  associationAcceptance,
  associationRequest,
  RELEASE_REQUEST,
} from "../../../gateway/devices/philips-intellivue/association.ts";
import { DatagramStream } from "../../../gateway/devices/philips-intellivue/datagram-stream.ts";
import { driver } from "../../../gateway/devices/philips-intellivue/driver.ts";
import { fcsOf } from "../../../gateway/devices/philips-intellivue/fcs.ts";
import { readMessage } from "../../../gateway/devices/philips-intellivue/message.ts";
import { extendedPoll, singlePoll } from "../../../gateway/devices/philips-intellivue/requests.ts";
import { serialFrame } from "../../../gateway/devices/philips-intellivue/serial-frames.ts";
import { bytesOf, decode, hexOf, numeric, plain, pollResult, value } from "./intellivue-text.ts";

/* Messages as public clients have them ready-made (VSCaptureMP, Class2.cs): what monitors are known to accept. */
const READY_REQUEST =
  "0dec0508130100160102800014020002c1dc3180a0808001010000a280a003000001a4803080020101060452010001308" +
  "0060251010000000030800201 02060c2a8648ce14020100000001013080060c2a8648ce140201000000020100000000" +
  "000061803080020101a0806080a180060c2a8648ce14020100000003010000be802880060c2a8648ce14020100000001" +
  "010201028148800000004000000000000000800000002000000000000000 0001002c0001002880000000000009c4" +
  "000009c4000003e8ffffffff600000000001000cf00100088c0000000000000000000000000000000000000000000000";
const READY_CREATE_RESULT = "e10000020002001400010001000e002100000000000abd000d060000";
const READY_POLL = "e10000020001001c00000007001600210000000000000000 0c160008 0001000100060000";
const READY_EXTENDED_POLL =
  "e10000020001002800010007002200210000000000000000f13b00140001000100060000 00010008f13e00040003a980";
const READY_RELEASE = "0918c11661803080020101a08062808001000000000000000000";
const READY_ABORT =
  "192e110103c129a080a0803080020101060251010000000061803080020101a08064808001010000000000000000 0000";

describe("IntelliVue messages", () => {
  test("the check sequence of a known text, and a known frame", () => {
    assert.equal(fcsOf(Buffer.from("123456789")), 0x906e);
    // C0, C1 and 7D inside of a frame are escaped; the check sequence goes low byte first.
    const frame = hexOf(serialFrame(bytesOf("c0c17d00")));
    assert.match(frame, /^c0110100047de07de17d5d00527de0c1$/);
    // Two known bodies with their checks; in the second one the check itself is escaped on the wire.
    assert.equal(fcsOf(Buffer.from("3a71", "hex")), 0x26_9b);
    assert.equal(fcsOf(Buffer.from("3a91", "hex")), 0xc1_95);
  });

  test("requests are those of public clients, byte for byte", () => {
    const wish = {
      minPollTicks: 2500,
      receiveBytesMax: 2500,
      sendBytesMax: 1000,
      options: 0x8c_00_00_00,
    };
    assert.equal(hexOf(associationRequest(wish)), plain(READY_REQUEST));
    assert.equal(associationRequest(wish).length, 238);
    assert.equal(hexOf(singlePoll(1, 6, 0)), plain(READY_POLL).replace("1c0000", "1c0001"));
    assert.equal(hexOf(extendedPoll(1, 6, 240_000)), plain(READY_EXTENDED_POLL));
    assert.equal(hexOf(RELEASE_REQUEST), READY_RELEASE);
    assert.equal(hexOf(ABORT), plain(READY_ABORT));
  });

  test("the create event is confirmed with the 28 known bytes", () => {
    const decoder = driver.open({}, "udp");
    const event =
      "e1000002 0001 001e 0001 0001 0018 0021 0000 0000 000abd00 0d06 000a 0021 0000 0000 0000 0000";
    const asks = decoder.push(bytesOf(event), 0);
    assert.deepEqual(
      asks.map((ask) => ask.kind === "ask" && [ask.verb, hexOf(ask.bytes)]),
      [["confirm-mds-create", READY_CREATE_RESULT]],
    );
  });

  test("an acceptance tells what is granted, also with a long session header", () => {
    const granted = {
      minPollTicks: 4000,
      receiveBytesMax: 1000,
      sendBytesMax: 1456,
      options: 2 ** 31,
    };
    const accepted = readMessage(associationAcceptance(granted));
    assert.deepEqual(accepted, { kind: "accepted", minPollTicks: 4000, options: 2 ** 31 });
    const short = associationAcceptance(granted);
    const long = Uint8Array.from([0x0e, 0xff, 0x00, short[1] ?? 0, ...short.subarray(2)]);
    assert.deepEqual(readMessage(long), accepted);
    assert.deepEqual(readMessage(bytesOf("0e 02 00 00")), {
      kind: "accepted",
      minPollTicks: null,
      options: null,
    });
  });

  test("a message whose lengths do not fit is none", () => {
    const whole = pollResult({ objects: [numeric(1, value(0x41_82, 0, 0x0a_a0, "00000048"))] });
    assert.equal(readMessage(bytesOf(whole))?.kind, "reply");
    for (let place = 0; place < whole.length; place += 2) {
      const [shorter, longer] = [whole.slice(0, place) + whole.slice(place + 2), `${whole}00`];
      assert.equal(readMessage(bytesOf(shorter)), null, `without the byte at ${place / 2}`);
      assert.equal(readMessage(bytesOf(longer)), null);
    }
  });
});

describe("IntelliVue framings", () => {
  test("a missing part of a linked result is told", () => {
    const part = (number: number | null): string =>
      pollResult({ part: number, objects: [numeric(1, value(0x41_82, 0, 0x0a_a0, "00000048"))] });
    const faults = (parts: readonly (number | null)[]): number =>
      decode(parts.map(part)).filter(({ kind }) => kind === "fault").length;
    assert.equal(faults([1, 2, 3, null, 1, 2, null]), 0);
    assert.equal(faults([2, 3, null, null]), 0, "a recording may start anywhere");
    assert.equal(faults([1, 3, null]), 1);
  });

  test("concatenated datagrams with noise, unknown messages and a broken length", () => {
    const good = bytesOf(
      pollResult({ objects: [numeric(1, value(0x41_82, 0, 0x0a_a0, "00000048"))] }),
    );
    const indication = bytesOf(
      "00000100 0001 0014 0000 0000 000e 0023 0000 0000 00000000 0d17 0000",
    );
    const longer = good.map((byte, place) => (place === 7 ? byte + 40 : byte));
    const bytes = Buffer.concat([
      bytesOf("ffee"),
      good,
      indication,
      longer,
      good,
      good.subarray(0, 9),
    ]);
    for (const piece of [1, 7, bytes.length]) {
      const stream = new DatagramStream();
      const found = [];
      for (let from = 0; from < bytes.length; from += piece) {
        found.push(...stream.push(bytes.subarray(from, from + piece)));
      }
      found.push(...stream.end());
      assert.equal(found.filter(({ kind }) => kind === "reply").length, 2);
      const lost = found.reduce((sum, item) => sum + (item.kind === "fault" ? item.bytes : 0), 0);
      assert.equal(lost, 2 + longer.length + 9);
    }
  });

  test("a frame that its sender gave up, one without end, one of another protocol", () => {
    const decoder = driver.open({}, "serial");
    const outputs = decoder.push(bytesOf("c0 1101 0004 e100 7dc1 c0 1101 0004 c0 1102 0000 c1"), 0);
    const faults = [...outputs, ...(decoder.end?.(0) ?? [])];
    assert.deepEqual(
      faults.map((output) => output.kind === "fault" && [output.fault, output.bytes]),
      [
        ["truncated", 14],
        ["noise", 6],
      ],
    );
  });

  test("refusals, aborts and errors are told in words", () => {
    const outputs = decode(["0c020000", plain(READY_ABORT), "e1000002 0003 0006 0005 0009 0000"]);
    assert.deepEqual(
      outputs.map((output) => output.kind === "fault" && [output.fault, output.bytes]),
      [
        ["refused", 0],
        ["aborted", 0],
        ["refused", 0],
      ],
    );
  });
});

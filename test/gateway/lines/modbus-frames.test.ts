import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import {
  countMax,
  crc16,
  lrc,
  parseReadRequest,
  replyDataBytes,
  rtuFrame,
  wrapRequest,
} from "../../../gateway/lines/modbus-frames.ts";
import type { Framing, ReadRequest } from "../../../gateway/lines/modbus-frames.ts";
import { ReplyReader } from "../../../gateway/lines/modbus-reply.ts";

const FRAMINGS: readonly Framing[] = ["tcp", "rtu", "ascii"];

test("checksums have their known answers", () => {
  assert.equal(crc16(Buffer.from("123456789")), 0x4b37);
  assert.equal(crc16(Uint8Array.of(1, 4, 0, 0, 0, 1)), 0xca31);
  assert.equal(lrc(Buffer.from("010305300002", "hex")), 0xc5);
  assert.equal(lrc(Buffer.from("010304FFFFFCE0", "hex")), 0x1e);
});

test("only functions 1 to 4 pass the gate, whatever else the bytes are", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 255 }),
      fc.uint8Array({ minLength: 1, maxLength: 12 }),
      (unit, rest) => {
        const frame = rtuFrame(Uint8Array.of(unit, ...rest));
        const isRead = rest.length === 5 && rest[0] !== undefined && rest[0] >= 1 && rest[0] <= 4;
        try {
          const request = parseReadRequest(frame);
          assert.ok(isRead);
          assert.ok(request.count >= 1 && request.count <= countMax(request.function));
        } catch (error) {
          assert.equal((error as { code: string }).code, "WARD_MODBUS_NOT_A_READ");
        }
      },
    ),
  );
});

test("a request with a broken checksum or a length of its own is not sent", () => {
  const frame = rtuFrame(Uint8Array.of(1, 4, 0, 0, 0, 15));
  assert.deepEqual(parseReadRequest(frame), { unit: 1, function: 4, address: 0, count: 15 });
  frame[7] = 0;
  assert.throws(() => parseReadRequest(frame), /checksum/);
  assert.throws(() => parseReadRequest(rtuFrame(Uint8Array.of(1, 3, 0, 0, 0, 126))), /126 values/);
  assert.throws(() => parseReadRequest(rtuFrame(Uint8Array.of(1, 3, 0, 0, 0, 0))), /0 values/);
});

const requests = fc.record({
  unit: fc.integer({ min: 1, max: 247 }),
  function: fc.constantFrom(1 as const, 2 as const, 3 as const, 4 as const),
  address: fc.integer({ min: 0, max: 60_000 }),
  count: fc.integer({ min: 1, max: 125 }),
});

function replyTo(request: ReadRequest, framing: Framing, transaction: number): Buffer {
  const data = Array.from({ length: replyDataBytes(request) }, (_, place) => place & 0xff);
  const pdu = Uint8Array.of(request.unit, request.function, data.length, ...data);
  return Buffer.from(wrapRequest(rtuFrame(pdu), framing, transaction));
}

test("the exact reply passes in every framing, cut anywhere", () => {
  fc.assert(
    fc.property(
      requests,
      fc.constantFrom(...FRAMINGS),
      fc.integer({ min: 1, max: 65_535 }),
      fc.integer({ min: 1, max: 40 }),
      (request, framing, transaction, cut) => {
        const bytes = replyTo(request, framing, transaction);
        const reader = new ReplyReader(request, framing, transaction);
        for (let from = 0; from < bytes.length; from += cut) {
          const verdict = reader.push(bytes.subarray(from, from + cut));
          assert.equal(verdict.kind, from + cut < bytes.length ? "more" : "reply");
          if (verdict.kind === "reply") {
            assert.equal(verdict.frame.readUInt8(0), request.unit);
            assert.equal(crc16(verdict.frame), 0);
          }
        }
      },
    ),
  );
});

test("a reply with any one byte changed, left out or added never passes", () => {
  fc.assert(
    fc.property(
      requests,
      fc.constantFrom<Framing>("rtu", "ascii"),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      fc.constantFrom("change", "leave out", "add"),
      (request, framing, where, difference, how) => {
        const bytes = [...replyTo(request, framing, 1)];
        const place = where % bytes.length;
        if (how === "change") {
          bytes[place] = (bytes[place] ?? 0) ^ difference;
        } else {
          bytes.splice(place, how === "add" ? 0 : 1, ...(how === "add" ? [difference] : []));
        }
        const original = replyTo(request, framing, 1);
        // ASCII hexadecimal may be written small: the same bytes.
        const same = Buffer.from(bytes).toString("latin1").toUpperCase();
        fc.pre(same !== original.toString("latin1").toUpperCase());
        fc.pre(!same.startsWith(original.toString("latin1").toUpperCase()) || how === "add");
        const verdict = new ReplyReader(request, framing, 1).push(Uint8Array.from(bytes));
        assert.notEqual(verdict.kind, "reply");
      },
    ),
    { numRuns: 1000 },
  );
});

test("random bytes are never a reply and never throw", () => {
  fc.assert(
    fc.property(
      requests,
      fc.constantFrom(...FRAMINGS),
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }),
      (request, framing, pieces) => {
        const reader = new ReplyReader(request, framing, 7);
        for (const piece of pieces) {
          const verdict = reader.push(piece);
          if (verdict.kind !== "more") {
            assert.equal(verdict.kind, "bad");
            return;
          }
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test("an exception is a reply; one to another function is not", () => {
  const request: ReadRequest = { unit: 9, function: 4, address: 0, count: 5 };
  const exception = (code: number): Buffer => rtuFrame(Uint8Array.of(9, code, 2));
  assert.equal(new ReplyReader(request, "rtu", 1).push(exception(0x84)).kind, "reply");
  assert.equal(new ReplyReader(request, "rtu", 1).push(exception(0x83)).kind, "bad");
});

test("Modbus TCP: another transaction, protocol, unit or length is not the reply", () => {
  const request: ReadRequest = { unit: 9, function: 3, address: 0, count: 2 };
  const good = replyTo(request, "tcp", 300);
  assert.equal(new ReplyReader(request, "tcp", 300).push(good).kind, "reply");
  for (const place of [0, 1, 2, 3, 4, 6, 7, 8]) {
    const other = Buffer.from(good);
    other[place] = (other[place] ?? 0) ^ 0x11;
    assert.equal(new ReplyReader(request, "tcp", 300).push(other).kind, "bad", `byte ${place}`);
  }
  assert.equal(new ReplyReader(request, "tcp", 300).push(Buffer.concat([good, good])).kind, "bad");
});

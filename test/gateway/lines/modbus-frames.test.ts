import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import {
  countMax,
  crc16,
  lrc,
  parseReadRequest,
  readTcpRequests,
  readValues,
  replyDataBytes,
  rtuFrame,
  wrapRequest,
  writeTcpRequest,
} from "../../../gateway/lines/modbus-frames.ts";
import type { ReadRequest } from "../../../gateway/lines/modbus-frames.ts";
import { ReplyReader } from "../../../gateway/lines/modbus-reply.ts";

const FRAMINGS = ["rtu", "ascii"] as const;

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

function replyTo(request: ReadRequest, framing: "rtu" | "ascii"): Buffer {
  const data = Array.from({ length: replyDataBytes(request) }, (_, place) => place & 0xff);
  const pdu = Uint8Array.of(request.unit, request.function, data.length, ...data);
  return Buffer.from(wrapRequest(rtuFrame(pdu), framing));
}

test("the exact reply passes in every framing, cut anywhere", () => {
  fc.assert(
    fc.property(
      requests,
      fc.constantFrom(...FRAMINGS),
      fc.integer({ min: 1, max: 40 }),
      (request, framing, cut) => {
        const bytes = replyTo(request, framing);
        const reader = new ReplyReader(request, framing);
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
      fc.constantFrom(...FRAMINGS),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      fc.constantFrom("change", "leave out", "add"),
      (request, framing, where, difference, how) => {
        const bytes = [...replyTo(request, framing)];
        const place = where % bytes.length;
        if (how === "change") {
          bytes[place] = (bytes[place] ?? 0) ^ difference;
        } else {
          bytes.splice(place, how === "add" ? 0 : 1, ...(how === "add" ? [difference] : []));
        }
        const original = replyTo(request, framing);
        // ASCII hexadecimal may be written small: the same bytes.
        const same = Buffer.from(bytes).toString("latin1").toUpperCase();
        fc.pre(same !== original.toString("latin1").toUpperCase());
        fc.pre(!same.startsWith(original.toString("latin1").toUpperCase()) || how === "add");
        const verdict = new ReplyReader(request, framing).push(Uint8Array.from(bytes));
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
        const reader = new ReplyReader(request, framing);
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

test("another unit is named only when its frame is whole: noise is nobody", () => {
  fc.assert(
    fc.property(
      requests,
      fc.constantFrom(...FRAMINGS),
      fc.integer({ min: 1, max: 255 }),
      (request, framing, other) => {
        const bytes = replyTo({ ...request, unit: other }, framing);
        const whole = new ReplyReader(request, framing).push(bytes);
        const isOther = other !== request.unit;
        assert.equal(
          whole.kind === "bad" ? whole.fault.unit : undefined,
          isOther ? other : undefined,
        );
        const noise = Buffer.from(bytes);
        noise[bytes.length - 3] = noise.readUInt8(bytes.length - 3) ^ 1;
        const verdict = new ReplyReader(request, framing).push(noise);
        assert.equal(verdict.kind, "bad");
        assert.equal(verdict.fault.unit, undefined);
      },
    ),
  );
});

test("an exception is a reply; one to another function is not", () => {
  const request: ReadRequest = { unit: 9, function: 4, address: 0, count: 5 };
  const exception = (code: number): Buffer => rtuFrame(Uint8Array.of(9, code, 2));
  assert.equal(new ReplyReader(request, "rtu").push(exception(0x84)).kind, "reply");
  assert.equal(new ReplyReader(request, "rtu").push(exception(0x83)).kind, "bad");
});

test("the gate of Modbus TCP lets whole read requests out, and nothing else", () => {
  const bytes = Buffer.alloc(24);
  writeTcpRequest(bytes, 0, 7, { unit: 3, function: 4, address: 100, count: 12 });
  writeTcpRequest(bytes, 12, 8, { unit: 3, function: 1, address: 65_535, count: 1 });
  assert.equal(bytes.toString("hex"), "00070000000603040064000c0008000000060301ffff0001");
  assert.deepEqual(readTcpRequests(bytes), [
    { unit: 3, function: 4, address: 100, count: 12 },
    { unit: 3, function: 1, address: 65_535, count: 1 },
  ]);
  fc.assert(
    fc.property(fc.nat({ max: 23 }), fc.integer({ min: 1, max: 255 }), (place, difference) => {
      const other = Buffer.from(bytes);
      other[place] = (other[place] ?? 0) ^ difference;
      try {
        for (const request of readTcpRequests(other)) {
          assert.ok(request.function >= 1 && request.function <= 4);
          assert.ok(request.count >= 1 && request.count <= countMax(request.function));
        }
        // Numbers, units, addresses, counts and the kind of read may be any.
        assert.ok(![2, 3, 4, 5].includes(place % 12));
      } catch (error) {
        assert.equal((error as { code?: string }).code, "WARD_MODBUS_NOT_A_READ");
      }
    }),
  );
  for (const code of [0, 5, 6, 7, 8, 15, 16, 17, 20, 21, 22, 23, 24, 43, 65, 90, 128, 131, 255]) {
    bytes[19] = code;
    assert.throws(() => readTcpRequests(bytes), { code: "WARD_MODBUS_NOT_A_READ" });
  }
  assert.throws(() => readTcpRequests(bytes.subarray(0, 11)), { code: "WARD_MODBUS_NOT_A_READ" });
  assert.throws(() => readTcpRequests(Buffer.alloc(0)), { code: "WARD_MODBUS_NOT_A_READ" });
});

test("values are read as they are written: registers big-endian, bits from the lowest", () => {
  const bytes = Buffer.from("00ff1234ffff05", "hex");
  assert.deepEqual(readValues(bytes, 2, 3, 0, 2), [0x1234, 0xffff]);
  assert.deepEqual(readValues(bytes, 6, 1, 0, 4), [1, 0, 1, 0]);
  assert.deepEqual(readValues(bytes, 0, 4, 1, 3), [0x1234, 0xffff]);
  assert.deepEqual(readValues(bytes, 1, 2, 7, 10), [1, 0, 1]);
});

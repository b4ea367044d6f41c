import assert from "node:assert/strict";
import { describe, test } from "node:test";

import * as fc from "fast-check";

import { judgeRefusal, publishError, reasonText } from "../../../gateway/mqtt/broker-answers.ts";
import { classifyTls } from "../../../gateway/mqtt/broker-tls.ts";
import { parseBrokerUrl } from "../../../gateway/mqtt/mqtt-options.ts";
import { PacketGuard } from "../../../gateway/mqtt/mqtt-packet-guard.ts";
import { PublishWindow } from "../../../gateway/mqtt/publish-window.ts";

/** A packet of MQTT with so many bytes after its fixed header. */
function packet(bytes: number): Buffer {
  const head = [0x30];
  let rest = bytes;
  do {
    head.push((rest % 128) + (rest >= 128 ? 128 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return Buffer.concat([Buffer.from(head), Buffer.alloc(bytes, 0xff)]);
}

/** Cuts bytes into pieces of these lengths, over and over. */
function* pieces(bytes: Buffer, lengths: readonly number[]): Generator<Buffer> {
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const length = lengths[turn % lengths.length] ?? 1;
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

function coded(code: string | number, message = "x"): Error {
  return Object.assign(new Error(message), { code });
}

describe("packet guard", () => {
  test("passes packets up to the limit and stops the first that is longer, cut anywhere", () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 8 });
    const cuts = fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(sizes, cuts, fc.integer({ min: 0, max: 20_000 }), (lengths, cut, limit) => {
        const guard = new PacketGuard(limit);
        const stream = Buffer.concat(lengths.map(packet));
        const passed = [...pieces(stream, cut)].every((piece) => guard.accept(piece));
        assert.equal(
          passed,
          lengths.every((length) => length <= limit),
        );
      }),
    );
  });

  test("stops a length of more than four bytes", () => {
    assert.equal(new PacketGuard(2 ** 28).accept(Buffer.from([0x30, 255, 255, 255, 127])), true);
    assert.equal(new PacketGuard(2 ** 28).accept(Buffer.from([0x30, 255, 255, 255, 255])), false);
  });

  test("takes any bytes without throwing", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 })), (chunks) => {
        const guard = new PacketGuard(1000);
        for (const chunk of chunks) {
          assert.equal(typeof guard.accept(chunk), "boolean");
        }
      }),
    );
  });
});

describe("publish window", () => {
  test("never lets in more than it has places, keeps the order and loses nobody", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 0, max: 30 }),
        async (max, count) => {
          const window = new PublishWindow(max);
          const entered: number[] = [];
          let inside = 0;
          let most = 0;
          await Promise.all(
            Array.from({ length: count }, async (_, n) => {
              await window.enter();
              inside += 1;
              most = Math.max(most, inside);
              entered.push(n);
              await Promise.resolve();
              inside -= 1;
              window.leave();
            }),
          );
          assert.ok(most <= max);
          assert.deepEqual(
            entered,
            Array.from({ length: count }, (_, n) => n),
          );
          await window.enter();
        },
      ),
    );
  });
});

describe("judging a broker", () => {
  const broker = "broker:8883";

  test("tells whose fault a TLS failure is", () => {
    const cases: readonly [string, string, RegExp][] = [
      ["ECONNREFUSED", "WARD_BROKER_UNREACHABLE", /network/],
      ["ENOTFOUND", "WARD_BROKER_UNREACHABLE", /address/],
      ["SELF_SIGNED_CERT_IN_CHAIN", "WARD_BROKER_CERTIFICATE", /root/],
      ["CERT_HAS_EXPIRED", "WARD_BROKER_CERTIFICATE", /expired/],
      ["CERT_REVOKED", "WARD_BROKER_CERTIFICATE", /revoked/],
      ["CRL_HAS_EXPIRED", "WARD_BROKER_CERTIFICATE", /our revocation list/],
      ["ERR_TLS_CERT_ALTNAME_INVALID", "WARD_BROKER_CERTIFICATE", /host name/],
      ["INVALID_PURPOSE", "WARD_BROKER_CERTIFICATE", /not for a server/],
      ["CERT_NOT_YET_VALID", "WARD_CLOCK", /clock/],
      ["ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", "WARD_IDENTITY_REFUSED", /unknown ca/],
      ["ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED", "WARD_IDENTITY_REFUSED", /expired/],
      ["ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "WARD_IDENTITY_REFUSED", /required/],
      ["ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", "WARD_BROKER_TLS", /TLS 1.3/],
      ["ERR_SSL_WRONG_VERSION_NUMBER", "WARD_BROKER_TLS", /TLS port/],
    ];
    for (const [code, expected, text] of cases) {
      const error = classifyTls(coded(code), broker);
      assert.equal(error.code, expected, code);
      assert.match(error.message, text, code);
      assert.ok(error.message.includes(broker));
    }
  });

  test("asks for another version only when the answer may mean that, and only once", () => {
    const refused = (code: number): Error => coded(code, "Connection refused: x");
    const plain = [new Error("closed"), coded("ECONNRESET"), coded("EPIPE")];
    for (const error of [refused(1), refused(132), ...plain]) {
      assert.equal(judgeRefusal(error, { broker, fallBack: "if-closed" }), "other-version");
      assert.notEqual(judgeRefusal(error, { broker, fallBack: "no" }), "other-version");
      const told = judgeRefusal(error, { broker, fallBack: "if-told" });
      assert.equal(told === "other-version", !plain.includes(error));
    }
    const final: readonly [Error, string][] = [
      [refused(5), "WARD_BROKER_REFUSED"],
      [refused(135), "WARD_BROKER_REFUSED"],
      [new Error("connack timeout"), "WARD_BROKER_UNREACHABLE"],
      [coded("ERR_SSL_TLSV1_ALERT_UNKNOWN_CA"), "WARD_IDENTITY_REFUSED"],
    ];
    for (const [error, expected] of final) {
      const verdict = judgeRefusal(error, { broker, fallBack: "if-closed" });
      assert.ok(verdict !== "other-version");
      assert.equal(verdict.code, expected);
    }
    for (const error of plain) {
      const verdict = judgeRefusal(error, { broker, fallBack: "no" });
      assert.ok(verdict !== "other-version" && verdict.code === "WARD_IDENTITY_REFUSED");
    }
  });

  test("never throws, whatever was thrown", () => {
    const modes = fc.constantFrom("no", "if-told", "if-closed");
    fc.assert(
      fc.property(fc.anything(), modes, (thrown, fallBack) => {
        const verdict = judgeRefusal(thrown, { broker, fallBack });
        assert.ok(verdict === "other-version" || verdict.code.startsWith("WARD_"));
      }),
    );
  });

  test("tells a refused publish from a lost one", () => {
    assert.equal(publishError("t", coded(135)).code, "WARD_PUBLISH_REFUSED");
    assert.match(publishError("t", coded(135)).message, /not authorized/);
    assert.equal(publishError("t", new Error("Connection closed")).code, "WARD_BROKER_LOST");
    assert.equal(reasonText(250), "reason code 250");
  });
});

describe("broker URL", () => {
  test("is read with its default port and without brackets", () => {
    assert.deepEqual(parseBrokerUrl("mqtts://broker.example"), {
      host: "broker.example",
      port: 8883,
    });
    assert.deepEqual(parseBrokerUrl("mqtts://[::1]:18883"), { host: "::1", port: 18_883 });
  });

  test("is refused when it is anything else, and never shown: it may hold a password", () => {
    for (const url of [
      "",
      "mqtt://a",
      "tcp://a:1",
      "mqtts://",
      "mqtts://user:secret@a",
      "a:8883",
    ]) {
      assert.throws(() => parseBrokerUrl(url), { code: "WARD_BROKER_URL" });
      assert.throws(
        () => parseBrokerUrl(url),
        (error) => error instanceof Error && !error.message.includes("secret"),
      );
    }
  });
});

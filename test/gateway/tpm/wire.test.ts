import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import fc from "fast-check";

import { WardError } from "../../../gateway/errors.ts";
import { TpmDevice } from "../../../gateway/tpm/device.ts";
import {
  answerLength,
  readAnswer,
  sized,
  TpmError,
  TpmReader,
  u16,
  u32,
  writeCommand,
} from "../../../gateway/tpm/wire.ts";

/** The bytes to and from a TPM. What a TPM makes of them, test/system/tpm.test.ts shows. */

test("a command without and with authorisation is as the specification has it", () => {
  // TPM2_GetRandom of 8 bytes, as tpm2_getrandom sends it.
  const plain = writeCommand({ code: 0x17b, parameters: u16(8) });
  assert.equal(plain.toString("hex"), "80010000000c0000017b0008");
  // TPM2_EvictControl: owner and object, an empty password for the owner.
  const evict = writeCommand({
    code: 0x120,
    handles: [0x4000_0001, 0x8000_0000],
    sessions: [0x4000_0009],
    parameters: u32(0x8101_5700),
  });
  const parts = ["8002", "00000023", "00000120", "40000001", "80000000", "00000009"];
  parts.push("400000090000000000", "81015700");
  assert.equal(evict.toString("hex"), parts.join(""));
});

test("an answer gives its handle and parameters, or says why there are none", () => {
  const parts = ["80020000001b00000000", "80000001", "00000004", "00020102", "0000000000"];
  const loaded = Buffer.from(parts.join(""), "hex");
  const { handle, parameters } = readAnswer(loaded, { code: 0x157, handlesBack: 1 });
  assert.equal(handle, 0x8000_0001);
  assert.deepEqual(parameters.sized(), Buffer.of(1, 2));
  assert.throws(() => parameters.u8(), { code: "WARD_TPM" });
  const answered = (code: number): Buffer => Buffer.concat([u16(0x8001), u32(10), u32(code)]);
  for (const [code, reason, words] of [
    [0x18b, 0x8b, /not in it/],
    [0x99d, 0x9d, /was not started as it was/],
    [0x1df, 0x9f, /not of this TPM/],
    [0x902, 0x902, /too many objects.*\/dev\/tpmrm0/],
    [0x101, 0x101, /tpm2_rc_decode/],
  ] as const) {
    assert.throws(
      () => readAnswer(answered(code), { code: 0x15e }),
      (error) => error instanceof TpmError && error.reason === reason && words.test(error.message),
      code.toString(16),
    );
  }
  assert.throws(() => readAnswer(answered(0).subarray(0, 9), { code: 1 }), { code: "WARD_TPM" });
});

test("noise is no answer, and never anything but a WardError", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.constantFrom(0, 1), (noise, handlesBack) => {
      try {
        readAnswer(Buffer.from(noise), { code: 1, handlesBack });
      } catch (error) {
        assert.ok(error instanceof WardError);
      }
    }),
  );
});

test("an answer that comes in pieces is known by its length", () => {
  const answer = Buffer.concat([u16(0x8001), u32(14), u32(0), u32(7)]);
  assert.equal(answerLength(answer.subarray(0, 9)), null);
  assert.equal(answerLength(answer.subarray(0, 10)), 14);
});

test("a structure is read in its parts", () => {
  const reader = new TpmReader(
    Buffer.concat([
      Buffer.of(5),
      u16(6),
      u32(7),
      sized(Buffer.of(8), Buffer.of(9)),
      Buffer.alloc(7),
      Buffer.of(1),
    ]),
  );
  assert.deepEqual([reader.u8(), reader.u16(), reader.u32()], [5, 6, 7]);
  assert.deepEqual(reader.sized(), Buffer.of(8, 9));
  assert.equal(reader.u64(), 1n);
});

test("a number has zeros in front, and one that is too long is none", () => {
  const two = new TpmReader(Buffer.concat([sized(Buffer.of(7)), sized(Buffer.alloc(5, 1))]));
  assert.deepEqual(two.number(4), Buffer.of(0, 0, 0, 7));
  assert.throws(() => two.number(4), { code: "WARD_TPM", message: /too long/ });
});

test("a device that is none, or does not answer, is said to be so", () => {
  assert.throws(() => TpmDevice.use("/nonexistent", () => 0), {
    code: "WARD_TPM_ABSENT",
    message:
      "Cannot use the TPM at /nonexistent: ENOENT. Is there a TPM, is it switched on, and may this user open it?",
  });
  assert.throws(() => TpmDevice.use("/dev/null", (device) => device.send({ code: 0x17b })), {
    code: "WARD_TPM",
    message: /it does not answer/,
  });
  assert.throws(() => TpmDevice.use("/dev/urandom", (device) => device.send({ code: 0x17b })), {
    code: "WARD_TPM",
  });
});

test("a wrong path is written into by nobody", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "ward-no-tpm-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "file");
  writeFileSync(file, "what was there");
  assert.throws(() => TpmDevice.use(file, (device) => device.send({ code: 0x17b })), {
    code: "WARD_TPM_ABSENT",
    message: /file: it is no such device\. Is there/,
  });
  assert.equal(readFileSync(file, "utf8"), "what was there");
});

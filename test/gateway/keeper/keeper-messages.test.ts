import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { WardError } from "../../../gateway/errors.ts";
import { parseFlowhostToKeeper, parseKeeperConfig } from "../../../gateway/keeper/messages.ts";
import { readNeedEpoch, readReceipt } from "../../../gateway/uplink/uplink-messages.ts";
import { signReceipt } from "../../../gateway/sealing/receipt.ts";
import { signingKeys } from "../../fakes/sealing-kit.ts";

const BLOBS = [new Uint8Array(1), new Uint8Array(2)];

test("messages of the flow host are taken as they are meant, and nothing else with them", () => {
  const put = { t: "put", id: 1, epochs: [0], batches: [{ class: "vital", blob: 1 }], tally: 1 };
  assert.deepEqual(parseFlowhostToKeeper({ ...put, more: 1 }, BLOBS), put);
  const load = { t: "load", id: 2, what: "flows" };
  assert.deepEqual(parseFlowhostToKeeper(load, []), load);
  const signed = { t: "load", id: 2, what: "signed-flows" };
  assert.deepEqual(parseFlowhostToKeeper(signed, []), signed);
  const save = { t: "save", id: 3, what: "settings" };
  assert.deepEqual(parseFlowhostToKeeper(save, [Buffer.from("{}")]), save);
  assert.deepEqual(parseFlowhostToKeeper({ t: "hello", version: 1 }, []), {
    t: "hello",
    version: 1,
  });
});

test("what is wrong in a message is refused", () => {
  const put = { t: "put", id: 1, epochs: [0], batches: [{ class: "vital", blob: 1 }], tally: 1 };
  const wrong: unknown[] = [
    null,
    [],
    "put",
    { ...put, id: -1 },
    { ...put, tally: 2 },
    { ...put, epochs: ["0"] },
    { ...put, epochs: {} },
    { ...put, batches: [{ class: "tally", blob: 1 }] },
    { ...put, batches: [{ class: "vital", blob: 0.5 }] },
    { ...put, batches: [1] },
    { t: "eval" },
    // With more blobs than it asks for.
    { t: "load", id: 2, what: "flows" },
    { t: "save", id: 2, what: "flows" },
    { t: "hello", version: 1 },
  ];
  for (const value of wrong) {
    assert.throws(() => parseFlowhostToKeeper(value, BLOBS), { code: "WARD_ROOM_MESSAGE" });
  }
  for (const [value, blobs] of [
    [{ t: "load", id: 2, what: "checkpoint" }, []],
    [{ t: "save", id: 2, what: "flows" }, []],
    [{ t: "save", id: 2, what: "signed-flows" }, [new Uint8Array(1)]],
    [{ t: "eval" }, []],
  ] as const) {
    assert.throws(() => parseFlowhostToKeeper(value, blobs), { code: "WARD_ROOM_MESSAGE" });
  }
  assert.throws(() => parseFlowhostToKeeper({ t: "hello", version: 2 }, []), {
    code: "WARD_ROOM_VERSION",
  });
});

test("anything at all is either a message or a WardError", () => {
  const message = fc.record(
    {
      t: fc.constantFrom("hello", "put", "load", "save", "x"),
      id: fc.anything(),
      version: fc.anything(),
      epochs: fc.oneof(fc.array(fc.anything()), fc.anything()),
      batches: fc.oneof(fc.array(fc.anything()), fc.anything()),
      tally: fc.anything(),
      what: fc.anything(),
    },
    { requiredKeys: ["t"] },
  );
  fc.assert(
    fc.property(fc.oneof(message, fc.anything()), (value) => {
      for (const parse of [
        () => parseFlowhostToKeeper(value, BLOBS),
        () => parseKeeperConfig(value),
      ]) {
        try {
          parse();
        } catch (error) {
          assert.ok(error instanceof WardError, String(error));
        }
      }
    }),
  );
});

test("a receipt counts only with the pinned key and for this gateway", () => {
  const { publicKey, privateKey } = signingKeys();
  const receipt = {
    version: 1,
    gateway: "gw-1",
    store: "0011223344556677",
    at: 1,
    ranges: { vital: [[1, 3]], tally: [[2, 2]] },
    rejects: [{ class: "wave", sequence: 9, reason: "bad" }],
  } as const;
  const bytes = signReceipt(receipt, privateKey);
  assert.deepEqual(readReceipt(bytes, publicKey, "gw-1"), {
    store: receipt.store,
    ranges: [
      { class: "vital", range: [1, 3] },
      { class: "tally", range: [2, 2] },
    ],
    rejects: receipt.rejects,
  });
  assert.throws(() => readReceipt(bytes, publicKey, "gw-2"), { code: "WARD_RECEIPT" });
  assert.throws(() => readReceipt(bytes, signingKeys().publicKey, "gw-1"), {
    code: "WARD_RECEIPT",
  });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (noise) => {
      assert.throws(() => readReceipt(noise, publicKey, "gw-1"), { code: "WARD_RECEIPT" });
    }),
  );
});

test("asked-for epochs are 1 to 64 ids", () => {
  const id = Uint8Array.from({ length: 16 }, (_, place) => place);
  const hex = "000102030405060708090a0b0c0d0e0f";
  assert.deepEqual(readNeedEpoch(id), [hex]);
  assert.deepEqual(readNeedEpoch(Buffer.concat([id, id])), [hex, hex]);
  for (const length of [0, 15, 17, 65 * 16]) {
    assert.throws(() => readNeedEpoch(new Uint8Array(length)), { code: "WARD_NEED_EPOCH" });
  }
});

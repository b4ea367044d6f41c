import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { constants, zstdCompressSync } from "node:zlib";

import * as fc from "fast-check";

import { errorCode, WardError } from "../../../gateway/errors.ts";
import { encodeItems } from "../../../gateway/sealing/batch.ts";
import { decodeTagged, encodeTagged } from "../../../gateway/sealing/cbor.ts";
import type { CborValue } from "../../../gateway/sealing/cbor.ts";
import { ColumnWriter } from "../../../gateway/columns.ts";
import { makeEncrypt0, makeSign1 } from "../../../gateway/sealing/cose.ts";
import {
  CONTEXT,
  fromHex,
  RECORD_BYTES_MAX,
  RECORD_CLASSES,
  readSealedHeader,
  sealedHeaders,
} from "../../../gateway/sealing/envelope.ts";
import type { RecordPlace, SealedHeader } from "../../../gateway/sealing/envelope.ts";
import { recordKey } from "../../../gateway/sealing/epoch.ts";
import { encodeGap } from "../../../gateway/sealing/gap.ts";
import {
  openGap,
  openItems,
  openTally,
  readEpoch,
  readRecord,
} from "../../../gateway/sealing/open.ts";
import { DICTIONARY_1 } from "../../../gateway/sealing/dictionary.ts";
import { CONTENT_BYTES_MAX, pack, unpack } from "../../../gateway/sealing/pack.ts";
import { keyId, RecordSigner } from "../../../gateway/sealing/sign.ts";
import type { Sealer } from "../../../gateway/sealing/seal.ts";
import { encodeTally } from "../../../gateway/sealing/tally.ts";
import {
  anyClass,
  anyItems,
  AT,
  fixedKey,
  flips,
  GATEWAY,
  party,
  reading,
  sealerFor,
  signingKeys,
  STORE,
  wardCode,
  wardReadings,
} from "../../fakes/sealing-kit.ts";

const hub = party("hub");
const escrow = party("escrow");
const keys = signingKeys();
const signer = new RecordSigner({ key: keys.privateKey });
const binding = new Uint8Array([1, 2, 3]);
const tally = { version: 1, salts: [], takes: [], gaps: [], droppedTabs: [] } as const;
const place: RecordPlace = {
  gateway: GATEWAY,
  store: STORE,
  class: "vital",
  sequence: 42,
  previous: "ab".repeat(32),
  storedAt: AT + 20,
};

/** What a hub does: verify the epoch, unwrap it. */
function epochKeyOf(sealer: Sealer, as = hub) {
  const [epoch] = sealer.unconfirmedEpochs();
  const signed = signer.signEpoch(epoch!.bytes, { gateway: GATEWAY, store: STORE, binding });
  const read = readEpoch(signed);
  assert.equal(read.verify(keys.publicKey), true);
  return read.unwrap(as);
}

/** What a keeper would sign that does not check anything. */
function signAnything(
  ward: readonly CborValue[],
  payload: Uint8Array,
  context: string,
): Uint8Array {
  const headers = new Map<number | string, CborValue>([
    [4, keyId(keys.publicKey)],
    ["ward", ward],
  ]);
  return makeSign1({ headers, payload, key: keys.privateKey, context });
}

describe("a record", () => {
  test("goes the whole way and comes back as it was", () => {
    const sealer = sealerFor([hub, escrow]);
    fc.assert(
      fc.property(anyClass, anyItems, (className, items) => {
        const sealed = sealer.sealItems(className, items);
        const { bytes, hash } = signer.sign(sealed.bytes, { ...place, class: className });
        const record = readRecord(bytes);
        assert.equal(record.verify(keys.publicKey), true);
        assert.equal(record.hash, hash);
        assert.equal(record.signer, Buffer.from(keyId(keys.publicKey)).toString("hex"));
        assert.deepEqual(record.place, { ...place, class: className });
        assert.deepEqual(openItems(record.encrypt0, epochKeyOf(sealer)), items);
      }),
      { numRuns: 100 },
    );
  });

  test("says in clear only what its header tells", () => {
    const sealer = sealerFor([hub]);
    const items = wardReadings(100, 3);
    const sealed = sealer.sealItems("vital", items);
    const times = items.map(({ at }) => at);
    const { epoch } = sealer.unconfirmedEpochs()[0]!;
    const header = readSealedHeader(sealed.bytes);
    assert.deepEqual(header, {
      version: 1,
      class: "vital",
      epoch,
      salt: sealed.salt,
      firstAt: Math.min(...times),
      lastAt: Math.max(...times),
      count: 100,
    });
    assert.deepEqual(
      [sealed.epoch, sealed.class, sealed.items, sealed.firstAt, sealed.lastAt],
      [header.epoch, header.class, header.count, header.firstAt, header.lastAt],
    );
    assert.equal(Buffer.from(sealed.bytes).includes("bed-"), false);
    assert.equal(Buffer.from(sealed.bytes).includes("MDC_"), false);
  });

  test("never has the same salt or ciphertext twice", () => {
    const sealer = sealerFor([hub]);
    const seal = (): string =>
      Buffer.from(sealer.sealItems("vital", [reading()]).bytes).toString("hex");
    assert.equal(new Set(Array.from({ length: 50 }, seal)).size, 50);
  });

  test("does not open before its signature is verified", () => {
    const { bytes } = signer.sign(sealerFor([hub]).sealItems("vital", [reading()]).bytes, place);
    const record = readRecord(bytes);
    assert.equal(
      wardCode(() => record.encrypt0),
      "WARD_UNVERIFIED",
    );
    assert.equal(record.verify(signingKeys().publicKey), false);
    assert.equal(
      wardCode(() => record.encrypt0),
      "WARD_UNVERIFIED",
    );
    assert.equal(record.verify(keys.publicKey), true);
    assert.ok(record.encrypt0.length > 0);
    assert.equal(record.verify(signingKeys().publicKey), false);
    assert.equal(
      wardCode(() => record.encrypt0),
      "WARD_UNVERIFIED",
    );
  });

  test("accepts no bit flip, neither the keeper's part nor the flow host's", () => {
    const sealer = sealerFor([hub]);
    const sealed = sealer.sealItems("vital", [reading()]);
    const { bytes } = signer.sign(sealed.bytes, place);
    for (const changed of flips(bytes)) {
      assert.equal(isAccepted(changed), false);
    }
    const epochKey = epochKeyOf(sealer);
    for (const changed of flips(sealed.bytes)) {
      assert.match(
        wardCode(() => openItems(changed, epochKey)),
        /^WARD_(ENVELOPE|OPEN)$/,
      );
    }
  });

  test("is refused as random bytes", () => {
    const epochKey = fixedKey(1);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(0xd0, 0xd2), (bytes, tag) => {
        const tagged = Buffer.concat([Buffer.of(tag), bytes]);
        for (const random of [bytes, tagged]) {
          assert.equal(isAccepted(random), false);
          assert.equal(
            wardCode(() => readEpoch(random)),
            "WARD_ENVELOPE",
          );
          assert.equal(
            wardCode(() => readSealedHeader(random)),
            "WARD_ENVELOPE",
          );
          assert.equal(
            wardCode(() => openItems(random, epochKey)),
            "WARD_ENVELOPE",
          );
          assert.equal(
            wardCode(() => openTally(random, epochKey)),
            "WARD_ENVELOPE",
          );
          assert.equal(
            wardCode(() => openGap(random, epochKey)),
            "WARD_ENVELOPE",
          );
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("does not open as another kind of record, or under another epoch", () => {
    const sealer = sealerFor([hub]);
    const items = sealer.sealItems("vital", [reading()]).bytes;
    const sealedTally = sealer.sealTally(tally).bytes;
    const key = epochKeyOf(sealer);
    assert.equal(
      wardCode(() => openTally(items, key)),
      "WARD_OPEN",
    );
    assert.equal(
      wardCode(() => openGap(items, key)),
      "WARD_OPEN",
    );
    assert.equal(
      wardCode(() => openItems(sealedTally, key)),
      "WARD_OPEN",
    );
    assert.deepEqual(openTally(sealedTally, key), tally);
    const other = sealerFor([hub]);
    other.sealTally(tally);
    const otherKey = epochKeyOf(other);
    assert.equal(
      wardCode(() => openItems(items, otherKey)),
      "WARD_OPEN",
    );
  });

  test("keeps its class from the seal to the signature", () => {
    const sealed = sealerFor([hub]).sealItems("vital", [reading()]);
    assert.throws(() => signer.sign(sealed.bytes, { ...place, class: "notice" }), TypeError);
    for (const wrong of [
      { sequence: -1 },
      { sequence: 1.5 },
      { store: "00" },
      { gateway: "GW" },
      { previous: "00" },
      { storedAt: Number.NaN },
    ]) {
      assert.throws(() => signer.sign(sealed.bytes, { ...place, ...wrong }), TypeError);
    }
    assert.equal(
      wardCode(() => signer.sign(new Uint8Array([1]), place)),
      "WARD_ENVELOPE",
    );
  });

  test("is refused when its header tells of other content", () => {
    const epochKey = fixedKey(3);
    const at = reading().at;
    const header = {
      version: 1,
      class: "vital",
      epoch: "ee".repeat(16),
      salt: "aa".repeat(16),
      firstAt: at,
      lastAt: at,
      count: 1,
    } as const;
    const seal = (more: Partial<SealedHeader>, content = encodeItems([reading()])): Uint8Array =>
      makeEncrypt0({
        headers: sealedHeaders({ ...header, ...more }),
        plaintext: pack(content),
        ...recordKey(epochKey, fromHex(header.epoch), fromHex(header.salt)),
        context: CONTEXT.batch,
      });
    assert.deepEqual(openItems(seal({}), epochKey), [reading()]);
    for (const more of [
      { count: 2 },
      { count: 0 },
      { firstAt: at + 1, lastAt: at + 1 },
      { firstAt: at - 2, lastAt: at - 1 },
    ]) {
      assert.equal(
        wardCode(() => openItems(seal(more), epochKey)),
        "WARD_OPEN",
      );
    }
    const noTally = seal({ class: "tally", count: 1 }, encodeTally(tally));
    assert.equal(
      wardCode(() => openTally(noTally, epochKey)),
      "WARD_OPEN",
    );
    const noGap = seal({ class: "gap", count: 1 }, encodeGap(emptyGap));
    assert.equal(
      wardCode(() => openGap(noGap, epochKey)),
      "WARD_OPEN",
    );
  });

  test("is refused with anything in an unprotected header", () => {
    const sealer = sealerFor([hub]);
    const { bytes } = sealer.sealItems("vital", [reading()]);
    const [header, , ciphertext] = decodeTagged(16, bytes) as CborValue[];
    const batch = encodeTagged(16, [header!, new Map([[9, 1]]), ciphertext!]);
    const epochKey = epochKeyOf(sealer);
    assert.equal(
      wardCode(() => openItems(batch, epochKey)),
      "WARD_ENVELOPE",
    );
    assert.equal(
      wardCode(() => readSealedHeader(batch)),
      "WARD_ENVELOPE",
    );
    const parts = decodeTagged(18, signer.sign(bytes, place).bytes) as CborValue[];
    parts[1] = new Map([[9, 1]]);
    assert.equal(
      wardCode(() => readRecord(encodeTagged(18, parts))),
      "WARD_ENVELOPE",
    );
  });

  test("is refused when its two headers name different classes", () => {
    const { bytes: batch } = sealerFor([hub]).sealItems("vital", [reading()]);
    const store = new Uint8Array(8);
    const sign = (number: number): Uint8Array =>
      signAnything([1, GATEWAY, store, number, 42, null, AT], batch, CONTEXT.record);
    assert.equal(readRecord(sign(1)).place.class, "vital");
    assert.equal(
      wardCode(() => readRecord(sign(0))),
      "WARD_ENVELOPE",
    );
  });

  test("has every class of record a number of its own", () => {
    const sealer = sealerFor([hub]);
    const gap = { ...emptyGap, class: "wave" } as const;
    const sealed = [
      ...(["notice", "vital", "trend", "wave"] as const).map((name) =>
        sealer.sealItems(name, [reading()]),
      ),
      sealer.sealTally(tally),
      sealer.sealGap(gap),
    ];
    assert.deepEqual(
      sealed.map(({ bytes }) => readSealedHeader(bytes).class),
      [...RECORD_CLASSES],
    );
    assert.deepEqual(openGap(sealed[5]!.bytes, epochKeyOf(sealer)), gap);
  });

  test("is never larger than a record may be", () => {
    const sealer = sealerFor([hub]);
    let state = 1;
    const noise = (): number => (state = (state * 48_271) % 2_147_483_647);
    const items = Array.from({ length: 80 }, (_, take) => ({
      ...reading(),
      kind: "waveform" as const,
      take,
      start: AT,
      period: { ms: 1000, samples: 250 },
      scale: 1,
      offset: 0,
      gap: false,
      samples: Array.from({ length: 4096 }, noise),
    }));
    assert.equal(
      wardCode(() => sealer.sealItems("wave", items)),
      "WARD_SEAL_INPUT",
    );
    const { bytes } = sealer.sealItems("wave", items.slice(0, 40));
    assert.ok(bytes.length < RECORD_BYTES_MAX);
    assert.equal(
      wardCode(() => readSealedHeader(new Uint8Array(RECORD_BYTES_MAX + 1))),
      "WARD_ENVELOPE",
    );
  });

  const emptyGap = {
    version: 1,
    store: STORE,
    class: "vital",
    from: 3,
    to: 9,
    reason: "evicted",
    records: [],
    at: AT,
  } as const;

  function isAccepted(bytes: Uint8Array): boolean {
    try {
      return readRecord(bytes).verify(keys.publicKey);
    } catch (error) {
      assert.ok(error instanceof WardError && error.code === "WARD_ENVELOPE", String(error));
      return false;
    }
  }
});

describe("an epoch", () => {
  test("opens for each recipient and for nobody else", () => {
    const sealer = sealerFor([hub, escrow]);
    const { bytes } = sealer.sealItems("vital", [reading()]);
    for (const recipient of [hub, escrow]) {
      assert.deepEqual(openItems(bytes, epochKeyOf(sealer, recipient)), [reading()]);
    }
    assert.equal(
      wardCode(() => epochKeyOf(sealer, party("other"))),
      "WARD_RECIPIENT",
    );
    assert.equal(
      wardCode(() => epochKeyOf(sealer, party("hub"))),
      "WARD_OPEN",
    );
    const wrongKind = { kid: "hub", key: keys.privateKey };
    assert.equal(
      wardCode(() => epochKeyOf(sealer, { ...hub, ...wrongKind })),
      "WARD_OPEN",
    );
  });

  test("is given along until it is confirmed", () => {
    const sealer = sealerFor([hub]);
    assert.deepEqual(sealer.unconfirmedEpochs(), []);
    const { epoch } = sealer.sealItems("vital", [reading()]);
    sealer.sealItems("vital", [reading()]);
    assert.deepEqual(
      sealer.unconfirmedEpochs().map((one) => one.epoch),
      [epoch],
    );
    sealer.confirmEpoch("00".repeat(16));
    assert.equal(sealer.unconfirmedEpochs().length, 1);
    sealer.confirmEpoch(epoch);
    assert.deepEqual(sealer.unconfirmedEpochs(), []);
    assert.equal(sealer.sealItems("vital", [reading()]).epoch, epoch);
  });

  test("is replaced after its time, after its count, and when the clock goes back", () => {
    let now = AT;
    const sealer = sealerFor([hub], { now: () => now, rotateMs: 1000, rotateBatches: 3 });
    const seal = (): string => sealer.sealItems("vital", [reading()]).epoch;
    const first = seal();
    now += 999;
    assert.equal(seal(), first);
    now += 1;
    const second = seal();
    assert.notEqual(second, first);
    assert.equal(seal(), second);
    assert.equal(seal(), second);
    const third = seal();
    assert.notEqual(third, second);
    now -= 1;
    assert.notEqual(seal(), third);
    assert.equal(sealer.unconfirmedEpochs().length, 4);
  });

  test("is not replaced while too many wait for the keeper", () => {
    const sealer = sealerFor([hub], { rotateBatches: 1 });
    for (let count = 0; count < 40; count += 1) {
      sealer.sealItems("vital", [reading()]);
    }
    assert.equal(sealer.unconfirmedEpochs().length, 16);
    const [oldest] = sealer.unconfirmedEpochs();
    sealer.confirmEpoch(oldest!.epoch);
    sealer.sealItems("vital", [reading()]);
    assert.equal(sealer.unconfirmedEpochs().length, 16);
  });

  test("carries gateway, store, origin, time and binding", () => {
    const sealer = sealerFor([hub], { origin: "keeper" });
    const { epoch } = sealer.sealTally(tally);
    const signed = signer.signEpoch(sealer.unconfirmedEpochs()[0]!.bytes, {
      gateway: GATEWAY,
      store: STORE,
      binding,
    });
    const read = readEpoch(signed);
    assert.equal(read.epoch, epoch);
    assert.equal(read.gateway, GATEWAY);
    assert.equal(read.store, STORE);
    assert.equal(read.origin, "keeper");
    assert.equal(read.createdAt, AT);
    assert.deepEqual(read.binding, binding);
    assert.equal(
      wardCode(() => read.unwrap(hub)),
      "WARD_UNVERIFIED",
    );
  });

  test("cannot be passed off as another gateway's", () => {
    const sealer = sealerFor([hub], { gateway: "gw-2" });
    sealer.sealTally(tally);
    const wrapped = sealer.unconfirmedEpochs()[0]!.bytes;
    const place2 = { gateway: GATEWAY, store: STORE, binding };
    assert.throws(() => signer.signEpoch(wrapped, place2), TypeError);
    const sign = (gateway: string): Uint8Array =>
      signAnything([1, gateway, new Uint8Array(8), binding], wrapped, CONTEXT.epoch);
    assert.equal(readEpoch(sign("gw-2")).verify(keys.publicKey), true);
    assert.equal(
      wardCode(() => readEpoch(sign(GATEWAY))),
      "WARD_ENVELOPE",
    );
  });

  test("accepts no bit flip", () => {
    const sealer = sealerFor([hub]);
    sealer.sealTally(tally);
    const wrapped = sealer.unconfirmedEpochs()[0]!.bytes;
    const signed = signer.signEpoch(wrapped, { gateway: GATEWAY, store: STORE, binding });
    for (const changed of flips(signed)) {
      let isVerified = false;
      try {
        isVerified = readEpoch(changed).verify(keys.publicKey);
      } catch {
        assert.equal(
          wardCode(() => readEpoch(changed)),
          "WARD_ENVELOPE",
        );
      }
      assert.equal(isVerified, false);
    }
  });

  test("wrapped for several is the same key, and records and epochs are not each other", () => {
    const sealer = sealerFor([hub]);
    const sealed = sealer.sealItems("vital", [reading()]);
    const { bytes } = signer.sign(sealed.bytes, place);
    assert.equal(
      wardCode(() => readEpoch(bytes)),
      "WARD_ENVELOPE",
    );
    const wrapped = sealer.unconfirmedEpochs()[0]!.bytes;
    const signed = signer.signEpoch(wrapped, { gateway: GATEWAY, store: STORE, binding });
    assert.equal(
      wardCode(() => readRecord(signed)),
      "WARD_ENVELOPE",
    );
  });
});

describe("recipients", () => {
  test("that cannot be used are refused at once", () => {
    const ed = signingKeys().publicKey.export({ format: "der", type: "spki" }).toString("base64");
    const wrong = [
      [],
      [hub.recipient, hub.recipient],
      [{ kid: "HUB", spki: hub.recipient.spki }],
      [{ kid: "hub", spki: "AAAA" }],
      [{ kid: "hub", spki: ed }],
      Array.from({ length: 17 }, (_, place17) => ({ ...hub.recipient, kid: `hub-${place17}` })),
    ];
    for (const recipients of wrong) {
      assert.equal(
        wardCode(() => sealerFor([], { recipients })),
        "WARD_RECIPIENT",
      );
    }
  });
});

describe("packing", () => {
  test("gives content back, small or large, even or noisy", () => {
    for (const content of [
      Buffer.of(),
      Buffer.of(1),
      Buffer.alloc(95, 7),
      Buffer.alloc(100_000, 7),
      Buffer.from(
        wardReadings(500, 3)
          .map((item) => JSON.stringify(item))
          .join(""),
      ),
    ]) {
      const bytes = pack(content);
      assert.ok(bytes.length <= content.length + 5);
      assert.deepEqual(Buffer.from(unpack(bytes)), content);
    }
  });

  test("never makes more than it announces", () => {
    const content = Buffer.alloc(64 * 2 ** 20);
    for (const [method, options] of [
      [1, {}],
      [2, { dictionary: DICTIONARY_1 }],
    ] as const) {
      const bomb = zstdCompressSync(content, options);
      assert.ok(bomb.length < 10_000);
      for (const announced of [0, 1, 1000, CONTENT_BYTES_MAX]) {
        assert.equal(
          wardCode(() => unpack(packed(method, announced, bomb))),
          "WARD_OPEN",
        );
      }
    }
    const bomb = zstdCompressSync(content);
    assert.equal(
      wardCode(() => unpack(packed(1, 64 * 2 ** 20, bomb))),
      "WARD_OPEN",
    );
    assert.equal(
      wardCode(() => pack(Buffer.alloc(CONTENT_BYTES_MAX + 1))),
      "WARD_SEAL_INPUT",
    );
  });

  test("packs with the dictionary that README.md names, which never changes", () => {
    assert.equal(
      createHash("sha256").update(DICTIONARY_1).digest("hex"),
      "4f915651e2816c481fc9ef8d7febae79bd2be619656c346e26906c3a6a17aae5",
    );
    const codes = ["MDC_ECG_HEART_RATE", "MDC_PULS_OXIM_SAT_O2", "MDC_RESP_RATE", "MDC_TEMP"];
    const readings = wardReadings(20, 1).map((item) => ({ ...item, code: codes[item.index % 4]! }));
    const content = encodeItems(readings);
    const bytes = pack(content);
    assert.equal(bytes[0], 2);
    assert.deepEqual(Buffer.from(unpack(bytes)), Buffer.from(content));
    const without = zstdCompressSync(content, {
      params: { [constants.ZSTD_c_compressionLevel]: 1 },
    });
    assert.ok(bytes.length < 0.9 * without.length, `${bytes.length} of ${without.length} bytes`);
    // The dictionary is not known to the frame: without it there is no such content.
    assert.equal(
      wardCode(() => unpack(Buffer.concat([Buffer.of(1), bytes.subarray(1)]))),
      "WARD_OPEN",
    );
  });

  test("stops making bytes at what was announced", () => {
    const bomb = zstdCompressSync(Buffer.alloc(64 * 2 ** 20));
    assert.throws(
      () => unpack(packed(1, 1000, bomb)),
      (error: Error) => errorCode(error.cause) === "ERR_BUFFER_TOO_LARGE",
    );
  });

  test("refuses a window that no content needs", () => {
    // 1000 bytes of 7 as a stream compressor writes them, the size not in the head: windows of 1 MiB and of 128 MiB.
    const narrow = Buffer.from("28b52ffd00504c00001007070100e32b8005010000", "hex");
    const wide = Buffer.from("28b52ffd00884c00001007070100e32b8005010000", "hex");
    assert.deepEqual(Buffer.from(unpack(packed(1, 1000, narrow))), Buffer.alloc(1000, 7));
    assert.equal(
      wardCode(() => unpack(packed(1, 1000, wide))),
      "WARD_OPEN",
    );
  });

  test("refuses what is cut off, longer or of another method", () => {
    const content = Buffer.alloc(1000, 7);
    const good = Buffer.from(pack(content));
    for (let length = 0; length < good.length; length += 1) {
      assert.equal(
        wardCode(() => unpack(good.subarray(0, length))),
        "WARD_OPEN",
      );
    }
    assert.equal(
      wardCode(() => unpack(Buffer.concat([good, Buffer.of(0)]))),
      "WARD_OPEN",
    );
    assert.equal(
      wardCode(() => unpack(Buffer.concat([good, good.subarray(3)]))),
      "WARD_OPEN",
    );
    assert.equal(
      wardCode(() => unpack(packed(2, 1, Buffer.of(1)))),
      "WARD_OPEN",
    );
    assert.equal(
      wardCode(() => unpack(packed(0, 2, Buffer.of(1)))),
      "WARD_OPEN",
    );
    assert.equal(
      wardCode(() => unpack(packed(1, 0, Buffer.of()))),
      "WARD_OPEN",
    );
  });

  function packed(method: number, length: number, body: Uint8Array): Uint8Array {
    const writer = new ColumnWriter();
    writer.byte(method);
    writer.uint(length);
    writer.raw(body);
    return writer.finish();
  }
});

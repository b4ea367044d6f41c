import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import * as fc from "fast-check";

import { makeBinding } from "../../gateway/identity/identity.ts";
import { CLASSES, type Item } from "../../gateway/reading.ts";
import type { RecordPlace } from "../../gateway/sealing/envelope.ts";
import type { Sealed, Sealer } from "../../gateway/sealing/seal.ts";
import { RecordSigner } from "../../gateway/sealing/sign.ts";
import type { Tally } from "../../gateway/sealing/tally.ts";
import { createRoot, issueGateway } from "../../provisioning/ca.ts";
import type { Identity, Issuer } from "../../provisioning/ca.ts";
import {
  anyItems,
  BOOT,
  GATEWAY,
  party,
  sealerFor,
  signingKeys,
  STORE,
  wardReadings,
} from "../fakes/sealing-kit.ts";
import { softwareTlsKey } from "../../gateway/identity/key-provider.ts";

/**
 * opener.py follows gateway/sealing/README.md on other libraries and shares no code with us: it must print what went in.
 * Debian's own Python, because that is where apt puts the modules.
 */
const PYTHON = "/usr/bin/python3";
const OPENER = new URL("opener.py", import.meta.url).pathname;
const NOW = Date.now();
const hub = party("hub");
const escrow = party("escrow");
const signing = signingKeys();
const signer = new RecordSigner({ key: signing.privateKey });
const directory = mkdtempSync(join(tmpdir(), "ward-opener-"));

let root: Issuer;
let gateway: Identity;
let sealer: Sealer;

before(async () => {
  root = await createRoot("gateways", "Test");
  gateway = await issueGateway(root, GATEWAY);
  sealer = sealerFor([hub, escrow], { now: () => NOW });
  sealer.sealItems("vital", wardReadings(1, 1));
  put("root.pem", root.certificate);
  put("hub.pem", hub.key.export({ format: "pem", type: "pkcs8" }));
  put("escrow.pem", escrow.key.export({ format: "pem", type: "pkcs8" }));
  put("epoch", epochBytes());
});

after(() => rmSync(directory, { recursive: true }));

function put(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

function epochBytes(): Uint8Array {
  const binding = makeBinding({
    certificateChainPem: gateway.certificate,
    certificateKey: softwareTlsKey(createPrivateKey(gateway.key)),
    signingPublicKey: signing.publicKey,
    now: NOW,
  });
  const wrapped = sealer.unconfirmedEpochs()[0]!.bytes;
  return signer.signEpoch(wrapped, { gateway: GATEWAY, store: STORE, binding });
}

function recordBytes(sealed: Sealed, more: Partial<RecordPlace> = {}): Uint8Array {
  const place: RecordPlace = {
    gateway: GATEWAY,
    store: STORE,
    class: sealed.class,
    sequence: 1,
    previous: null,
    storedAt: NOW,
    ...more,
  };
  return signer.sign(sealed.bytes, place).bytes;
}

function open(records: readonly Uint8Array[], as = "hub", epoch = "epoch", rootName = "root.pem") {
  const files = records.map((bytes, place) => put(`record-${place}`, bytes));
  const key = join(directory, `${as}.pem`);
  const paths = [join(directory, rootName), as, key, join(directory, epoch), ...files];
  const { status, stdout, stderr } = spawnSync(PYTHON, [OPENER, ...paths], {
    encoding: "utf8",
    maxBuffer: 2 ** 27,
  });
  const lines = stdout.split("\n").filter((line) => line !== "");
  return { status, stderr, found: lines.map((line): unknown => JSON.parse(line)) };
}

/** Blocks of a smooth wave with noise, a gap in it, and one value out of all bounds: every predictor is used. */
function smoothWaves(): Item[] {
  const noise = fc.sample(fc.integer({ min: -3, max: 3 }), { numRuns: 1000, seed: 7 });
  return Array.from({ length: 25 }, (_, block) => {
    const samples = Array.from({ length: 40 }, (_nothing, place) => {
      const at = 40 * block + place;
      const height = block < 10 ? 8000 : 4 * (block - 9);
      const value = Math.round(height * Math.sin(at / 30)) + (block % 3) * (noise[at] ?? 0);
      return at === 333 ? null : at === 444 ? 2 ** 40 : at === 555 ? 60_000_000 : value;
    });
    return {
      kind: "waveform",
      device: "bed-1/monitor",
      boot: BOOT,
      take: block,
      index: 0,
      code: "MDC_PULS_OXIM_PLETH",
      mdc: 150_452,
      unit: "1",
      path: "",
      quality: ["valid"],
      start: NOW + 160 * block,
      clock: "synchronised",
      period: { ms: 4, samples: 1 },
      scale: 1,
      offset: 0,
      gap: false,
      samples,
    };
  });
}

describe("the independent opener", () => {
  test("prints the items that were sealed, whatever they are", () => {
    const batches = fc.sample(anyItems, { numRuns: 150, seed: 20_261_124 });
    batches.push(wardReadings(1000, 6), smoothWaves());
    const records = batches.map((items, place) =>
      recordBytes(sealer.sealItems(CLASSES[place % CLASSES.length]!, items), { sequence: place }),
    );
    const { status, stderr, found } = open(records);
    assert.equal(stderr, "");
    assert.equal(status, 0);
    assert.deepStrictEqual(found, batches.flat());
  });

  test("opens as another recipient", () => {
    const items = wardReadings(5, 1);
    const { found } = open([recordBytes(sealer.sealItems("vital", items))], "escrow");
    assert.deepStrictEqual(found, items);
  });

  test("prints tallies and gap records", () => {
    const identity = { device: "bed-1/monitor", boot: BOOT };
    const row = { ...identity, class: "vital", count: 5, refused: 4, dropped: 0, rest: 7 } as const;
    const tally: Tally = {
      version: 1,
      salts: ["00112233445566778899aabbccddeeff"],
      takes: [
        { ...row, take: 7, kept: 3, withheld: 24, digest: 0xdeadbeef },
        { ...row, take: 8, kept: 3, withheld: 24, digest: 0 },
        {
          ...row,
          device: "gateway",
          take: 1,
          class: "notice",
          count: 1,
          kept: 1,
          withheld: 0,
          refused: 0,
          digest: 1,
        },
      ],
      gaps: [
        {
          id: "g1",
          ...identity,
          from: 9,
          to: 12,
          reason: "lost",
          atMost: true,
          start: NOW,
          end: NOW + 1,
        },
      ],
      droppedTabs: [{ ...identity, take: 8, tab: "Station 3 – Überwachung" }],
    };
    const gap = {
      version: 1,
      store: STORE,
      class: "wave",
      from: 3,
      to: 4,
      reason: "evicted",
      records: [
        { sequence: 3, hash: "ab".repeat(32), salt: "cd".repeat(16), items: 12 },
        { sequence: 4, hash: "ef".repeat(32), salt: "01".repeat(16), items: 0 },
      ],
      at: NOW,
    } as const;
    const { stderr, found } = open([
      recordBytes(sealer.sealTally(tally)),
      recordBytes(sealer.sealGap(gap)),
    ]);
    assert.equal(stderr, "");
    assert.deepEqual(found, [tally, gap]);
  });

  test("opens the worked example of the page", () => {
    const page = readFileSync(new URL("../../gateway/sealing/README.md", import.meta.url), "utf8");
    const part = (name: string): Buffer => {
      const [, rows = ""] =
        new RegExp(`\\*\\*${name}\\*\\*: .*\\n\\n\`\`\`\\n([0-9a-f\\n]+)`).exec(page) ?? [];
      return Buffer.from(rows.replaceAll("\n", ""), "hex");
    };
    const key = createPrivateKey({ key: part("recipient key"), format: "der", type: "pkcs8" });
    const example = "hub";
    const hubPem = readFileSync(join(directory, "hub.pem"));
    put("hub.pem", key.export({ format: "pem", type: "pkcs8" }));
    put("example-root.pem", new X509Certificate(part("gateways root")).toString());
    put("example-epoch", part("epoch"));
    const { stderr, found } = open([part("record")], example, "example-epoch", "example-root.pem");
    put("hub.pem", hubPem);
    assert.equal(stderr, "");
    const [, printed = ""] = /```json\n([\s\S]*?)```/.exec(page) ?? [];
    assert.deepEqual(
      found,
      printed
        .trim()
        .split("\n")
        .map((line): unknown => JSON.parse(line)),
    );
  });

  test("refuses what we refuse", async () => {
    const record = recordBytes(sealer.sealItems("vital", wardReadings(1, 1)));
    const flipped = (bytes: Uint8Array, place: number): Uint8Array => {
      const copy = Uint8Array.from(bytes);
      copy[place]! ^= 1;
      return copy;
    };
    put("twin.pem", (await createRoot("gateways", "Test")).certificate);
    put("flipped-epoch", flipped(epochBytes(), epochBytes().length - 1));
    const storedLate = recordBytes(sealer.sealItems("vital", wardReadings(1, 1)), {
      storedAt: Date.parse(new X509Certificate(gateway.certificate).validTo) + 1,
    });
    const foreign = recordBytes(sealerFor([hub]).sealItems("vital", wardReadings(1, 1)));
    const refusals = [
      open([flipped(record, 30)]),
      open([flipped(record, record.length - 1)]),
      open([flipped(record, record.length - 80)]),
      open([record.subarray(0, -1)]),
      open([storedLate]),
      open([foreign]),
      open([record], "hub", "epoch", "twin.pem"),
      open([record], "hub", "flipped-epoch"),
    ];
    for (const { status, stderr, found } of refusals) {
      assert.equal(status, 1);
      assert.match(stderr, /^refused: /);
      assert.deepEqual(found, []);
    }
    assert.equal(open([record]).status, 0);
  });
});

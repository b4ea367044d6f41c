import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { bedsideParser } from "../../../gateway/flowhost/bedside-messages.ts";
import { parseKeeperToFlowhost } from "../../../gateway/flowhost/keeper-messages.ts";
import { parseFlowhostConfig } from "../../../gateway/flowhost/start-config.ts";
import type { Take } from "../../../gateway/reading.ts";
import { TakeReader } from "../../../gateway/takes/take-reader.ts";
import { TakeEncoder } from "../../../gateway/takes/take-encoder.ts";
import { TakeMessages } from "../../../gateway/takes/take-messages.ts";
import { BOOT, noticeTake, vitalTake } from "../../fakes/flowhost-kit.ts";
import { party, wardCode } from "../../fakes/sealing-kit.ts";

const GAP = {
  id: "gap-1",
  device: "bed-1/spo2",
  boot: BOOT,
  from: 1,
  to: 4,
  reason: "buffer-full",
  atMost: true,
  start: 1,
  end: 2,
};
const LINE = { state: "online", text: "", since: 0, rate: 1.5, badBytes: 0 };
const FROM_BEDSIDE = [
  { t: "hello", version: 1, boot: BOOT },
  { t: "gaps", gaps: [GAP] },
  { t: "line", device: "bed-1/spo2", line: LINE },
];
const TAKES = [vitalTake("bed-1/spo2", 1), noticeTake(2)];

function parseBedsideToFlowhost(value: unknown, blobs: readonly Uint8Array[] = []): unknown {
  return bedsideParser(new TakeReader())(value, blobs);
}

const POLICY = { gateway: "gw-1", recipients: [party("hub-1").recipient], authoring: false };
const FROM_KEEPER = [
  { t: "hello", version: 1, policy: POLICY },
  { t: "stored", id: 1 },
  { t: "saved", id: 2 },
  { t: "loaded", id: 3, found: false },
  { t: "failed", id: 5, code: "WARD_OUTBOX_FULL", message: "Cannot store." },
  {
    t: "outbox",
    outbox: { connected: true, classes: { vital: { batches: 1, bytes: 2, oldestAt: null } } },
  },
];

test("every message of rooms.ts passes as it is", () => {
  for (const message of FROM_BEDSIDE) {
    assert.deepEqual(parseBedsideToFlowhost(message), message);
  }
  const takes = { t: "takes", generation: 3 };
  const heard = parseBedsideToFlowhost(takes, bytesOf(TAKES));
  assert.deepEqual(heard, { ...takes, takes: TAKES });
  assert.equal(
    wardCode(() => parseBedsideToFlowhost(takes)),
    "WARD_ROOM_MESSAGE",
  );
  for (const message of FROM_KEEPER) {
    assert.deepEqual(parseKeeperToFlowhost(message, []), message);
  }
  const loaded = { t: "loaded", id: 4, found: true };
  assert.deepEqual(parseKeeperToFlowhost(loaded, [Buffer.from("[]")]), loaded);
  assert.equal(
    wardCode(() => parseKeeperToFlowhost(loaded, [])),
    "WARD_ROOM_MESSAGE",
  );
});

test("another version of rooms.ts is said by name", () => {
  const bedside = { ...FROM_BEDSIDE[0], version: 2 };
  const keeper = { ...FROM_KEEPER[0], version: 2 };
  assert.equal(
    wardCode(() => parseBedsideToFlowhost(bedside)),
    "WARD_ROOM_VERSION",
  );
  assert.equal(
    wardCode(() => parseKeeperToFlowhost(keeper, [])),
    "WARD_ROOM_VERSION",
  );
});

/** Every field of a message, however deep, replaced by something else, with the name of that field. */
function* spoiled(value: unknown, place = ""): Generator<readonly [string, unknown]> {
  if (typeof value !== "object" || value === null) {
    return;
  }
  for (const [name, field] of Object.entries(value)) {
    const changed = (to: unknown): unknown =>
      Array.isArray(value) ? value.with(Number(name), to) : { ...value, [name]: to };
    for (const wrong of [undefined, -1, "\ud800", {}]) {
      yield [`${place}.${name}=${JSON.stringify(wrong)}`, changed(wrong)];
    }
    for (const [deeper, wrong] of spoiled(field, `${place}.${name}`)) {
      yield [deeper, changed(wrong)];
    }
  }
}

test("a message with any field spoiled is refused", () => {
  const accepted = new Set<string>();
  for (const [messages, parse] of [
    [FROM_BEDSIDE, parseBedsideToFlowhost],
    [FROM_KEEPER, parseKeeperToFlowhost],
  ] as const) {
    for (const message of messages) {
      for (const [place, wrong] of spoiled(message)) {
        try {
          parse(wrong, []);
          accepted.add(place.replaceAll(/\d+/g, "#"));
        } catch (error) {
          assert.match(String(error), /WardError/);
        }
      }
    }
  }
  const possible = [".line.rate=-#", ".line.since=-#", ".outbox.classes={}"];
  // Ill-formed text of a device is no reason to end a link: the seal refuses it.
  const structural = [...accepted].filter((place) => !place.endsWith('"\\ud#"'));
  assert.deepEqual(structural.sort(), possible);
});

test("anything at all is refused with a WardError", () => {
  fc.assert(
    fc.property(fc.anything({ withNullPrototype: true }), (anything) => {
      for (const parse of [parseBedsideToFlowhost, parseKeeperToFlowhost]) {
        assert.equal(
          wardCode(() => parse(anything, [])),
          "WARD_ROOM_MESSAGE",
        );
      }
      assert.equal(
        wardCode(() => parseFlowhostConfig(anything)),
        "WARD_ROOM_START",
      );
    }),
  );
});

test("the start message is read with its defaults, or what is wrong is named", () => {
  const config = parseFlowhostConfig({ gateway: "gw-1", mode: "flows" });
  assert.equal(config.droppedAfterMs, 30_000);
  assert.equal(config.nodesDirectory, null);
  for (const [field, wrong] of [
    ["gateway", "GW"],
    ["mode", "off"],
    ["droppedAfterMs", 0],
    ["allowedLines", [1]],
    ["models", [{}]],
  ] as const) {
    assert.throws(
      () => parseFlowhostConfig({ gateway: "gw-1", mode: "flows", [field]: wrong }),
      new RegExp(field),
    );
  }
});

function bytesOf(takes: readonly Take[]): Uint8Array[] {
  const encoder = new TakeEncoder();
  return new TakeMessages().write(takes.map((take) => encoder.encode(take)));
}

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import type { WardFlowMessage } from "../../gateway/rooms.ts";
import { readItems } from "../../nodes/ward-message.ts";
import { Sealer } from "../../nodes/ward-seal/sealer.ts";
import { aMessage, aReading, aTake, FakeServices } from "../fakes/flow-services.ts";

const NOW = 1_795_475_502_000;

test("the window counts from when the first item was taken, unless that was long ago or is to come", () => {
  for (const [at, waits] of [
    [NOW, 1000],
    [NOW - 300, 700],
    [NOW - 500, 500],
    [NOW - 501, 1000],
    [NOW - 86_400_000, 1000],
    [NOW + 5000, 1000],
  ] as const) {
    const { sent, tick, end } = sealerWith(at);
    tick(waits - 1);
    assert.equal(sent.length, 0, `taken at ${at - NOW} ms`);
    tick(1);
    assert.equal(sent.length, 1, `taken at ${at - NOW} ms`);
    end();
  }
});

function sealerWith(at: number): {
  readonly sent: readonly WardFlowMessage[];
  readonly tick: (ms: number) => void;
  readonly end: () => void;
} {
  mock.timers.enable({ apis: ["setTimeout"] });
  const sent: WardFlowMessage[] = [];
  const sealer = new Sealer({
    windowMs: 1000,
    waveMs: 1000,
    itemsMax: 100,
    services: new FakeServices(),
    now: () => NOW,
    send: (message) => sent.push(message),
  });
  void sealer.add(readItems(aMessage(aTake([aReading({ at })], "vital"), 1)));
  return { sent, tick: (ms) => mock.timers.tick(ms), end: () => mock.timers.reset() };
}

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import * as fc from "fast-check";

import { needDriver } from "../../../gateway/devices/catalog.ts";
import type { Output, StreamDriver } from "../../../gateway/devices/device.ts";
import type { SimulatedStream } from "../../../gateway/devices/simulator.ts";
import { randomOf } from "../../../gateway/devices/simulator.ts";
import { STREAM_SIMULATORS } from "../../../gateway/devices/simulators.ts";
import { mayAsk } from "../../../gateway/lines/stream-session.ts";

/** Simulators of devices that answer. */
const ASKED = STREAM_SIMULATORS.filter(
  (simulator) => simulator.open({ seed: 1 }).receive !== undefined,
);

// Driver and simulator talk without a line and without waiting: an hour of conversation takes a moment.
describe("conversations with simulated devices", () => {
  for (const simulator of ASKED) {
    const driver = streamDriver(simulator.model);
    test(`${simulator.model}: the driver says only its read verbs, and the same seed gives the same talk`, () => {
      const first = talk(driver, simulator.open({ seed: 5 }), MINUTES);
      assert.ok(first.frames > 10, `${first.frames} frames`);
      assert.ok(first.said.length > 0);
      assert.deepEqual(first, talk(driver, simulator.open({ seed: 5 }), MINUTES));
    });

    test(`${simulator.model}: it goes on after any damage to either direction`, () => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 1e6 }), (seed) => {
          const stream = simulator.open({ seed });
          const damage = makeDamage(seed);
          const decoder = driver.open({}, "serial");
          converse({ driver, decoder, stream, fromMs: 0, toMs: 30_000, damage });
          const well = converse({ driver, decoder, stream, fromMs: 30_000, toMs: 120_000 });
          assert.ok(well.frames > 0, "no frame after the damage ended");
        }),
        { numRuns: 20 },
      );
    });
  }
});

const MINUTES = 10;
const STEP_MS = 100;
const START = 1_795_000_000_000;

interface Talk {
  readonly frames: number;
  readonly said: readonly string[];
}

function talk(driver: StreamDriver, stream: SimulatedStream, minutes: number): Talk {
  const decoder = driver.open({}, "serial");
  return converse({ driver, decoder, stream, fromMs: 0, toMs: minutes * 60_000 });
}

interface Conversation {
  readonly driver: StreamDriver;
  readonly decoder: ReturnType<StreamDriver["open"]>;
  readonly stream: SimulatedStream;
  readonly fromMs: number;
  readonly toMs: number;
  readonly damage?: (bytes: Uint8Array) => Uint8Array;
}

function converse({
  driver,
  decoder,
  stream,
  fromMs,
  toMs,
  damage = (bytes) => bytes,
}: Conversation): Talk {
  let frames = 0;
  const said: string[] = [];
  for (let at = fromMs; at < toMs; at += STEP_MS) {
    const wire: Uint8Array[] = stream.tick(START + at).map(damage);
    const outputs: Output[] = decoder.tick(at);
    for (let turn = 0; turn < TURNS_MAX && (wire.length > 0 || outputs.length > 0); turn += 1) {
      const heard = wire.splice(0).flatMap((bytes) => decoder.push(bytes, at));
      for (const output of [...outputs.splice(0), ...heard]) {
        frames += output.kind === "frame" ? 1 : 0;
        if (output.kind === "ask") {
          assert.ok(mayAsk(driver, output), `${output.verb} is no read verb`);
          said.push(`${output.verb} ${Buffer.from(output.bytes).toString("hex")}`);
          const replies = stream.receive?.(damage(output.bytes), START + at) ?? [];
          wire.push(...replies.map(damage));
        }
      }
    }
  }
  return { frames, said };
}

/** Questions and answers in one step, at most: a talk that never pauses is a mistake. */
const TURNS_MAX = 50;

function streamDriver(model: string): StreamDriver {
  const driver = needDriver(model);
  assert.equal(driver.kind, "stream");
  return driver;
}

/** Loses, doubles and changes bytes, one piece in five. */
function makeDamage(seed: number): (bytes: Uint8Array) => Uint8Array {
  const random = randomOf(seed);
  return (bytes) => {
    const place = Math.floor(random() * bytes.length);
    switch (Math.floor(random() * 15)) {
      case 0:
        return new Uint8Array(0);
      case 1:
        return Uint8Array.from([...bytes.slice(0, place), ...bytes.slice(place + 1)]);
      case 2:
        return bytes.map((byte, index) => (index === place ? byte ^ 0x55 : byte));
      default:
        return bytes;
    }
  };
}

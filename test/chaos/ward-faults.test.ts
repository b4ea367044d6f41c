import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { STREAM_SIMULATORS } from "../../gateway/devices/simulators.ts";
import { randomOf } from "../../gateway/devices/simulator.ts";
import { openStreamLine } from "../../gateway/lines/serial.ts";
import { FaultyDevice } from "../fakes/faulty-device.ts";
import { RecordedDevice } from "../gateway/lines/recorded-device.ts";

/**
 * A ward of 30 beds with every kind of stream device, on lines that lose, double, change and cut bytes, fall silent and
 * break. The oracle is outside the line: what the devices meant to say, decoded from their bytes before any damage. Longer:
 * `SECONDS=600 SEED=7 node --test test/chaos/ward-faults.test.ts`.
 */
const SECONDS = Number(process.env["SECONDS"] ?? "5");
const SEED = Number(process.env["SEED"] ?? "1");
const BEDS = 30;

test(
  `${BEDS} beds for ${SECONDS} s on bad lines (seed ${SEED}): no wrong value, and every bed is read in the end`,
  { timeout: (SECONDS + 90) * 1000 },
  async () => {
    const random = randomOf(SEED);
    const beds = await Promise.all(
      Array.from({ length: BEDS }, async (_, bed) => {
        const simulator = STREAM_SIMULATORS[bed % STREAM_SIMULATORS.length]!;
        const device = await FaultyDevice.open(simulator, SEED * 1000 + bed);
        const line = openStreamLine(device.url, { firstRetryMs: 50, maxRetryMs: 500 });
        const reader = new RecordedDevice();
        line.attach(
          { device: `bed-${bed + 1}/device`, driver: device.driver, unit: null, options: {} },
          reader.sink,
        );
        return { device, line, reader };
      }),
    );
    try {
      const until = Date.now() + SECONDS * 1000;
      while (Date.now() < until) {
        const { device } = beds[Math.floor(random() * BEDS)]!;
        device.misbehave(random());
        await sleep(SECONDS);
      }
      for (const { device } of beds) {
        device.behave();
      }
      await Promise.all(
        beds.map(async ({ reader }) => {
          const frames = reader.frames.length;
          await reader.until(() => reader.frames.length > frames + 1);
        }),
      );
      const wrong = beds.flatMap(({ device, reader }) =>
        device.wrongOf(reader.frames).map((reading) => `${device.model}: ${reading}`),
      );
      assert.deepEqual(wrong.slice(0, 5), [], `${wrong.length} wrong values`);
      const readings = beds.flatMap(({ reader }) =>
        reader.frames.flatMap((frame) => frame.readings),
      );
      const faults = beds.flatMap(({ reader }) => reader.faults);
      assert.ok(faults.length > BEDS / 2, `only ${faults.length} faults: the lines were not bad`);
      process.stdout.write(`# ${readings.length} readings, ${faults.length} faults, 0 wrong\n`);
    } finally {
      await Promise.all(beds.map(({ line }) => line.close()));
      await Promise.all(beds.map(({ device }) => device.close()));
    }
  },
);

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { needDriver } from "../../../gateway/devices/catalog.ts";
import { quietMsOf } from "../../../gateway/devices/device.ts";
import { completeOptions } from "../../../gateway/devices/option-check.ts";
import type { Measured } from "../../../gateway/devices/device.ts";
import { STREAM_SIMULATORS } from "../../../gateway/devices/simulators.ts";
import { gateOf } from "../../../gateway/nomenclature/nomenclature.ts";
import type { SimulatedDevice } from "../../../gateway/simulate/host.ts";
import { needSimulator } from "../../../gateway/simulate/registry.ts";
import { openStreamLine } from "../../../gateway/lines/serial.ts";
import { RecordedDevice } from "../lines/recorded-device.ts";

/** A device that may be quiet for longer is not waited for here. */
const SILENCE_MS_MAX = 20_000;

describe("simulated stream devices", { concurrency: true }, () => {
  for (const { model } of STREAM_SIMULATORS) {
    const { lines } = needDriver(model).facts;
    for (const line of ["pty", "tcp", "unix", "udp"].filter(
      (kind) => kind === "pty" || lines.some((scheme) => scheme === kind),
    )) {
      test(`${model} is read over ${line}`, async () => {
        await reading(model, line, async (device) => {
          await device.until(() => device.frames.length >= 2);
          const readings = device.frames.flatMap((frame) => frame.readings);
          assert.ok(readings.some(({ value }) => typeof value === "number"));
          readings.forEach(assertPossible);
          // Whoever joins in the middle of a packet hears of the part that was missed.
          assert.ok(device.faults.every(({ fault }) => fault === "truncated"));
          assert.equal(device.state, "online");
        });
      });
    }

    test(`${model}: every fault on demand is seen, and goes away again`, async () => {
      await reading(model, "tcp", async (device, simulated) => {
        await device.until(() => numbersSince(device, 0) >= 1);
        const lost = lostNumber(device);
        simulated.setFault("sensor-off", true);
        await device.until(lost);
        simulated.setFault("sensor-off", false);
        simulated.setFault("checksum", true);
        await device.until(() => device.faults.length >= 1);
        simulated.setFault("checksum", false);
        simulated.setFault("noise", true);
        const faults = device.faults.length;
        await device.until(() => device.faults.length > faults);
        simulated.setFault("noise", false);
        const frames = device.frames.length;
        await device.until(() => numbersSince(device, frames) >= 2);
      });
    });

    const usual = needDriver(model);
    if (quietMsOf(usual, completeOptions(usual, {})) > SILENCE_MS_MAX) {
      continue;
    }
    test(`${model}: silence is said in plain words, and its end`, async () => {
      await reading(model, "pty", async (device, simulated) => {
        await device.until(() => device.state === "online");
        simulated.setFault("silence", true);
        const text = await device.nextState("stale");
        assert.match(text, /^no bytes since \d\d:\d\d: check cable and device menu$/);
        simulated.setFault("silence", false);
        await device.nextState("online");
      });
    });
  }

  test("the same seed and times give the same bytes, another seed gives others", () => {
    for (const simulator of STREAM_SIMULATORS) {
      const bytes = (seed: number): Buffer => {
        const stream = simulator.open({ seed });
        const ticks = Array.from({ length: 50 }, (_, tick) => stream.tick(1e12 + 200 * tick));
        return Buffer.concat(ticks.flat());
      };
      if (simulator.open({ seed: 7 }).receive !== undefined) {
        // A device that is asked says little by itself; conversation.test.ts looks at those.
        continue;
      }
      assert.ok(bytes(7).length > 200);
      assert.deepEqual(bytes(7), bytes(7));
      assert.notDeepEqual(bytes(7), bytes(8));
    }
  });
});

/** Simulates a device, reads it, and ends both. */
async function reading(
  model: string,
  line: string,
  act: (device: RecordedDevice, simulated: SimulatedDevice) => Promise<void>,
): Promise<void> {
  const simulated = await needSimulator(model).start({ line, seed: 3 });
  const reader = openStreamLine(simulated.url);
  const driver = needDriver(model);
  const device = new RecordedDevice();
  try {
    reader.attach(
      { device: "bed-1/monitor", driver, unit: null, options: completeOptions(driver, {}) },
      device.sink,
    );
    await act(device, simulated);
  } finally {
    await reader.close();
    await simulated.close();
  }
}

/** Frames with a number, of those from `from` on. */
function numbersSince(device: RecordedDevice, from: number): number {
  return device.frames
    .slice(from)
    .filter(({ readings }) => readings.some(({ value }) => typeof value === "number")).length;
}

/** Tells whether a measurement that was a number has become "no value" since. */
function lostNumber(device: RecordedDevice): () => boolean {
  const wereNumbers = new Set(
    device.frames
      .flatMap(({ readings }) => readings)
      .filter(({ value }) => typeof value === "number")
      .map(({ code }) => code),
  );
  const from = device.frames.length;
  return () =>
    device.frames
      .slice(from)
      .some(({ readings }) =>
        readings.some(({ code, value }) => value === null && wereNumbers.has(code)),
      );
}

function assertPossible({ code, value }: Measured): void {
  const gate = gateOf(code);
  if (gate !== undefined && typeof value === "number") {
    assert.ok(value >= gate.low && value <= gate.high, `${code} ${value}`);
  }
}

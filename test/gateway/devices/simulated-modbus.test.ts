import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";

import { parse } from "yaml";

import { needDriver } from "../../../gateway/devices/catalog.ts";
import type { DeviceOptions, Driver } from "../../../gateway/devices/device.ts";
import { completeOptions, optionProblems } from "../../../gateway/devices/option-check.ts";
import { MODBUS_SIMULATORS } from "../../../gateway/devices/simulators.ts";
import { itemProblem } from "../../../gateway/item-shape.ts";
import { openModbusLine } from "../../../gateway/lines/modbus.ts";
import { codeOf } from "../../../gateway/nomenclature/nomenclature.ts";
import { TakeNumberer } from "../../../gateway/bedside/take.ts";
import type { SimulatedDevice } from "../../../gateway/simulate/host.ts";
import { needSimulator } from "../../../gateway/simulate/registry.ts";
import { CollectingSink } from "../../fakes/line-sink.ts";

const MAP = new URL("../../../gateway/devices/generic-modbus/maps/gas-panel.yaml", import.meta.url);

/** Options that a model cannot do without, or with which it gives more. */
const OPTIONS: Readonly<Record<string, DeviceOptions>> = {
  "generic-modbus": { map: JSON.stringify(parse(readFileSync(MAP, "utf8"))) },
  "thermo-freezer": { "system-status": "671", "enclosure-status": "674" },
};

const SCHEMES = {
  "modbus-tcp": "modbus-tcp",
  pty: "modbus-rtu",
  "modbus-ascii": "modbus-ascii",
  "modbus-rtu+tcp": "modbus-rtu+tcp",
} as const;

// One walk over the simulated Modbus devices: a new one needs no new test code.
describe("simulated Modbus devices", { concurrency: 3 }, () => {
  for (const { model } of MODBUS_SIMULATORS) {
    const driver = needDriver(model);
    const options = completeOptions(driver, OPTIONS[model] ?? {});

    test(`${model}: its options can be used`, () => {
      assert.deepEqual(optionProblems(driver, OPTIONS[model] ?? {}), []);
    });

    for (const [line, scheme] of Object.entries(SCHEMES)) {
      if (driver.facts.lines.includes(scheme)) {
        test(`${model} is read over ${scheme}`, async () => {
          await reading({ driver, options, line }, async (sink) => {
            await sink.until(() => sink.frames.length >= 2);
            assert.deepEqual(sink.faults, []);
            assert.equal(sink.now, "online");
            const readings = sink.frames.flatMap((frame) => frame.readings);
            assert.ok(readings.some(({ value }) => typeof value === "number"));
            assert.ok(readings.every(({ code, mdc }) => codeOf(code) === mdc));
            const numberer = new TakeNumberer("0000000000000000");
            for (const frame of sink.frames) {
              for (const { items } of numberer.number("x", frame, 1e12, "synchronised")) {
                assert.deepEqual(
                  items.map(itemProblem).filter((problem) => problem !== null),
                  [],
                );
              }
            }
          });
        });
      }
    }

    test(`${model}: every fault on demand is seen, and goes away again`, async () => {
      await reading({ driver, options, line: "modbus-rtu+tcp" }, async (sink, simulated) => {
        await sink.until(() => sink.frames.length >= 1);
        const numbers = numbersOf(sink);
        simulated.setFault("sensor-off", true);
        await sink.until(() => lost(sink, numbers));
        simulated.setFault("sensor-off", false);
        for (const fault of ["checksum", "noise", "restart"] as const) {
          const before = sink.faults.length + sink.states.length;
          simulated.setFault(fault, true);
          await sink.until(() => sink.faults.length + sink.states.length > before);
          simulated.setFault(fault, false);
          const frames = sink.frames.length;
          await sink.until(() => sink.frames.length > frames);
        }
      });
    });
  }

  test("the same seed and times give the same registers, another seed gives others", () => {
    for (const simulator of MODBUS_SIMULATORS) {
      const driver = needDriver(simulator.model);
      assert.ok(driver.kind === "modbus");
      const polls = driver.polls(completeOptions(driver, OPTIONS[simulator.model] ?? {}));
      const words = (seed: number): unknown => {
        const registers = simulator.open({ seed });
        return polls.flatMap(({ blocks }) =>
          blocks.map((block) => registers(block, { seconds: 40, sensorOff: false })),
        );
      };
      assert.deepEqual(words(7), words(7));
      assert.notDeepEqual(words(7), words(8));
    }
  });
});

interface Read {
  readonly driver: Driver;
  readonly options: DeviceOptions;
  readonly line: string;
}

/** Simulates a device, reads it, and ends both. */
async function reading(
  { driver, options, line }: Read,
  act: (sink: CollectingSink, simulated: SimulatedDevice) => Promise<void>,
): Promise<void> {
  // Over a device server every model can be reached, whatever its driver says.
  const simulated = await needSimulator(driver.facts.model).start({ line, seed: 3 });
  const bus = openModbusLine(simulated.url, { replyMs: 300, quietMs: 50, unitBackoffMs: 300 });
  const sink = new CollectingSink();
  try {
    bus.attach({ device: "x", driver: hastened(driver), unit: simulated.unit, options }, sink);
    await act(sink, simulated);
  } finally {
    await bus.close();
    await simulated.close();
  }
}

/** The same driver at ten times the pace. */
function hastened(driver: Driver): Driver {
  return driver.kind === "modbus"
    ? {
        ...driver,
        polls: (options) =>
          driver.polls(options).map((poll) => ({ ...poll, everyMs: poll.everyMs / 10 })),
      }
    : driver;
}

function numbersOf(sink: CollectingSink): ReadonlySet<string> {
  const readings = sink.frames.flatMap((frame) => frame.readings);
  return new Set(readings.filter(({ value }) => typeof value === "number").map(({ code }) => code));
}

/** Tells whether a measurement that was a number has become "no value". */
function lost(sink: CollectingSink, numbers: ReadonlySet<string>): boolean {
  const last = sink.frames.at(-1)?.readings ?? [];
  return last.some(({ code, value }) => value === null && numbers.has(code));
}

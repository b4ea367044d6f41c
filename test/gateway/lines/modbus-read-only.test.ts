import assert from "node:assert/strict";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";

import * as fc from "fast-check";

import { DRIVERS } from "../../../gateway/devices/catalog.ts";
import type { DeviceOptions, ModbusDriver } from "../../../gateway/devices/device.ts";
import { openModbusLine } from "../../../gateway/lines/modbus.ts";
import { ModbusSlave } from "../../../gateway/simulate/modbus-slave.ts";
import { CollectingSink } from "../../fakes/line-sink.ts";

/*
 * Devices are only read, proven on the wire: a slave writes down every request of every Modbus driver of the catalog, whatever its options
 * say and whatever it is answered. It understands requests that write as well, so that one would be seen.
 */
const TIMING = { replyMs: 40, quietMs: 20, unitBackoffMs: 20 };

const DRIVERS_OF_MODBUS = DRIVERS.filter((driver) => driver.kind === "modbus");

test("there are Modbus drivers to look at", () => assert.ok(DRIVERS_OF_MODBUS.length >= 2));

for (const framing of ["tcp", "rtu"] as const) {
  test(`no Modbus driver ever sends anything but reads (${framing})`, async () => {
    const functions = new Map<number, number>();
    const lengths = new Set<number>();
    const server = createServer((socket) => {
      const slave = new ModbusSlave(
        {
          framing,
          answer: (request) => {
            const code = request[1] ?? -1;
            functions.set(code, (functions.get(code) ?? 0) + 1);
            lengths.add(request.length);
            // Each unit has a way of its own to answer.
            return ANSWERS[(request[0] ?? 0) % ANSWERS.length]!(request);
          },
        },
        (reply) => socket.write(reply),
      );
      socket.on("data", (data: Buffer) => slave.push(data));
      socket.on("error", () => undefined);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const scheme = framing === "tcp" ? "modbus-tcp" : "modbus-rtu+tcp";
    const cases = fc.constantFrom(...DRIVERS_OF_MODBUS).chain((driver) => {
      return fc.tuple(fc.constant(driver), optionsOf(driver), fc.integer({ min: 1, max: 247 }));
    });
    const all = fc.sample(cases, { numRuns: 400, seed: 5 });
    const asksSoFar = (): number => [...functions.values()].reduce((sum, count) => sum + count, 0);
    for (let from = 0; from < all.length; from += TOGETHER) {
      const some = all.slice(from, from + TOGETHER);
      const before = asksSoFar();
      const lines = some.map(([driver, options, unit]) => {
        const line = openModbusLine(`${scheme}://127.0.0.1:${port}`, TIMING);
        line.attach({ device: "x", driver, unit, options }, new CollectingSink());
        return line;
      });
      // Some of them ask for nothing, so only all together can be waited for.
      while (asksSoFar() < before + ASKS_TOGETHER) {
        await sleep(20);
      }
      await Promise.all(lines.map((line) => line.close()));
    }
    server.close();
    const asked = [...functions.keys()].sort((a, b) => a - b);
    assert.ok(
      asked.every((code) => code >= 1 && code <= 4),
      `functions ${asked.join(", ")} were asked for`,
    );
    assert.ok(asked.includes(1) && asked.includes(2), "bits are asked for as well");
    assert.deepEqual([...lengths], [6]);
  });
}

/** Lines that are open at the same time, and what they have asked when they are closed. */
const TOGETHER = 40;
const ASKS_TOGETHER = 150;

/** Maps for the driver whose registers the site describes, in place of random texts alone. */
const MAPS = [1, 2, 3, 4].map((code) => {
  const type = code <= 2 ? { type: "bits" } : { type: "uint16", unit: "1" };
  const point = (address: number): object => ({
    code: `A_${address}`,
    function: code,
    address,
    ...type,
  });
  return JSON.stringify({
    title: "T",
    maker: "M",
    model: "X",
    source: "S",
    addressBase: 0,
    inFlight: 4,
    points: [0, 1, 7, 300, 65_535].map(point),
  });
});

/** Values that fit an option, and values that do not. */
function optionsOf(driver: ModbusDriver): fc.Arbitrary<DeviceOptions> {
  const any = fc.oneof(fc.integer(), fc.double(), fc.string(), fc.boolean());
  const values = driver.options.map(({ name, default: usual, choices, minimum, maximum }) => {
    const fitting: fc.Arbitrary<string | number | boolean>[] = [fc.constant(usual)];
    if (name === "map") {
      fitting.push(fc.constantFrom(...MAPS));
    }
    if (choices !== undefined) {
      fitting.push(fc.constantFrom(...choices));
    }
    if (typeof usual === "number") {
      fitting.push(fc.integer({ min: minimum ?? -1e6, max: maximum ?? 1e6 }));
    }
    return [
      name,
      fc.oneof({ weight: 4, arbitrary: fc.oneof(...fitting) }, { weight: 1, arbitrary: any }),
    ] as const;
  });
  return fc.record(Object.fromEntries(values));
}

/** How the slave may answer: with any values, with refusals, with nonsense, or not at all. */
const ANSWERS: readonly ((request: Uint8Array) => Uint8Array | null)[] = [
  (request) => valuesFor(request, 0x41),
  (request) => valuesFor(request, 0),
  (request) => Uint8Array.of(request[0] ?? 0, (request[1] ?? 0) | 0x80, 2),
  (request) => Uint8Array.of(request[0] ?? 0, 16, 0, 1, 0, 1),
  () => null,
];

function valuesFor(request: Uint8Array, byte: number): Uint8Array {
  const [unit = 0, code = 0, , , high = 0, low = 0] = request;
  const count = 256 * high + low;
  const length = code <= 2 ? Math.ceil(count / 8) : 2 * count;
  return Uint8Array.of(unit, code, length, ...Array.from({ length }, () => byte));
}

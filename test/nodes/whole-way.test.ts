import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { demoFlow } from "../../flows/demo-flow.ts";
import { hasIndex } from "../../gateway/indices.ts";
import type { Take } from "../../gateway/reading.ts";
import type { WardTake } from "../../gateway/rooms.ts";
import { readWard } from "../../nodes/ward-message.ts";
import { aMessage, aReading, aTake, aWaveform, FakeServices } from "../fakes/flow-services.ts";
import { TestRed } from "../fakes/node-red.ts";

const services = new FakeServices();
let red: TestRed;
before(async () => {
  red = await TestRed.open({ ward: services });
});
after(() => red.close());

const DEVICES = [
  {
    device: "bed-1/monitor",
    model: "nonin-oem3-format2",
    line: "tcp://10.0.0.7:4001",
    unit: null,
    kind: "stream",
  },
  {
    device: "bed-2/monitor",
    model: "masimo-ascii1",
    line: "serial:/dev/ttyUSB0",
    unit: null,
    kind: "stream",
  },
  {
    device: "room-1/pressure",
    model: "tsi-rpc30",
    line: "modbus-tcp://10.0.0.8:502",
    unit: 3,
    kind: "modbus",
  },
  {
    device: "ward-2/bed-1/incubator",
    model: "lads-incubator",
    line: "opc.tcp://10.0.0.9:4840",
    unit: null,
    kind: "opcua",
  },
] as const;
const TAKES_PER_STEP = 40;

/** A take of a device: possible, impossible and repeated readings, and now and then a waveform. */
function makeTake(device: string, take: number): Take {
  const at = 1_795_475_500_000 + take * 1000;
  if (take % 7 === 0) {
    return aTake([aWaveform({ device, take })], "wave");
  }
  const values = [90 + (take % 3), 97, take % 5 === 0 ? 970 : 60, null];
  return aTake(
    values.map((value, index) =>
      aReading({ device, take, index, value, path: `1.1.${index}`, at }),
    ),
  );
}

/** What bedside would do: hands over in the running generation, and again after each start of flows. */
class Bedside {
  readonly taken: Take[] = [];
  readonly ends = new Ends();

  hand(takes: readonly Take[]): void {
    for (const take of takes) {
      for (const { subscription, source } of services.subscriptions.values()) {
        if (subscription.device === take.device) {
          source.take(take, readWard(aMessage(take, services.generation)));
        }
      }
    }
  }

  takeSome(): void {
    const last = this.taken.at(-1)?.take ?? 0;
    for (let number = last + 1; number <= last + TAKES_PER_STEP; number += 1) {
      const takes = DEVICES.map(({ device }) => makeTake(device, number));
      this.taken.push(...takes);
      this.hand(takes);
    }
  }

  unsettled(): Take[] {
    return this.taken.filter((take) => this.ends.of(take).includes(""));
  }
}

/** How each item ended, kept up with what the services have written down since the last look. */
class Ends {
  readonly #ends = new Map<string, string>();
  #stored = 0;
  #settled = 0;

  of(take: Take): string[] {
    this.#read();
    return take.items.map(({ index }) => this.#ends.get(keyOf(take, index)) ?? "");
  }

  #read(): void {
    for (const { ward } of services.stored.slice(this.#stored)) {
      this.#note(ward.takes, "stored");
    }
    for (const { takes, outcome } of services.settled.slice(this.#settled)) {
      this.#note(takes, outcome);
    }
    this.#stored = services.stored.length;
    this.#settled = services.settled.length;
  }

  /** A take that was handed over twice may end in two ways; that it was stored counts most. */
  #note(takes: readonly WardTake[], outcome: string): void {
    for (const take of takes) {
      for (let index = 0; index < take.count; index += 1) {
        const key = keyOf(take, index);
        if (hasIndex(take.indices, index) && this.#ends.get(key) !== "stored") {
          this.#ends.set(key, outcome);
        }
      }
    }
  }
}

function keyOf({ device, take }: { device: string; take: number }, index: number): string {
  return `${device} ${take} ${index}`;
}

test("every item that was taken ends stored, withheld or refused, through deploys of every kind under load", async () => {
  red.forget();
  const flow = demoFlow(DEVICES);
  const bedside = new Bedside();
  const changed = (size: string): object[] =>
    flow.map((node) => (Reflect.get(node, "type") === "ward-filter" ? { ...node, size } : node));
  const deploys: [readonly object[], string][] = [
    [flow, "full"],
    [changed("1"), "nodes"],
    [changed("2"), "flows"],
    [changed("3"), "full"],
    [flow, "nodes"],
  ];
  for (const [next, kind] of deploys) {
    const deployed = red.deploy(next, kind);
    bedside.takeSome();
    await deployed;
    services.generation += 1;
    bedside.hand(bedside.unsettled());
    bedside.takeSome();
  }
  assert.equal(services.subscriptions.size, DEVICES.length);
  while (bedside.unsettled().length > 0) {
    await services.changed();
    await red.settle();
  }
  const outcomes = bedside.taken.flatMap((take) => bedside.ends.of(take));
  assert.deepEqual([...new Set(outcomes)].toSorted(), ["refused", "stored", "withheld"]);
  const impossible = bedside.taken.filter(
    ({ class: name, take }) => name === "vital" && take % 5 === 0,
  );
  assert.ok(impossible.every((take) => bedside.ends.of(take)[2] === "refused"));
  assert.deepEqual(red.log, []);
});

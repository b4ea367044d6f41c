import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { numberAt, textAt, valueAt } from "../../gateway/json-value.ts";
import { ledgerOf, moreOpened, openHouse, until } from "../ward/house.ts";

/**
 * A whole ward whose gateway's clock jumps; broker, hub and devices keep the right time. To be run where wrong-clock.c is
 * loaded into the gateway. Arguments: the file with the offset, a directory, and the offsets to jump to (seconds). Prints the
 * hub's ledger at the end.
 */
const [offsetFile = "", directory = "", ...offsets] = process.argv.slice(2);
jump(0);
const readings = join(directory, "hub", "readings.ndjson");
const demo = await openHouse({ beds: 2, directory });
try {
  await moreOpened(demo, 20);
  for (const offset of offsets) {
    const taken = demo.numbers().taken;
    jump(Number(offset));
    // Whatever the time seems to be, devices are read on.
    await until("readings are taken", () => demo.numbers().taken > taken + 30);
    await sleep(500);
  }
  const rightSince = Date.now();
  jump(0);
  await moreOpened(demo, 20);
  if (Number(offsets.at(-1)) !== 0) {
    await until("every device told that the clock is right", () => everyDeviceTold(rightSince));
  }
  await until("the backlog is gone", () => demo.numbers().backlog < 5, 60_000);
} finally {
  await demo.finish();
}
const ledger = await ledgerOf(directory);
const chains = valueAt(ledger, "chains");
const restarts = ["keeper", "bedside", "flowhost"].map((room) =>
  numberAt(demo.latest("gateway"), "rooms", room, "restarts"),
);
process.stdout.write(
  JSON.stringify({
    totals: valueAt(ledger, "totals"),
    reasons: valueAt(ledger, "reasons"),
    chains,
    restarts,
    readings,
  }),
);

/** Whether the hub has, of every device, the notice that its clock was set to the right time at `since` or later. */
function everyDeviceTold(since: number): boolean {
  const lines = readFileSync(readings, "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line): unknown => JSON.parse(line));
  const told = lines.filter(
    (line) =>
      valueAt(line, "notice") === "clock-set" &&
      numberAt(line, "at") >= since &&
      numberAt(line, "at") <= Date.now(),
  );
  const devicesOf = (some: readonly unknown[]): Set<string> =>
    new Set(some.map((line) => textAt(line, "device")));
  return devicesOf(told).isSupersetOf(devicesOf(lines));
}

function jump(seconds: number): void {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(seconds));
  // Written in place: the gateway's processes have it mapped.
  writeFileSync(offsetFile, bytes, { flag: "r+" });
}

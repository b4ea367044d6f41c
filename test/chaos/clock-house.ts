import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { numberAt, valueAt } from "../../gateway/json-value.ts";
import { ledgerOf, moreOpened, openHouse, until } from "../ward/house.ts";

/**
 * A whole ward whose gateway's clock jumps; broker, hub and devices keep the right time. To be run where wrong-clock.c is
 * loaded into the gateway. Arguments: the file with the offset, a directory, and the offsets to jump to (seconds). Prints the
 * hub's ledger at the end.
 */
const [offsetFile = "", directory = "", ...offsets] = process.argv.slice(2);
jump(0);
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
  jump(0);
  await moreOpened(demo, 20);
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
    readings: join(directory, "hub", "readings.ndjson"),
  }),
);

function jump(seconds: number): void {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(seconds));
  // Written in place: the gateway's processes have it mapped.
  writeFileSync(offsetFile, bytes, { flag: "r+" });
}

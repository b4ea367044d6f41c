import { appendFileSync, openSync, writeSync } from "node:fs";

import { openTestOutbox } from "./outbox-kit.ts";
import { fakeBatch, fakeEpoch, hex } from "./record-codec.ts";

/**
 * A process that writes without end and notes what was acknowledged: `<class>/<store number> <sequence> <body>` a line, appended after
 * the acknowledgement. Arguments: store directory, log of acknowledgements, prefix of bodies, receipts "yes" or "no".
 */
const [directory = "", ackLog = "", prefix = "", receipts = "no"] = process.argv.slice(2);
const log = openSync(ackLog, "a");
const { outbox } = await openTestOutbox(directory, {
  commitMs: 1,
  events: {
    committed: () => undefined,
    forgotten: () => undefined,
    lost: (loss) => appendFileSync(`${ackLog}.lost`, `${JSON.stringify(loss)}\n`),
    trouble: (error) => process.stdout.write(`${error === null ? "well" : error.code}\n`),
  },
});
let current = 0;
process.stdout.write("open\n");
await Promise.all(Array.from({ length: 4 }, (_, lane) => write(lane)));

async function write(lane: number): Promise<never> {
  const epoch = hex(`${prefix} ${lane}`);
  for (let count = 0; ; count += 1) {
    const bodies = Array.from({ length: 3 }, (_, place) => `${prefix}-${lane}-${count}-${place}`);
    const padding = "p".repeat(200 + ((count * 97) % 1500));
    const stored = await outbox.put({
      epochs: [fakeEpoch(epoch)],
      batches: [
        ...bodies.map((body) => fakeBatch("vital", epoch, 1, `${body} ${padding}`)),
        fakeBatch("tally", epoch, 1, `${bodies[0]}-tally`),
      ],
    });
    current = stored[0]?.store ?? 0;
    const lines = stored.map(
      (record, place) =>
        `${record.class}/${record.store} ${record.sequence} ${bodies[place] ?? `${bodies[0]}-tally`}\n`,
    );
    writeSync(log, lines.join(""));
    if (receipts === "yes" && lane === 0 && count % 7 === 6) {
      await receiptOldHalf();
    }
  }
}

/** Receipts the older half of what waits, after noting that it may be gone. */
async function receiptOldHalf(): Promise<void> {
  const first = outbox.waiting().find((each) => each.class === "vital");
  if (first !== undefined) {
    if (first.store !== current) {
      return;
    }
    const to = Math.floor((first.range[0] + first.range[1]) / 2);
    writeSync(log, `receipt/${first.store} ${first.range[0]} ${to}\n`);
    const ranges = [{ class: "vital" as const, range: [first.range[0], to] as const }];
    await outbox.receipt({ store: outbox.storeId, ranges, rejects: [] });
  }
}

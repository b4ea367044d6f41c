import { createInterface } from "node:readline";

import { errorText } from "../../gateway/errors.ts";
import { openTestOutbox } from "../fakes/outbox-kit.ts";
import { fakeBatch, fakeEpoch, hex } from "../fakes/record-codec.ts";
import { linesOf, say, tellWhatIsThere } from "./outbox-words.ts";

/**
 * Opens one store after the other, as their directories come over standard input, and tells what is there (outbox-words.ts).
 * Each is used once more before it is closed. `renewed` says that a new store was begun, `lost` what was given up,
 * `failed` that a store did not open; `done` ends the lines about a store.
 */
for await (const directory of createInterface({ input: process.stdin })) {
  try {
    await check(directory);
  } catch (error) {
    say([`failed ${errorText(error)}`]);
  }
  say(["done"]);
}

async function check(directory: string): Promise<void> {
  const { outbox, told } = await openTestOutbox(directory, { commitMs: 0 });
  try {
    say(outbox.renewed ? ["renewed"] : []);
    await tellWhatIsThere(outbox);
    say(["open"]);
    const epoch = hex("checker");
    const batches = [fakeBatch("vital", epoch, 1, "checker-0-0-0")];
    await outbox.put({ epochs: [fakeEpoch(epoch)], batches });
  } finally {
    await outbox.close();
  }
  say(told.committed.flatMap((record) => linesOf("ack", record)));
  say(told.lost.map(({ class: name, store, from, to }) => `lost ${name} ${store} ${from} ${to}`));
}

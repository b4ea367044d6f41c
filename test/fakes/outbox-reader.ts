import { openTestOutbox, readAll } from "./outbox-kit.ts";

/** A process that opens an outbox, reads everything, waits until losses are dealt with, and prints what it found. */
const [directory = ""] = process.argv.slice(2);
const { outbox, told } = await openTestOutbox(directory);
const records = await readAll(outbox);
await outbox.close();
const lost = told.lost.reduce((sum, loss) => sum + loss.to - loss.from + 1, 0);
process.stdout.write(JSON.stringify({ read: records.length, lost, renewed: outbox.renewed }));

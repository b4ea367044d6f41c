import { openJournal, rejected } from "./journal-kit.ts";

/**
 * Appends to a journal until it is killed, and says of every entry that it is on disk. Arguments: directory, first number,
 * entries at a time, and bytes that the journal may take.
 */
const [directory = "", first = "0", together = "3", bytesMax = "33554432"] = process.argv.slice(2);
const journal = openJournal(directory, { bytesMax: Number(bytesMax) });
for (let number = Number(first); ; number += Number(together)) {
  const events = Array.from({ length: Number(together) }, (_, place) => rejected(number + place));
  await Promise.all(events.map((event) => journal.append(event)));
  process.stdout.write(`${number + events.length}\n`);
}

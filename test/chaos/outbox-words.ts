import { writeSync } from "node:fs";

import type { Outbox } from "../../gateway/outbox/outbox.ts";
import type { StoredRecord } from "../../gateway/outbox/records.ts";
import { readAll } from "../fakes/outbox-kit.ts";
import { fakeRecord } from "../fakes/record-codec.ts";

/**
 * What a process that uses an outbox tells its parent, one line each:
 *
 * `found <class> <store> <sequence> <word>`  a record that was there at the start
 * `gap <class> <store> <from> <to>`          what a gap record accounts for, behind the line of that record
 * `wrong <text>`                             something read that was never written
 * `open`                                     that was all of it; the work begins
 * `ack <class> <store> <sequence> <word>`    on disk, says the outbox
 * `receipt <class> <store> <from> <to>`      what is about to be receipted: it may be gone from here on
 * `trouble <code>`, `well`                   writing stopped, or goes on
 * `refused <code>`                           a put was refused: nothing of it was stored
 * `unopened <code>`                          the store did not open; the last word
 */

/** To a pipe: what was written here reaches the parent whatever becomes of this process. */
export function say(lines: readonly string[]): void {
  const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""), "latin1");
  for (let at = 0; at < bytes.length;) {
    at += writeSync(1, bytes, at);
  }
}

/** Reads all that waits, and tells it. */
export async function tellWhatIsThere(outbox: Outbox): Promise<void> {
  const found = await readAll(outbox);
  const lines: string[] = [];
  let before: StoredRecord | undefined;
  for (const record of found) {
    lines.push(...linesOf("found", record));
    const { previous } = fakeRecord(record.bytes);
    if (isNext(before, record) && previous !== before?.hash) {
      lines.push(`wrong ${record.class} ${record.sequence} does not follow the record before it`);
    }
    before = record;
  }
  const keys = new Set((await outbox.neededEpochs()).map(({ epoch }) => epoch));
  const missing = new Set(found.map(({ bytes }) => fakeRecord(bytes).epoch)).difference(keys);
  lines.push(...[...missing].map((epoch) => `wrong the key of epoch ${epoch} is not there`));
  say(lines);
}

/** The lines about a record that was found or acknowledged. */
export function linesOf(what: string, record: StoredRecord): string[] {
  const { store, class: name, sequence, body } = fakeRecord(record.bytes);
  const isRight = name === record.class && sequence === record.sequence;
  const word = body.split(" ")[0] ?? "";
  const line = `${what} ${name} ${store} ${sequence} ${record.class === "gap" ? "gap" : word}`;
  const wrong = isRight ? [] : [`wrong ${name} ${sequence} lies at ${record.sequence}`];
  return [line, ...wrong, ...(record.class === "gap" ? [gapLine(body)] : [])];
}

function gapLine(body: string): string {
  const loss = JSON.parse(body) as { class: string; store: string; from: number; to: number };
  return `gap ${loss.class} ${loss.store} ${loss.from} ${loss.to}`;
}

function isNext(before: StoredRecord | undefined, record: StoredRecord): boolean {
  return (
    before !== undefined &&
    before.class === record.class &&
    before.store === record.store &&
    before.sequence + 1 === record.sequence
  );
}

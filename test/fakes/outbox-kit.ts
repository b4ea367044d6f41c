import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Outbox } from "../../gateway/outbox/outbox.ts";
import type { OutboxOptions } from "../../gateway/outbox/outbox-options.ts";
import type { EpochRecord, Loss, StoredRecord } from "../../gateway/outbox/records.ts";
import { makeFakeCodec } from "./record-codec.ts";

/** A path for a store, in a directory that is gone when the test is over. */
export function temporaryDirectory(t: { after: (act: () => void) => void }): string {
  const directory = mkdtempSync(join(tmpdir(), "wardgate-outbox-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, "store");
}

/** What an outbox told. */
export interface Told {
  readonly committed: StoredRecord[];
  readonly epochs: EpochRecord[];
  readonly lost: Loss[];
  readonly forgotten: { class: string; batches: number; why: string }[];
  readonly trouble: (string | null)[];
}

/** Opens an outbox with a fake codec and remembers what it tells. */
export async function openTestOutbox(
  directory: string,
  options: Partial<OutboxOptions> = {},
): Promise<{ outbox: Outbox; told: Told }> {
  const told: Told = { committed: [], epochs: [], lost: [], forgotten: [], trouble: [] };
  const outbox = await Outbox.open({
    directory,
    codec: makeFakeCodec(),
    bytesMax: 2 ** 30,
    commitMs: 0,
    now: () => 1_795_000_000_000,
    events: {
      committed: (records, epochs) => {
        told.committed.push(...records);
        told.epochs.push(...epochs);
      },
      forgotten: (name, batches, why) => told.forgotten.push({ class: name, batches, why }),
      lost: (loss) => told.lost.push(loss),
      trouble: (error) => told.trouble.push(error?.code ?? null),
    },
    ...options,
  });
  return { outbox, told };
}

/** Reads everything that waits. */
export async function readAll(outbox: Outbox): Promise<StoredRecord[]> {
  const all: StoredRecord[] = [];
  for (const { range, ...place } of outbox.waiting()) {
    for (let from = range[0]; from <= range[1];) {
      const { records, next } = await outbox.read({ ...place, range: [from, range[1]] }, 64);
      all.push(...records);
      from = next;
    }
  }
  return all;
}

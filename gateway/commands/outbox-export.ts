import { existsSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { basename, dirname } from "node:path";

import { WardError } from "../errors.ts";
import { SEND_ORDER } from "../outbox/keys.ts";
import { hashHex, type RecordPlace } from "../sealing/envelope.ts";
import { readRecord } from "../sealing/open.ts";
import { ParcelWriter, type ParcelEntry } from "../sealing/parcel.ts";
import type { CommandIo } from "./command.ts";
import type { OutboxSource, SourceRange } from "./outbox-source.ts";
import { ProgressLine } from "./progress-line.ts";

/** What an export has written. */
export interface Exported {
  readonly kind: "exported";
  readonly file: string;
  readonly gateway: string;
  readonly records: number;
  readonly epochs: number;
  readonly bytes: number;
}

/**
 * Writes everything that waits in an outbox into one file, and the epoch keys with it. Half a file, `<file>.part`, is gone on
 * with. Nothing is taken out of the outbox: that is what the hub's receipts are for.
 */
export async function exportOutbox(
  source: OutboxSource,
  file: string,
  io: CommandIo,
): Promise<Exported> {
  if (existsSync(file)) {
    throw new WardError(
      "WARD_USAGE",
      `Cannot export to ${file}: it is there already. Name another.`,
    );
  }
  const run = await ExportRun.begin(source, `${file}.part`);
  try {
    await run.all(io);
  } catch (error) {
    await run.writer.abandon().catch(() => undefined);
    throw new WardError(
      "WARD_EXPORT",
      `Cannot finish ${file}: ${error instanceof Error ? error.message : "unknown error"}. Give the same command again to go on with it.`,
      { cause: error },
    );
  }
  await run.writer.finish();
  await rename(`${file}.part`, file);
  await syncName(file);
  const { records, epochs, writer } = run;
  const { bytes } = writer;
  return { kind: "exported", file, gateway: source.gateway, records, epochs, bytes };
}

class ExportRun {
  readonly writer: ParcelWriter;
  records = 0;
  readonly #source: OutboxSource;
  readonly #epochs: Set<string>;
  /** The last record that an earlier try has written, or null. */
  readonly #last: RecordPlace | null;

  private constructor(writer: ParcelWriter, source: OutboxSource, before: Before) {
    this.writer = writer;
    this.#source = source;
    this.records = before.records;
    this.#epochs = before.epochs;
    this.#last = before.last === null ? null : readRecord(before.last).place;
  }

  static async begin(source: OutboxSource, part: string): Promise<ExportRun> {
    const before: Before = { records: 0, epochs: new Set<string>(), last: null };
    const writer = existsSync(part)
      ? await ParcelWriter.resume(part, (entry) => note(entry, source.gateway, before))
      : await ParcelWriter.create(part, source.gateway);
    return new ExportRun(writer, source, before);
  }

  get epochs(): number {
    return this.#epochs.size;
  }

  async all(io: CommandIo): Promise<void> {
    await this.#writeEpochs();
    const ranges = leftOf(await this.#source.waiting(), this.#last);
    const total =
      this.records + ranges.reduce((sum, { range }) => sum + range[1] - range[0] + 1, 0);
    const progress = new ProgressLine(
      io.stderr,
      () => `exported ${this.records} of ${total} records`,
    );
    try {
      for (const range of ranges) {
        await this.#writeRange(range, io.stop);
      }
      // What was put meanwhile may need an epoch that was not there before.
      await this.#writeEpochs();
    } finally {
      progress.end();
    }
  }

  async #writeRange(
    { range: [from, to], ...place }: SourceRange,
    stop: AbortSignal,
  ): Promise<void> {
    for (let at = from; at <= to;) {
      if (stop.aborted) {
        throw new Error("stopped");
      }
      const { records, next } = await this.#source.read({ ...place, range: [at, to] });
      for (const bytes of records) {
        await this.writer.add({ kind: "record", class: place.class, bytes });
        this.records += 1;
      }
      at = Math.max(next, at + 1);
    }
  }

  async #writeEpochs(): Promise<void> {
    await this.#source.epochs(async (bytes) => {
      const hash = hashHex(bytes);
      if (!this.#epochs.has(hash)) {
        this.#epochs.add(hash);
        await this.writer.add({ kind: "epoch", bytes });
      }
    });
  }
}

/** What an earlier try has written. */
interface Before {
  records: number;
  readonly epochs: Set<string>;
  /** The last record. */
  last: Uint8Array | null;
}

function note(entry: ParcelEntry, gateway: string, before: Before): void {
  switch (entry.kind) {
    case "gateway":
      if (entry.gateway !== gateway) {
        throw new WardError("WARD_PARCEL", `it was begun for the gateway ${entry.gateway}`);
      }
      break;
    case "epoch":
      before.epochs.add(hashHex(entry.bytes));
      break;
    case "record":
      before.records += 1;
      before.last = entry.bytes;
      break;
    case "receipt":
      break;
  }
}

/** What comes behind the last record that was written; a chain that is gone meanwhile lets its whole class begin anew. */
function leftOf(ranges: readonly SourceRange[], last: RecordPlace | null): readonly SourceRange[] {
  if (last === null) {
    return ranges;
  }
  const rank = SEND_ORDER.indexOf(last.class);
  const isLast = ({ class: name, id }: SourceRange): boolean =>
    name === last.class && id === last.store;
  const at = ranges.findIndex(isLast);
  const rest =
    at >= 0
      ? ranges.slice(at)
      : ranges.filter(({ class: name }) => SEND_ORDER.indexOf(name) >= rank);
  return rest.flatMap((place) => {
    const from = isLast(place) ? Math.max(place.range[0], last.sequence + 1) : place.range[0];
    return from > place.range[1] ? [] : [{ ...place, range: [from, place.range[1]] as const }];
  });
}

async function syncName(file: string): Promise<void> {
  const directory = await open(dirname(file), "r");
  try {
    await directory.sync();
  } catch {
    // Some file systems of sticks know no sync of a directory; the file itself is synced.
  } finally {
    await directory.close();
  }
}

/** What an export says when it is done. */
export function exportText({ file, gateway, records, epochs, bytes }: Exported): string {
  const size = `${(bytes / 1e6).toFixed(1)} MB`;
  return `${records} records and ${epochs} epoch keys of ${gateway} are in ${basename(file)} (${size}).\nThey stay in the outbox until the hub's receipts are here: wardgate hub import, then wardgate outbox import.\n`;
}

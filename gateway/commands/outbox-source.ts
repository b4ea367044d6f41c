import { existsSync } from "node:fs";
import { join } from "node:path";

import { lockDataDirectory } from "../data-lock.ts";
import { errorCode, WardError } from "../errors.ts";
import { askControl } from "../house/control.ts";
import { loadSite } from "../house/site.ts";
import { numberAt, textAt, valueAt } from "../json-value.ts";
import { SEND_ORDER } from "../outbox/keys.ts";
import { Outbox, type ChainRange } from "../outbox/outbox.ts";
import type { RecordCodec } from "../outbox/records.ts";
import { readRecord } from "../sealing/open.ts";
import { copyStore, removeStore } from "../outbox/set-aside.ts";

/** A run of records of one chain, with the id of its store as hex. */
export interface SourceRange extends ChainRange {
  readonly id: string;
}

/** An outbox to be read from: of a running gateway through its keeper, of a stopped one from its directory. */
export interface OutboxSource {
  readonly gateway: string;
  waiting(): Promise<readonly SourceRange[]>;
  /** All epoch keys that waiting records need. */
  epochs(each: (bytes: Uint8Array) => Promise<void>): Promise<void>;
  /** Some records from the start of a range; `next` is where to go on. */
  read(
    place: ChainRange,
  ): Promise<{ readonly records: readonly Uint8Array[]; readonly next: number }>;
  close(): Promise<void>;
}

/**
 * The outbox of a data directory. Throws WardError `WARD_DATA_LOCKED` when a gateway has it but does not answer, or what
 * opening it says.
 */
export async function openSource(dataDirectory: string): Promise<OutboxSource> {
  try {
    return await runningSource(dataDirectory);
  } catch (error) {
    if (errorCode(error) !== "WARD_NOT_RUNNING") {
      throw error;
    }
    const { outbox, gateway, close } = await openStopped(dataDirectory);
    return { ...storedSource(outbox), gateway, close };
  }
}

/**
 * A store that was moved aside, to be read from. What is done to read it is done to a copy of its directory, which is removed
 * again; the gateway may run.
 */
export async function openSetAside(dataDirectory: string, store: string): Promise<OutboxSource> {
  demandStore(store);
  const { gateway } = await loadSite(dataDirectory);
  const copy = join(dataDirectory, "store.export");
  copyStore(store, copy);
  const outbox = await openStore(copy);
  const close = async (): Promise<void> => {
    await outbox.close();
    removeStore(copy);
  };
  return { ...storedSource(outbox), gateway, close };
}

/** The store of a gateway that does not run, under the lock of its data directory. */
export async function openStopped(
  dataDirectory: string,
  directory: string = join(dataDirectory, "store"),
): Promise<{ outbox: Outbox; gateway: string; close: () => Promise<void> }> {
  const { gateway } = await loadSite(dataDirectory);
  const lock = await lockDataDirectory(dataDirectory);
  try {
    demandStore(directory);
    const outbox = await openStore(directory);
    const close = async (): Promise<void> => {
      await outbox.close();
      lock.release();
    };
    return { outbox, gateway, close };
  } catch (error) {
    lock.release();
    throw error;
  }
}

function openStore(directory: string): Promise<Outbox> {
  const nothing = (): void => undefined;
  return Outbox.open({
    directory,
    codec: NO_CODEC,
    bytesMax: Number.MAX_SAFE_INTEGER,
    commitMs: 0,
    now: Date.now,
    events: { committed: nothing, forgotten: nothing, lost: nothing, trouble: nothing },
  });
}

/** Throws WardError `WARD_OUTBOX_OPEN` when there is no store in a place. */
export function demandStore(directory: string): void {
  if (!existsSync(directory)) {
    throw new WardError(
      "WARD_OUTBOX_OPEN",
      `Cannot open an outbox: there is none at ${directory}.`,
    );
  }
}

async function runningSource(dataDirectory: string): Promise<OutboxSource> {
  const gateway = textAt(await askControl(dataDirectory, "outbox-waiting"), "gateway");
  return {
    gateway,
    waiting: async () => rangesIn(await askControl(dataDirectory, "outbox-waiting")),
    epochs: async (each) => {
      for (let offset: number | null = 0; offset !== null;) {
        const answer = await askControl(dataDirectory, "outbox-epochs", String(offset));
        for (const bytes of bytesIn(answer, "epochs")) {
          await each(bytes);
        }
        const next = valueAt(answer, "next");
        offset = typeof next === "number" ? next : null;
      }
    },
    read: async ({ class: name, store, range }) => {
      const argument = `${name} ${store} ${range[0]} ${range[1]}`;
      const answer = await askControl(dataDirectory, "outbox-read", argument);
      return { records: bytesIn(answer, "records"), next: numberAt(answer, "next") };
    },
    close: async () => undefined,
  };
}

function storedSource(outbox: Outbox): Omit<OutboxSource, "gateway" | "close"> {
  return {
    waiting: async () =>
      outbox.waiting().map((place) => ({ ...place, id: outbox.idOf(place.store) })),
    epochs: async (each) => {
      for (const { bytes } of await outbox.neededEpochs()) {
        await each(bytes);
      }
    },
    read: async (place) => {
      const { records, next } = await outbox.look(place, READ_RECORDS, READ_BYTES);
      return { records: records.map(({ bytes }) => bytes), next };
    },
  };
}

const READ_RECORDS = 1024;
const READ_BYTES = 2 ** 20;

/** Nothing is signed or sealed where a stopped outbox is only looked at. */
const NO_CODEC: RecordCodec = {
  header: refuse,
  sign: refuse,
  storeOf: (record) => readRecord(record).place.store,
  epochOf: refuse,
  signEpoch: refuse,
  sealGaps: refuse,
  ownEpochs: () => [],
};

function refuse(): never {
  throw new WardError("WARD_INTERNAL", "Cannot seal: this outbox is only looked at.");
}

function rangesIn(answer: unknown): SourceRange[] {
  const ranges = valueAt(answer, "ranges");
  return (Array.isArray(ranges) ? ranges : []).flatMap((entry: unknown): SourceRange[] => {
    const name = SEND_ORDER.find((known) => known === textAt(entry, "class"));
    const range = [numberAt(entry, "range", "0"), numberAt(entry, "range", "1")] as const;
    return name === undefined
      ? []
      : [{ class: name, store: numberAt(entry, "store"), id: textAt(entry, "id"), range }];
  });
}

function bytesIn(answer: unknown, name: string): Uint8Array[] {
  const list = valueAt(answer, name);
  return (Array.isArray(list) ? list : []).map((text: unknown) =>
    Buffer.from(String(text), "base64"),
  );
}

import { join } from "node:path";

import { askControl } from "../house/control.ts";
import { errorCode, WardError } from "../errors.ts";
import { copyStore, removeStore, replaceStore } from "../outbox/set-aside.ts";
import { Verification } from "../outbox/verify.ts";
import type { CommandIo } from "./command.ts";
import { noteLocally } from "./journal-note.ts";
import { demandStore, openStopped } from "./outbox-source.ts";
import { isDamaged, verifyOutbox } from "./outbox-verify.ts";
import { ProgressLine } from "./progress-line.ts";

/** What a salvage has saved. */
export interface Salvaged {
  readonly kind: "salvaged";
  /** Where the damaged store lies now, or null when nothing was damaged and nothing was done. */
  readonly kept: string | null;
  readonly good: number;
  /** Records that are damaged or missing: the gateway accounts for them when it runs. */
  readonly bad: number;
  readonly epochsMissing: number;
}

/**
 * Makes a fresh store of what is still right in a damaged one, and puts it in its place. The damaged one is kept as it is. The
 * sequence numbers of the old store end here: what the gateway puts from now on belongs to a new one.
 */
export async function salvageOutbox(dataDirectory: string, io: CommandIo): Promise<Salvaged> {
  await demandStopped(dataDirectory);
  const store = join(dataDirectory, "store");
  demandStore(store);
  const before = await verifyOutbox(dataDirectory, io);
  if (!isDamaged(before)) {
    return { kind: "salvaged", kept: null, good: before.good, bad: 0, epochsMissing: 0 };
  }
  await noteLocally(dataDirectory, { kind: "outbox-salvaged", outcome: "accepted", what: {} });
  const copy = join(dataDirectory, "store.salvage");
  copyStore(store, copy);
  const { outbox, close } = await openStopped(dataDirectory, copy);
  const verification = new Verification(outbox, () => undefined, 0);
  const line = new ProgressLine(io.stderr, () => `${verification.progress.good} records are saved`);
  await verification.run(io.stop);
  line.end();
  await close();
  const { state, good, bad, epochsMissing, text } = verification.progress;
  if (state !== "done") {
    removeStore(copy);
    throw new WardError(
      "WARD_OUTBOX_READ",
      `Cannot salvage the store: ${text}. Nothing was changed.`,
    );
  }
  const kept = replaceStore(store, copy, Date.now());
  return { kind: "salvaged", kept, good, bad, epochsMissing };
}

export function salvagedText({ kept, good, bad, epochsMissing }: Salvaged): string {
  if (kept === null) {
    return `Nothing is damaged: all ${good} records are what was written. Nothing was changed.\n`;
  }
  const epochs = epochsMissing === 0 ? "" : `${epochsMissing} epoch keys could not be read.\n`;
  return `${good} records are saved; ${bad} could not be, and will be named in gap records.\n${epochs}The damaged store is kept in ${kept}\n`;
}

async function demandStopped(dataDirectory: string): Promise<void> {
  try {
    await askControl(dataDirectory, "bedside");
  } catch (error) {
    if (errorCode(error) === "WARD_NOT_RUNNING") {
      return;
    }
    throw error;
  }
  throw new WardError(
    "WARD_DATA_LOCKED",
    "Cannot salvage a running outbox. Stop the gateway first.",
  );
}

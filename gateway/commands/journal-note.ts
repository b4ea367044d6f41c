import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { lockDataDirectory } from "../data-lock.ts";
import { errorCode } from "../errors.ts";
import { askControl } from "../house/control.ts";
import { loadSite } from "../house/site.ts";
import { loadGatewayIdentity } from "../identity/identity.ts";
import { GATEWAY_FILES } from "../identity/site-files.ts";
import { signCheckpoint } from "../journal/checkpoint.ts";
import { BOOT_BYTES } from "../journal/entry.ts";
import { type JournalEvent, parseJournalEvent } from "../journal/event.ts";
import { Journal } from "../journal/journal.ts";
import { localKeyFile, openLocalKey } from "../keeper/local-key.ts";

/**
 * Writes down what somebody is about to do with a command on the gateway itself: by its keeper when it runs, else under the
 * lock of its data directory. Throws WardError when it cannot, and then it must not be done. A directory that is no gateway's
 * yet has no journal.
 */
export async function noteLocally(
  dataDirectory: string,
  done: DistributiveOmit<JournalEvent, "who">,
): Promise<void> {
  if (!existsSync(join(dataDirectory, GATEWAY_FILES.settings))) {
    return;
  }
  const event = locally(done);
  try {
    const argument = Buffer.from(JSON.stringify(event), "utf8").toString("base64");
    await askControl(dataDirectory, "journal-append", argument);
  } catch (error) {
    if (errorCode(error) !== "WARD_NOT_RUNNING") {
      throw error;
    }
    await noteStopped(dataDirectory, event);
  }
}

/**
 * The same for who holds the lock of a stopped gateway's data directory, and signs for all that is in the journal then: returns
 * the checkpoint, or null where there is no journal. Throws WardError when that cannot be done.
 */
export async function noteUnderLock(
  dataDirectory: string,
  done: DistributiveOmit<JournalEvent, "who">,
): Promise<string | null> {
  if (!existsSync(join(dataDirectory, "journal"))) {
    return null;
  }
  const { gateway, signingKey } = loadGatewayIdentity(join(dataDirectory, "identity"));
  const journal = openJournal(dataDirectory, gateway);
  try {
    await journal.append(locally(done));
    const { size, root } = journal.tree;
    const note = signCheckpoint({ gateway, size, root }, signingKey);
    journal.keepCheckpoint(note);
    return note;
  } finally {
    await journal.close();
  }
}

/** Writes down what a gateway's own keeper could not, for who holds the lock of its data directory. Throws WardError. */
export async function appendUnderLock(
  dataDirectory: string,
  events: readonly JournalEvent[],
): Promise<void> {
  if (events.length > 0) {
    const { gateway } = await loadSite(dataDirectory);
    const journal = openJournal(dataDirectory, gateway);
    await Promise.all(events.map((event) => journal.append(event))).finally(() => journal.close());
  }
}

async function noteStopped(dataDirectory: string, event: JournalEvent): Promise<void> {
  const lock = await lockDataDirectory(dataDirectory);
  try {
    await appendUnderLock(dataDirectory, [event]);
  } finally {
    lock.release();
  }
}

function openJournal(dataDirectory: string, gateway: string): Journal {
  return Journal.open({
    directory: join(dataDirectory, "journal"),
    owner: { gateway, key: openLocalKey(localKeyFile(dataDirectory)) },
    boot: randomBytes(BOOT_BYTES).toString("hex"),
    // To give up entries is the keeper's business.
    bytesMax: Number.MAX_SAFE_INTEGER,
    now: Date.now,
    clock: () => "holdover",
  });
}

function locally(done: DistributiveOmit<JournalEvent, "who">): JournalEvent {
  return parseJournalEvent({ ...done, who: `local/uid-${process.getuid?.() ?? 0}` });
}

type DistributiveOmit<T, Key extends PropertyKey> = T extends unknown ? Omit<T, Key> : never;

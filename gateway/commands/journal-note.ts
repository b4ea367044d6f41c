import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { lockDataDirectory } from "../data-lock.ts";
import { errorCode } from "../errors.ts";
import { askControl } from "../house/control.ts";
import { loadSite } from "../house/site.ts";
import { GATEWAY_FILES } from "../identity/site-files.ts";
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
  const event = parseJournalEvent({ ...done, who: `local/uid-${process.getuid?.() ?? 0}` });
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

async function noteStopped(dataDirectory: string, event: JournalEvent): Promise<void> {
  const { gateway } = await loadSite(dataDirectory);
  const lock = await lockDataDirectory(dataDirectory);
  try {
    const journal = Journal.open({
      directory: join(dataDirectory, "journal"),
      owner: { gateway, key: openLocalKey(localKeyFile(dataDirectory)) },
      boot: randomBytes(BOOT_BYTES).toString("hex"),
      // To give up entries is the keeper's business.
      bytesMax: Number.MAX_SAFE_INTEGER,
      now: Date.now,
      clock: () => "holdover",
    });
    await journal.append(event).finally(() => journal.close());
  } finally {
    lock.release();
  }
}

type DistributiveOmit<T, Key extends PropertyKey> = T extends unknown ? Omit<T, Key> : never;

import { createPublicKey, type KeyObject } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { WardError } from "../errors.ts";
import { loadSite } from "../house/site.ts";
import { openKeys } from "../identity/open-keys.ts";
import { GATEWAY_FILES } from "../identity/site-files.ts";
import { JournalFiles } from "../journal/journal-files.ts";
import { localKeyFile, readLocalKey } from "../keeper/local-key.ts";

/** The journal of a data directory, to be looked at: its files are only read, so the gateway may run. */
export interface FoundFiles {
  readonly gateway: string;
  readonly files: JournalFiles;
  /** What checkpoints must be signed with. */
  readonly key: KeyObject;
}

/** Throws WardError `WARD_JOURNAL_OPEN` when there is no journal or no local key, or as `loadSite` does. */
export async function findJournalFiles(dataDirectory: string): Promise<FoundFiles> {
  const { gateway } = await loadSite(dataDirectory);
  const directory = join(dataDirectory, "journal");
  const localKey = readLocalKey(localKeyFile(dataDirectory));
  if (localKey === null || !existsSync(directory)) {
    throw new WardError(
      "WARD_JOURNAL_OPEN",
      `Cannot read the journal of ${dataDirectory}: there is none, or its local key is missing.`,
    );
  }
  const key = createPublicKey(
    openKeys(join(dataDirectory, "identity")).readSigningKey(
      join(dataDirectory, GATEWAY_FILES.signingKey),
    ),
  );
  return { gateway, files: new JournalFiles(directory, { gateway, key: localKey }), key };
}

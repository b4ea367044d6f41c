import { mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";

import { syncDirectory } from "./disk-sync.ts";
import { linkOrCopy } from "./link-or-copy.ts";
import { hasTornLog } from "./log-tail.ts";
import { damagedTables } from "./scrub.ts";
import { noteBad } from "./starts.ts";
import { hasLostItsRoot, startsFile } from "./store.ts";

/** Work on the files of a store that nobody has open. */

/** What is wrong with the files of a store, in plain words; nothing when LevelDB will find what it wrote. */
export function fileProblems(directory: string): string[] {
  return [
    ...(hasLostItsRoot(directory) ? ["CURRENT is gone"] : []),
    ...(hasTornLog(directory) ? ["the log ends within a write, as after a power cut"] : []),
    ...damagedTables(directory).map((name) => `${name} is damaged`),
  ];
}

/**
 * Makes a second directory of the same files, in which a damaged store can be repaired while the first stays as it is: LevelDB
 * never changes a file that is complete, it only makes new ones. The next open of it checks every table. A copy that is
 * there is replaced.
 */
export function copyStore(from: string, to: string): void {
  removeStore(to);
  mkdirSync(to, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(from)) {
    if (/^(CURRENT|MANIFEST-\d+|\d+\.(ldb|sst|log))$/.test(name)) {
      linkOrCopy(join(from, name), join(to, name));
    }
  }
  noteBad(startsFile(to));
}

/** Removes a copy, and what was moved aside in it. */
export function removeStore(copy: string): void {
  const parent = dirname(copy);
  const own = copy.slice(parent.length + 1);
  for (const name of readdirSync(parent)) {
    if (name === own || name.startsWith(`${own}.`)) {
      rmSync(join(parent, name), { recursive: true, force: true });
    }
  }
}

/** Puts a repaired copy in the place of a store, which is kept beside it. Returns where. */
export function replaceStore(store: string, copy: string, now: number): string {
  const kept = `${store}.damaged-${now}-salvaged`;
  renameSync(store, kept);
  renameSync(copy, store);
  removeStore(copy);
  syncDirectory(dirname(store), []);
  return kept;
}

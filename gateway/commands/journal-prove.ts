import { WardError } from "../errors.ts";
import { readJournal } from "../journal/audit.ts";
import { base64, isSignedBy, readCheckpoint } from "../journal/checkpoint.ts";
import { isSame } from "../journal/merkle.ts";
import type { FoundFiles } from "./journal-files.ts";

/** A proof that one entry is in the journal under a signed checkpoint. */
export interface ProvenEntry {
  /** As c2sp.org/tlog-proof has it; `extra` is the entry. */
  readonly text: string;
  readonly json: {
    readonly index: number;
    /** The entry's bytes, and the hashes of the path, in base64. */
    readonly entry: string;
    readonly proof: readonly string[];
    /** The signed note. */
    readonly checkpoint: string;
  };
}

/** Throws WardError `WARD_JOURNAL_PROOF` when there is no such entry or no checkpoint that has it. */
export async function proveEntry({ files, key }: FoundFiles, index: number): Promise<ProvenEntry> {
  const note = files.checkpoint();
  const found: Uint8Array[] = [];
  const { tree, from } = readJournal(files, (read) => {
    if (read.index === index) {
      found.push(read.bytes);
    }
  });
  const [entry] = found;
  if (entry === undefined) {
    throw unproven(index, `there are entries ${from}-${tree.size - 1}`);
  }
  const { size, root } = note === null ? { size: 0, root: null } : readCheckpoint(note);
  if (note === null || root === null || size <= index) {
    throw unproven(index, "no checkpoint that has it is signed yet. Try again in a minute");
  }
  const here = await tree.rootAt(size);
  const proof = await tree.inclusion(index, size);
  if (here === null || !isSame(here, root) || !isSignedBy(note, key) || proof === null) {
    throw unproven(index, "the journal is not what was signed. Run: wardgate journal verify");
  }
  const json = { index, entry: base64(entry), proof: proof.map(base64), checkpoint: note };
  const lines = ["c2sp.org/tlog-proof@v1", `extra ${json.entry}`, `index ${index}`, ...json.proof];
  return { json, text: `${lines.join("\n")}\n\n${note}` };
}

function unproven(index: number, why: string): WardError {
  return new WardError("WARD_JOURNAL_PROOF", `Cannot prove entry ${index}: ${why}.`);
}

import { readFileSync } from "node:fs";

import { errorText, WardError } from "../errors.ts";
import { compareCheckpoint, type ComparedCheckpoint, readJournal } from "../journal/audit.ts";
import { textAt } from "../json-value.ts";
import { toHex } from "../sealing/envelope.ts";
import type { FoundFiles } from "./journal-files.ts";

/** What a look at a whole journal has found. */
export interface VerifiedJournal {
  readonly kind: "journal-verified";
  readonly gateway: string;
  /** Entries in the tree; those before `from` were given up. */
  readonly size: number;
  readonly from: number;
  readonly root: string;
  readonly restBytes: number;
  readonly checkpoints: readonly ComparedCheckpoint[];
  /** Some entry from `from` up to and not with `to` is not what a checkpoint was signed for; null when none is. */
  readonly rewritten: { readonly from: number; readonly to: number } | null;
  /** How many entries there were once, when there are fewer now; null when there are not. */
  readonly cutFrom: number | null;
  /** Everything that is wrong, one plain sentence each. */
  readonly problems: readonly string[];
}

/** Reads a whole journal and compares it with checkpoints: the gateway's own last one and those of `checkpointFiles`. */
export async function verifyJournal(
  { gateway, files, key }: FoundFiles,
  checkpointFiles: readonly string[],
): Promise<VerifiedJournal> {
  // The files may grow while they are read: what is compared with them is older.
  const own = files.checkpoint();
  const found = readJournal(files);
  const notes = [...(own === null ? [] : [own]), ...checkpointFiles.flatMap(notesIn)];
  const checkpoints: ComparedCheckpoint[] = [];
  const problems = [...found.problems];
  for (const note of notes) {
    try {
      checkpoints.push(await compareCheckpoint(found, note, key));
    } catch (error) {
      problems.push(errorText(error));
    }
  }
  const { size, root } = found.tree;
  const rewritten = rewrittenOf(checkpoints);
  const most = Math.max(0, ...checkpoints.map((checkpoint) => checkpoint.size));
  const cutFrom = most > size ? most : null;
  if (rewritten !== null) {
    const { from, to } = rewritten;
    problems.push(
      `The journal was rewritten: of entries ${from}-${to - 1} at least one is another.`,
    );
  }
  if (cutFrom !== null) {
    problems.push(
      `The journal was cut off: it has ${size} entries and had ${cutFrom}. Entries ${size}-${cutFrom - 1} are missing.`,
    );
  }
  const unsigned = checkpoints.filter(({ signed }) => !signed).length;
  if (unsigned > 0) {
    problems.push(`${unsigned} checkpoints are not signed by this gateway's key.`);
  }
  const { from, restBytes } = found;
  return {
    kind: "journal-verified",
    gateway,
    size,
    from,
    root: toHex(root),
    restBytes,
    checkpoints,
    rewritten,
    cutFrom,
    problems,
  };
}

export function verifiedJournalText(verified: VerifiedJournal): string {
  const { gateway, size, from, restBytes, checkpoints, problems } = verified;
  const count = (verdict: ComparedCheckpoint["verdict"]): number =>
    checkpoints.filter((checkpoint) => checkpoint.verdict === verdict).length;
  const gone = count("gone");
  const lines = [
    `Journal of ${gateway}: ${size} entries${from === 0 ? "" : `, those before ${from} given up`}.`,
    `${count("same")} of ${checkpoints.length} checkpoints fit.`,
    ...(gone === 0 ? [] : [`${gone} are from a time whose entries were given up.`]),
    ...(restBytes === 0
      ? []
      : [
          `${restBytes} bytes at the end are no whole entry: being written, or from an unclean end.`,
        ]),
    ...problems,
  ];
  return `${lines.join("\n")}\n`;
}

/** The change lies between the last checkpoint that fits and the first that does not. */
function rewrittenOf(
  checkpoints: readonly ComparedCheckpoint[],
): { readonly from: number; readonly to: number } | null {
  const sizes = (verdict: ComparedCheckpoint["verdict"]): number[] =>
    checkpoints.filter((each) => each.verdict === verdict).map(({ size }) => size);
  const other = sizes("other");
  if (other.length === 0) {
    return null;
  }
  const to = Math.min(...other);
  return { from: Math.max(0, ...sizes("same").filter((size) => size < to)), to };
}

/** The signed notes in a file: one as it is, or lines of JSON that have one each. */
function notesIn(file: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new WardError(
      "WARD_JOURNAL_CHECKPOINT",
      `Cannot read checkpoints: ${errorText(error)}.`,
      {
        cause: error,
      },
    );
  }
  if (!text.startsWith("{")) {
    return [text];
  }
  return text
    .split("\n")
    .filter((line) => line !== "")
    .flatMap((line) => noteIn(line, file));
}

/** None in a line that tells of an acknowledgement. */
function noteIn(line: string, file: string): string[] {
  try {
    const value: unknown = JSON.parse(line);
    return textAt(value, "verdict") === "acknowledged" ? [] : [textAt(value, "note")];
  } catch (error) {
    throw new WardError("WARD_JOURNAL_CHECKPOINT", `Cannot read checkpoints in ${file}: no JSON.`, {
      cause: error,
    });
  }
}

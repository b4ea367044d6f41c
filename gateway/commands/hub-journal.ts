import { createHash } from "node:crypto";

import type { KeptCheckpoint } from "../../hub/checkpoint-store.ts";
import type { HubStore } from "../../hub/store.ts";
import { errorText, WardError } from "../errors.ts";
import { numberAt, textAt } from "../json-value.ts";
import { toHex } from "../sealing/envelope.ts";
import type { CommandIo } from "./command.ts";
import { hubUsage } from "./hub-options.ts";

/**
 * Prints the checkpoints of gateways' journals that a hub has kept; of one gateway, or of all. Returns true when none of them
 * tells of a journal that was rewritten and that nobody has looked into.
 */
export async function printJournals(
  store: HubStore,
  { gateway, json }: { readonly gateway: string | undefined; readonly json: boolean },
  io: CommandIo,
): Promise<boolean> {
  const open = await openAccusations(store, gateway ?? null, (checkpoint) => {
    io.stdout.write(json ? jsonLine(checkpoint) : textLine(checkpoint));
    return io.stop.aborted;
  });
  return open.size === 0;
}

/**
 * Writes down, in the order of what was seen and for good, that somebody has looked into all that speaks against a gateway's
 * journal until now. Throws WardError `WARD_USAGE`, or `WARD_HUB_JOURNAL` when nothing does.
 */
export async function acknowledgeJournal(
  store: HubStore,
  o: { readonly gateway: string | undefined; readonly why: string | undefined },
  io: CommandIo,
): Promise<void> {
  const { gateway } = o;
  const why = errorText(o.why ?? "").trim();
  if (gateway === undefined || why === "") {
    throw hubUsage("give --gateway ID and --why TEXT");
  }
  const upTo = (await openAccusations(store, gateway, () => false)).get(gateway);
  if (upTo === undefined) {
    throw new WardError(
      "WARD_HUB_JOURNAL",
      `Cannot acknowledge: nothing speaks against the journal of ${gateway}. See: wardgate hub journal --gateway ${gateway}`,
    );
  }
  const seenAt = Date.now();
  const note = JSON.stringify({ upTo, who: `local/uid-${process.getuid?.() ?? 0}`, why, seenAt });
  const root = createHash("sha256").update(note).digest();
  const verdict = "acknowledged";
  await store.checkpoints.add({ gateway, line: 0, size: 0, root, verdict, seenAt, note });
  io.stdout.write(`It is written down that the journal of ${gateway} was looked into: ${why}\n`);
}

/** The last place at which something speaks against the journal of each gateway, as far as it is not acknowledged. */
async function openAccusations(
  store: HubStore,
  gateway: string | null,
  isEnough: (checkpoint: KeptCheckpoint) => boolean,
): Promise<Map<string, number>> {
  const open = new Map<string, number>();
  for (let after = 0; ;) {
    const step = await store.checkpoints.list(gateway, after);
    for (const checkpoint of step) {
      const { no, verdict } = checkpoint;
      if (verdict === "rewritten" || verdict === "unprovable") {
        open.set(checkpoint.gateway, no);
      } else if (verdict === "acknowledged") {
        const last = open.get(checkpoint.gateway) ?? 0;
        if (last <= numberAt(noteOf(checkpoint), "upTo")) {
          open.delete(checkpoint.gateway);
        }
      }
      if (isEnough(checkpoint)) {
        return open;
      }
      after = no;
    }
    if (step.length === 0) {
      return open;
    }
  }
}

function noteOf({ note }: KeptCheckpoint): unknown {
  try {
    return JSON.parse(note);
  } catch {
    return null;
  }
}

function jsonLine(checkpoint: KeptCheckpoint): string {
  return `${JSON.stringify({ kind: "checkpoint", ...checkpoint, root: toHex(checkpoint.root) })}\n`;
}

function textLine(checkpoint: KeptCheckpoint): string {
  const { gateway, size, seenAt, verdict } = checkpoint;
  const note = noteOf(checkpoint);
  const what =
    verdict === "acknowledged"
      ? `by ${errorText(textAt(note, "who"))}: ${errorText(textAt(note, "why"))}`
      : `${size} entries`;
  return `${new Date(seenAt).toISOString()}  ${gateway}  ${what}  ${verdict}\n`;
}

import type { KeptCheckpoint } from "../../hub/checkpoint-store.ts";
import type { HubStore } from "../../hub/store.ts";
import { toHex } from "../sealing/envelope.ts";
import type { CommandIo } from "./command.ts";

/**
 * Prints the checkpoints of gateways' journals that a hub has kept; of one gateway, or of all. Returns true when none of them
 * tells of a journal that was rewritten.
 */
export async function printJournals(
  store: HubStore,
  { gateway, json }: { readonly gateway: string | undefined; readonly json: boolean },
  io: CommandIo,
): Promise<boolean> {
  let isWell = true;
  for (let after = 0; ;) {
    const step = await store.checkpoints.list(gateway ?? null, after);
    for (const checkpoint of step) {
      isWell &&= checkpoint.verdict !== "rewritten" && checkpoint.verdict !== "unprovable";
      io.stdout.write(json ? jsonLine(checkpoint) : textLine(checkpoint));
    }
    const last = step.at(-1);
    if (last === undefined || io.stop.aborted) {
      return isWell;
    }
    after = last.no;
  }
}

function jsonLine(checkpoint: KeptCheckpoint): string {
  return `${JSON.stringify({ kind: "checkpoint", ...checkpoint, root: toHex(checkpoint.root) })}\n`;
}

function textLine({ gateway, size, seenAt, verdict }: KeptCheckpoint): string {
  return `${new Date(seenAt).toISOString()}  ${gateway}  ${size} entries  ${verdict}\n`;
}

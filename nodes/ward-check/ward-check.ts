import type { CheckOptions, CheckTables, Refusal } from "../../gateway/check.ts";
import { refusalOf } from "../../gateway/check.ts";
import type { FlowServices } from "../../gateway/flow-services.ts";
import { gateOf, judgePair } from "../../gateway/nomenclature/nomenclature.ts";
import type { Item } from "../../gateway/reading.ts";
import type { FlowMessage, Red } from "../node-red.ts";
import { defineNode } from "../red.ts";
import type { ItemMessage } from "../ward-message.ts";
import { narrowTakes, readItems } from "../ward-message.ts";

const node: (red: Red) => void = defineNode({
  type: "ward-check",
  start: ({ fields, services, status }) => {
    const options: CheckOptions = { allowDemo: fields.flag("allowDemo") };
    const counts = { possible: 0, refused: 0 };
    status("grey", "ring", { word: "waiting" });
    return {
      input: (message, send) => {
        const read = readItems(message);
        const sorted = sortOut(read.items, options);
        counts.possible += sorted.possible.length;
        counts.refused += sorted.refused.length;
        const refused = refusedMessage(message, read, sorted, services);
        send([possibleMessage(message, read, sorted), refused]);
        status(counts.refused === 0 ? "green" : "yellow", "dot", {
          figures: `${counts.possible} \u2713 ${counts.refused} \u2717`,
        });
      },
    };
  },
});
export default node;

const TABLES: CheckTables = { gateOf, judgePair };

interface Sorted {
  readonly possible: readonly Item[];
  readonly refused: readonly Item[];
  /** Why, for each of `refused`. */
  readonly reasons: readonly Refusal[];
}

function sortOut(items: readonly Item[], options: CheckOptions): Sorted {
  // Nearly always all of them are possible, and then nothing needs to be made.
  if (items.every((item) => refusalOf(item, TABLES, options) === null)) {
    return { possible: items, refused: [], reasons: [] };
  }
  const possible: Item[] = [];
  const refused: Item[] = [];
  const reasons: Refusal[] = [];
  for (const item of items) {
    const refusal = refusalOf(item, TABLES, options);
    if (refusal === null) {
      possible.push(item);
    } else {
      refused.push(item);
      reasons.push(refusal);
    }
  }
  return { possible, refused, reasons };
}

function possibleMessage(
  message: FlowMessage,
  { ward }: ItemMessage,
  { possible, refused }: Sorted,
): FlowMessage | null {
  if (refused.length === 0) {
    return message;
  }
  if (possible.length === 0) {
    return null;
  }
  const takes = narrowTakes(ward.takes, possible);
  return { ...message, payload: possible, ward: { ...ward, takes } };
}

/** What was refused is settled here. It goes on as information only: without takes nothing can store it again. */
function refusedMessage(
  message: FlowMessage,
  { ward }: ItemMessage,
  { refused, reasons }: Sorted,
  services: FlowServices,
): FlowMessage | null {
  if (refused.length === 0) {
    return null;
  }
  services.settle("refused", narrowTakes(ward.takes, refused), refused);
  return { ...message, payload: refused, ward: { ...ward, takes: [], refused: reasons } };
}

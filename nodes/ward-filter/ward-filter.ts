import type { FilterOptions } from "../../gateway/filter.ts";
import { Filter } from "../../gateway/filter.ts";
import type { Fields } from "../fields.ts";
import type { Red } from "../node-red.ts";
import { defineNode } from "../red.ts";
import { narrowTakes, readItems } from "../ward-message.ts";

const node: (red: Red) => void = defineNode({
  type: "ward-filter",
  start: ({ fields, services, status }) => {
    const filter = new Filter(readOptions(fields));
    status("grey", "ring", { word: "waiting" });
    return {
      input: (message, send) => {
        const { items, ward } = readItems(message);
        const { passed, withheld } = filter.select(ward.class, items, ward.generation);
        if (withheld.length === 0) {
          send(message);
        } else {
          services.settle("withheld", narrowTakes(ward.takes, withheld), withheld);
          if (passed.length > 0) {
            const takes = narrowTakes(ward.takes, passed);
            send({ ...message, payload: passed, ward: { ...ward, takes } });
          }
        }
        const { counts } = filter;
        const figures = `${counts.passed} \u2192 ${counts.withheld} \u2205`;
        status("green", "dot", { figures });
      },
    };
  },
});
export default node;

/** Milliseconds in an hour: the longest a trend may stay without a value. */
const HOUR_MS = 3_600_000;

function readOptions(fields: Fields): FilterOptions {
  const kind = fields.choice("deadBand", ["none", "absolute", "percent"]);
  const maximum = kind === "percent" ? 100 : 1_000_000;
  const size = fields.number("size", { minimum: 0, maximum, whole: false, otherwise: 0 });
  const interval = { minimum: 0, maximum: HOUR_MS, whole: true, otherwise: 0 } as const;
  const heartbeat = { minimum: 1000, maximum: HOUR_MS, whole: true, otherwise: 60_000 } as const;
  return {
    deadBand: { kind, size },
    minimumIntervalMs: fields.number("minimumIntervalMs", interval),
    heartbeatMs: fields.number("heartbeatMs", heartbeat),
    classes: fields.flag("trend") ? ["vital", "trend"] : ["vital"],
  };
}

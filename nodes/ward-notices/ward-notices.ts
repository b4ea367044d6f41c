import type { Red } from "../node-red.ts";
import { defineNode } from "../red.ts";
import { messageOf } from "../source.ts";

const node: (red: Red) => void = defineNode({
  type: "ward-notices",
  start: (source) => {
    let count = 0;
    source.status("grey", "ring", { word: "waiting" });
    const end = source.services.subscribeNotices({
      id: source.id,
      tab: source.tab,
      take: (take, ward) => {
        count += take.items.length;
        source.send(messageOf(take, ward));
        source.status("green", "dot", { figures: String(count) });
      },
    });
    return { close: end };
  },
});
export default node;

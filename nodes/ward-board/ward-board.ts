import { WardError } from "../../gateway/errors.ts";
import type { Red } from "../node-red.ts";
import { defineNode } from "../red.ts";
import { readItems } from "../ward-message.ts";

const node: (red: Red) => void = defineNode({
  type: "ward-board",
  start: ({ services, status }) => {
    status("grey", "ring", { word: "waiting" });
    return {
      input: (message) => {
        const { items, ward } = readItems(message);
        if (ward.refused !== undefined) {
          throw new WardError(
            "WARD_BOARD_REFUSED",
            "Cannot show: the check refused these values. Wire only the first output of ward-check to ward-board.",
          );
        }
        services.show(items);
        status("green", "dot", { word: "showing" });
      },
    };
  },
});
export default node;

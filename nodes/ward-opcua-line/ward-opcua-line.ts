import { defineLine } from "../line.ts";
import type { Red } from "../node-red.ts";

const node: (red: Red) => void = defineLine({
  type: "ward-opcua-line",
  schemes: ["opc.tcp"],
});
export default node;

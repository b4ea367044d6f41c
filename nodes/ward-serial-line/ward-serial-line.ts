import { defineLine } from "../line.ts";
import type { Red } from "../node-red.ts";

const node: (red: Red) => void = defineLine({
  type: "ward-serial-line",
  schemes: ["serial", "rfc2217", "tcp", "unix", "udp"],
});
export default node;

import { defineLine } from "../line.ts";
import type { Red } from "../node-red.ts";

const node: (red: Red) => void = defineLine({
  type: "ward-modbus-line",
  schemes: ["modbus-tcp", "modbus-rtu", "modbus-ascii", "modbus-rtu+tcp"],
});
export default node;

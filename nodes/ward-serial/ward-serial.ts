import type { Red } from "../node-red.ts";
import { defineNode } from "../red.ts";
import { startSource } from "../source.ts";

const node: (red: Red) => void = defineNode({
  type: "ward-serial",
  start: (source) => startSource(source, null),
});
export default node;

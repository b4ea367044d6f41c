import type { Red } from "../node-red.ts";
import { defineNode } from "../red.ts";
import { startSource } from "../source.ts";

/** Modbus unit identifiers; 0 is a broadcast on a serial bus but names the device itself on many TCP servers. */
const UNITS = { minimum: 0, maximum: 255, whole: true, otherwise: 1 } as const;

const node: (red: Red) => void = defineNode({
  type: "ward-modbus",
  start: (source) => startSource(source, source.fields.number("unit", UNITS)),
});
export default node;

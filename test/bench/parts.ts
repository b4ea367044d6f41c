import { backlogPart } from "./backlog/backlog-part.ts";
import { decodersPart } from "./decoders/decoders-part.ts";
import { housePart } from "./house/house-part.ts";
import { variantsPart } from "./house/variants-part.ts";
import { limitsPart } from "./limits/limits-part.ts";
import { modbusPart } from "./modbus/modbus-part.ts";
import { opcuaPart } from "./opcua/opcua-part.ts";
import type { BenchPart } from "./part.ts";
import { peersPart } from "./peers/peers-part.ts";
import { serialPart } from "./serial/serial-part.ts";
import { ward30Part } from "./ward30/ward30-part.ts";

/** Everything that `npm run bench` measures, in the order of docs/benchmarks.md. */
export const PARTS: readonly BenchPart[] = [
  housePart,
  variantsPart,
  peersPart,
  limitsPart,
  backlogPart,
  modbusPart,
  opcuaPart,
  decodersPart,
  serialPart,
  ward30Part,
];

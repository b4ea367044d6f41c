import { numberAt } from "../../../gateway/json-value.ts";
import type { BenchContext } from "../part.ts";
import { Program } from "../program.ts";
import { benchDeadUnit } from "./dead-unit.ts";
import { benchNodeRedModbus, type NodeRedRate } from "./node-red.ts";
import { benchRtu, type RtuResult } from "./rtu.ts";
import { scattered } from "./scattered-map.ts";
import { benchTcp, type TcpResult } from "./tcp.ts";

/** What reading scattered registers costs, beside reading them one by one. */
export interface ModbusResults {
  readonly tcp: TcpResult;
  /** node-red-contrib-modbus as it comes, one getter for each point of the same points. */
  readonly nodeRed: NodeRedRate;
  /** Scans of a serial bus. */
  readonly rtu: readonly RtuResult[];
  /** Polls of the nine that live, with a tenth that is dead, by those of nine alone. */
  readonly deadUnitRatio: number;
}

export const TCP_POINTS = 100;
export const TCP_REGISTERS = 1000;
export const RTU_POINTS = 60;
export const RTU_REGISTERS = 300;
const BAUDS = [9600, 19_200, 115_200];

/** Measures everything; `seconds` is about the length of each measurement. */
export async function benchModbus({
  seconds,
  signal,
  say,
}: Pick<BenchContext, "seconds" | "signal" | "say">): Promise<ModbusResults> {
  const next = (text: string): void => {
    signal.throwIfAborted();
    say(text);
  };
  // A process of its own, so that the master has a core for itself.
  const { program: slave, ready } = await Program.start("modbus/slave.ts");
  try {
    const port = numberAt(ready, "port");
    const addresses = scattered(TCP_POINTS, TCP_REGISTERS);
    next("Modbus TCP: one by one, planned, pipelined ...");
    const tcp = await benchTcp(port, addresses, seconds);
    next("Modbus TCP: nine units and a dead one ...");
    const deadUnitRatio = await benchDeadUnit(port, seconds);
    next("Modbus TCP: node-red-contrib-modbus ...");
    const nodeRed = await benchNodeRedModbus(port, addresses, seconds);
    const rtu: RtuResult[] = [];
    for (const baud of BAUDS) {
      next(`Modbus RTU at ${baud} baud ...`);
      rtu.push(await benchRtu(baud, scattered(RTU_POINTS, RTU_REGISTERS), seconds));
    }
    return { tcp, nodeRed, rtu, deadUnitRatio };
  } finally {
    await slave.stop();
  }
}

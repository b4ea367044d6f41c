import { count, percent, times } from "../figures.ts";
import { atLeast, atMost, type Goal } from "../goal.ts";
import type { BenchPart } from "../part.ts";
import { heading, type Table } from "../table.ts";
import {
  benchModbus,
  type ModbusResults,
  RTU_POINTS,
  RTU_REGISTERS,
  TCP_POINTS,
  TCP_REGISTERS,
} from "./modbus-bench.ts";

const PLANNED_MIN = 8;
const PIPELINED_MIN = 45;
const NODE_RED_MIN = 100;
const WIRE_SHARE_MIN = 0.95;

/** Our Modbus planner beside modbus-serial alone and node-red-contrib-modbus. */
export const modbusPart: BenchPart = {
  name: "modbus",
  title: "Modbus: scattered registers",
  measure: async ({ seconds, signal, say }) => {
    const results = await benchModbus({ seconds: (seconds * 2) / 5, signal, say });
    return { results, table: table(results), notes: notes(results), goals: goals(results) };
  },
};

function table({ tcp, nodeRed, rtu, deadUnitRatio }: ModbusResults): Table {
  const heads = ["", "points/s", "requests/s", "registers/s", "beside one by one"];
  const row = (what: string, points: number, requests: number, registers: number) => [
    what,
    count(points),
    count((points / tcp.points) * requests),
    count((points / tcp.points) * registers),
    times(points / tcp.onePerPoint),
  ];
  const single = (what: string, points: number) => row(what, points, tcp.points, tcp.points);
  const planned = (what: string, points: number) => row(what, points, tcp.requests, tcp.registers);
  const scan = (text: string, value: string) => [text, value, "", "", ""];
  return {
    heads,
    rows: [
      heading({ heads }, `Modbus TCP, ${tcp.points} points`),
      single("modbus-serial, one request per point, one at a time", tcp.onePerPoint),
      ...(nodeRed.rate === null ? [] : [single("node-red-contrib-modbus", nodeRed.rate)]),
      planned("Wardgate, planned, 1 request under way", tcp.planned),
      planned("Wardgate, planned, 8 under way", tcp.pipelined8),
      planned("Wardgate, planned, 16 under way", tcp.pipelined16),
      scan("polls of nine units beside a dead one, by those without it", percent(deadUnitRatio)),
      ...rtu.flatMap(({ baud, requests, wireMs, scanMs }) => [
        heading(
          { heads },
          `Modbus RTU at ${count(baud)} baud, ${RTU_POINTS} points, ${requests} requests`,
        ),
        scan("a scan takes on the wire, calculated (ms)", count(wireMs, 1)),
        scan("a scan took, median (ms)", count(scanMs, 1)),
        scan("of wire time", percent(wireMs / scanMs)),
      ]),
    ],
  };
}

function notes({ tcp, nodeRed }: ModbusResults): string[] {
  return [
    `TCP: ${TCP_POINTS} registers scattered over ${count(TCP_REGISTERS)}, which the planner reads with ${tcp.requests} requests of ${count(tcp.registers)} registers; the slave is a process of its own. Every value is compared with what the slave holds; Wardgate's are decoded to readings.`,
    nodeRed.rate === null
      ? `node-red-contrib-modbus was not measured: ${nodeRed.missing}.`
      : "node-red-contrib-modbus: as it is installed, its client's own settings, a flex getter, one message per point with eight waiting.",
    `RTU: ${RTU_POINTS} registers scattered over ${RTU_REGISTERS}, on a pseudo terminal whose slave takes for every character what a wire takes and thinks for 5 ms; with the silence of 3.5 characters before every request.`,
  ];
}

function goals({ tcp, nodeRed, rtu }: ModbusResults): Goal[] {
  const worst = Math.min(...rtu.map(({ wireMs, scanMs }) => wireMs / scanMs));
  const pipelined = Math.max(tcp.pipelined8, tcp.pipelined16);
  const rate = nodeRed.rate;
  return [
    atLeast(
      "points/s, planned, by one request per point one at a time",
      PLANNED_MIN,
      tcp.planned / tcp.onePerPoint,
      times,
    ),
    atLeast("the same, pipelined", PIPELINED_MIN, pipelined / tcp.onePerPoint, times),
    atLeast(
      "points/s, pipelined, by node-red-contrib-modbus",
      NODE_RED_MIN,
      rate === null ? null : pipelined / rate,
      times,
    ),
    atLeast("RTU scan, of the wire time", WIRE_SHARE_MIN, worst, percent),
    atMost(
      "RTU requests without 3.5 characters of silence before them",
      0,
      rtu.reduce((sum, { early }) => sum + early, 0),
      count,
    ),
  ];
}

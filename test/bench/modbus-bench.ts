import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import ModbusRTU from "modbus-serial";

import { driver as genericModbus } from "../../gateway/devices/generic-modbus/driver.ts";
import type { ModbusDriver, RegisterBlock } from "../../gateway/devices/device.ts";
import type { DeviceSink } from "../../gateway/lines/line.ts";
import { openModbusLine } from "../../gateway/lines/modbus.ts";
import { planMs, planRequests, serialCost, TCP_COST } from "../../gateway/lines/modbus-plan.ts";
import { seeded } from "../fakes/modbus-bus.ts";
import { benchNodeRedModbus } from "./modbus-node-red.ts";

/**
 * Modbus: what reading a hundred scattered registers of a thousand costs, beside reading them one by one. A program of its own as well:
 *
 *     node test/bench/modbus-bench.ts [SECONDS]
 *
 * The slave on TCP is a process of its own (modbus-slave.ts); the one on the serial line takes as long for every byte as a wire does
 * (modbus-paced-slave.ts).
 */
export interface ModbusResults {
  /** Points a second over Modbus TCP. */
  readonly tcp: {
    /** One request for each point, one at a time, with modbus-serial alone. */
    readonly onePerPoint: number;
    /** Our bus and the driver generic-modbus, with every value decoded: one request under way. */
    readonly planned: number;
    /** The same with 8, and with 16 requests under way. */
    readonly pipelined8: number;
    readonly pipelined16: number;
    /** Requests that read the hundred points. */
    readonly requests: number;
    /** node-red-contrib-modbus as it comes, one getter for each point; null where it could not be installed. */
    readonly nodeRed: number | null;
    /** Why it could not. */
    readonly nodeRedMissing: string;
  };
  /** Scans of sixty scattered registers of three hundred on a serial bus. */
  readonly rtu: readonly RtuResult[];
  /** Polls of the nine that live, with a tenth that is dead, by those of nine alone. */
  readonly deadUnitRatio: number;
}

export interface RtuResult {
  readonly baud: number;
  /** What one scan takes on the wire by calculation, with all silences, and what it took (milliseconds). */
  readonly wireMs: number;
  readonly scanMs: number;
  readonly requests: number;
}

const POINTS = 100;
const REGISTERS = 1000;
const RTU_POINTS = 60;
const RTU_REGISTERS = 300;
const BAUDS = [9600, 19_200, 115_200];
const ROUNDS = 8;
const DEAD_UNIT = 9;

/** Measures everything; `seconds` is about the length of each part. */
export async function benchModbus(
  seconds: number,
  say: (text: string) => void,
): Promise<ModbusResults> {
  const slave = await startSlave("modbus-slave.ts");
  try {
    const port = Number(slave.told);
    say("Modbus TCP: one by one, planned, pipelined");
    const tcp = await benchTcp(port, seconds);
    say("Modbus TCP: nine units and a dead one");
    const deadUnitRatio = await benchDeadUnit(port, seconds);
    say("Modbus TCP: node-red-contrib-modbus");
    const nodeRed = await benchNodeRedModbus(port, scattered(POINTS, REGISTERS), seconds);
    const rtu: RtuResult[] = [];
    for (const baud of BAUDS) {
      say(`Modbus RTU at ${baud} baud`);
      rtu.push(await benchRtu(baud, seconds));
    }
    return { tcp: { ...tcp, ...nodeRed }, rtu, deadUnitRatio };
  } finally {
    slave.end();
  }
}

type TcpRates = Omit<ModbusResults["tcp"], "nodeRed" | "nodeRedMissing">;

/** All ways in turn, many times: what else the machine does hits them alike. */
async function benchTcp(port: number, seconds: number): Promise<TcpRates> {
  const addresses = scattered(POINTS, REGISTERS);
  const ms = (1000 * seconds) / ROUNDS;
  const sums = { onePerPoint: 0, planned: 0, pipelined8: 0, pipelined16: 0 };
  for (let round = 0; round < ROUNDS; round += 1) {
    sums.onePerPoint += (await onePerPoint(port, addresses, ms)) / ROUNDS;
    sums.planned += (await ours(port, addresses, 1, ms)) / ROUNDS;
    sums.pipelined8 += (await ours(port, addresses, 8, ms)) / ROUNDS;
    sums.pipelined16 += (await ours(port, addresses, 16, ms)) / ROUNDS;
  }
  const requests = planRequests(blocksOf(addresses), { cost: TCP_COST, limits: {} }).length;
  return { ...sums, requests };
}

/** Points a second with modbus-serial alone. */
async function onePerPoint(
  port: number,
  addresses: readonly number[],
  ms: number,
): Promise<number> {
  const client = new ModbusRTU.default();
  await client.connectTCP("127.0.0.1", { port });
  client.setID(1);
  let points = 0;
  const from = performance.now();
  while (performance.now() - from < ms) {
    for (const address of addresses) {
      const { data } = await client.readHoldingRegisters(address, 1);
      if (data[0] !== address) {
        throw new Error(`register ${address} read as ${data[0]}`);
      }
      points += 1;
    }
  }
  const rate = (1000 * points) / (performance.now() - from);
  await new Promise<void>((resolve) => client.close(() => resolve()));
  return rate;
}

/** Points a second through our bus and driver. */
async function ours(
  port: number,
  addresses: readonly number[],
  inFlight: number,
  ms: number,
): Promise<number> {
  const line = openModbusLine(`modbus-tcp://127.0.0.1:${port}`);
  let points = 0;
  const sink: DeviceSink = {
    frame: ({ readings }) => {
      points += readings.length;
      for (const [place, { value }] of readings.entries()) {
        if (value !== addresses[place]) {
          throw new Error(`register ${addresses[place]} read as ${String(value)}`);
        }
      }
    },
    fault: ({ text }) => {
      throw new Error(text);
    },
    state: () => undefined,
    identity: () => undefined,
  };
  const options = { map: mapOf(addresses, inFlight) };
  line.attach({ device: "bench", driver: AS_FAST_AS_IT_GOES, unit: 1, options }, sink);
  await sleep(100);
  const [before, from] = [points, performance.now()];
  await sleep(ms);
  const rate = (1000 * (points - before)) / (performance.now() - from);
  await line.close();
  return rate;
}

/** The generic driver without a pace. */
const AS_FAST_AS_IT_GOES: ModbusDriver = {
  ...genericModbus,
  polls: (options) => genericModbus.polls(options).map((poll) => ({ ...poll, everyMs: 0 })),
};

function mapOf(addresses: readonly number[], inFlight: number): string {
  return JSON.stringify({
    title: "Bench",
    maker: "none",
    model: "none",
    source: "none",
    addressBase: 0,
    inFlight,
    points: addresses.map((address) => ({
      code: `BENCH_${address}`,
      function: 3,
      address,
      type: "uint16",
      unit: "1",
    })),
  });
}

/**
 * Polls that nine living units give while a tenth is dead, by those of nine others without one: both at the same time, so that what else
 * the machine does hits them alike.
 */
async function benchDeadUnit(port: number, seconds: number): Promise<number> {
  const living = [1, 2, 3, 4, 5, 6, 7, 8, 10];
  const polls = { alone: 0, together: 0 };
  for (let round = 0; round < ROUNDS; round += 1) {
    const wards = [living, [...living, DEAD_UNIT]];
    const [alone = 0, together = 0] = await Promise.all(
      wards.map((units) => pollsOf(port, units, (2 * seconds) / ROUNDS)),
    );
    polls.alone += alone;
    polls.together += together;
  }
  return polls.together / polls.alone;
}

async function pollsOf(port: number, units: readonly number[], seconds: number): Promise<number> {
  const line = openModbusLine(`modbus-tcp://127.0.0.1:${port}`, { replyMs: 200 });
  let frames = 0;
  const sink: DeviceSink = {
    frame: () => void (frames += 1),
    fault: () => undefined,
    state: () => undefined,
    identity: () => undefined,
  };
  const options = { map: mapOf([1, 2, 3, 4], 1) };
  for (const unit of units) {
    line.attach({ device: `bench/${unit}`, driver: AS_FAST_AS_IT_GOES, unit, options }, sink);
  }
  await sleep(400);
  const [before, from] = [frames, performance.now()];
  await sleep(1000 * seconds);
  const rate = (1000 * (frames - before)) / (performance.now() - from);
  await line.close();
  return rate;
}

/** How long scans of a paced slave take, beside what the wire needs for them. */
async function benchRtu(baud: number, seconds: number): Promise<RtuResult> {
  const charMs = 11_000 / baud;
  const gapMs = Math.max(3.5 * charMs, 1.75);
  const cost = serialCost({ framing: "rtu", charMs, gapMs, turnaroundMs: TURNAROUND_MS });
  const addresses = scattered(RTU_POINTS, RTU_REGISTERS);
  const requests = planRequests(blocksOf(addresses), { cost, limits: {} });
  const wireMs = planMs(requests, cost);
  const slave = await startSlave("modbus-paced-slave.ts", String(baud), String(TURNAROUND_MS));
  const line = openModbusLine(`modbus-rtu:${slave.told}?baud=${baud}&format=8E1`);
  const ends: number[] = [];
  const options = { map: mapOf(addresses, 1) };
  line.attach(
    { device: "bench", driver: AS_FAST_AS_IT_GOES, unit: 1, options },
    {
      frame: () => void ends.push(performance.now()),
      fault: () => undefined,
      state: () => undefined,
      identity: () => undefined,
    },
  );
  const scans = Math.max(5, Math.ceil((1000 * seconds) / wireMs));
  while (ends.length < scans + 2) {
    await sleep(wireMs);
  }
  await line.close();
  slave.end();
  // The first scan comes after a trial, which is no part of it.
  const scanMs = ((ends.at(-1) ?? 0) - (ends[1] ?? 0)) / (ends.length - 2);
  return { baud, wireMs, scanMs, requests: requests.length };
}

/** How long the paced slave thinks. */
const TURNAROUND_MS = 5;

function blocksOf(addresses: readonly number[]): RegisterBlock[] {
  return addresses.map((address) => ({ function: 3, address, count: 1 }));
}

/** So many different registers of the first so many, the same ones every time, in the order of their numbers. */
function scattered(count: number, registers: number): number[] {
  const random = seeded(7);
  const all = Array.from({ length: registers }, (_, register) => register);
  const chosen = Array.from({ length: count }, () =>
    all.splice(Math.floor(random() * all.length), 1),
  );
  return chosen.flat().sort((a, b) => a - b);
}

/** Starts a slave as a process of its own; `told` is its first line. */
async function startSlave(
  file: string,
  ...args: readonly string[]
): Promise<{ readonly told: string; readonly end: () => void }> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const child = spawn(process.execPath, [path, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  const [told] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  return { told, end: () => child.stdin.end() };
}

if (import.meta.main) {
  const results = await benchModbus(Number(process.argv[2] ?? 4), (text) => {
    process.stderr.write(`${text}\n`);
  });
  const { tcp, rtu, deadUnitRatio } = results;
  const times = (rate: number): string => `${(rate / tcp.onePerPoint).toFixed(1)}x`;
  const lines = [
    `one request for each point (modbus-serial)  ${Math.round(tcp.onePerPoint)} points/s`,
    `planned into ${tcp.requests} requests, 1 under way      ${Math.round(tcp.planned)} points/s, ${times(tcp.planned)}`,
    `8 under way                                 ${Math.round(tcp.pipelined8)} points/s, ${times(tcp.pipelined8)}`,
    `16 under way                                ${Math.round(tcp.pipelined16)} points/s, ${times(tcp.pipelined16)}`,
    tcp.nodeRed === null
      ? `node-red-contrib-modbus                     not measured: ${tcp.nodeRedMissing}`
      : `node-red-contrib-modbus                     ${Math.round(tcp.nodeRed)} points/s; ours with 8 under way ${(tcp.pipelined8 / tcp.nodeRed).toFixed(0)}x, with 1 ${(tcp.planned / tcp.nodeRed).toFixed(0)}x`,
    `nine units beside a dead one                ${(100 * deadUnitRatio).toFixed(1)} % of their rate alone`,
    ...rtu.map(
      ({ baud, wireMs, scanMs, requests }) =>
        `RTU ${baud} baud, ${requests} requests        ${scanMs.toFixed(1)} ms a scan, ${wireMs.toFixed(1)} ms on the wire: ${((100 * wireMs) / scanMs).toFixed(1)} %`,
    ),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}

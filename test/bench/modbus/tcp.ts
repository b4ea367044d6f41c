import { setTimeout as sleep } from "node:timers/promises";

import ModbusRTU from "modbus-serial";

import type { DeviceSink } from "../../../gateway/lines/line.ts";
import { openModbusLine } from "../../../gateway/lines/modbus.ts";
import { planRequests, TCP_COST } from "../../../gateway/lines/modbus-plan.ts";
import { AS_FAST_AS_IT_GOES, blocksOf, mapOf } from "./scattered-map.ts";

/** Points a second over Modbus TCP, every way the same points. */
export interface TcpResult {
  readonly points: number;
  /** One request for each point, one at a time, with modbus-serial alone. */
  readonly onePerPoint: number;
  /** Our bus and the driver generic-modbus, with every value decoded: one request under way. */
  readonly planned: number;
  /** The same with 8, and with 16 requests under way. */
  readonly pipelined8: number;
  readonly pipelined16: number;
  /** Requests that read all points, and registers that they carry, those between the points too. */
  readonly requests: number;
  readonly registers: number;
}

const ROUNDS = 8;
const CONNECT_MS = 100;

/** All ways in turn, many times, about so many seconds each: what else the machine does hits them alike. */
export async function benchTcp(
  port: number,
  addresses: readonly number[],
  seconds: number,
): Promise<TcpResult> {
  const ms = (1000 * seconds) / ROUNDS;
  const sums = { onePerPoint: 0, planned: 0, pipelined8: 0, pipelined16: 0 };
  for (let round = 0; round < ROUNDS; round += 1) {
    sums.onePerPoint += (await onePerPoint(port, addresses, ms)) / ROUNDS;
    sums.planned += (await ours(port, addresses, { inFlight: 1, ms })) / ROUNDS;
    sums.pipelined8 += (await ours(port, addresses, { inFlight: 8, ms })) / ROUNDS;
    sums.pipelined16 += (await ours(port, addresses, { inFlight: 16, ms })) / ROUNDS;
  }
  const plan = planRequests(blocksOf(addresses), { cost: TCP_COST, limits: {} });
  const registers = plan.reduce((sum, { count }) => sum + count, 0);
  return { points: addresses.length, ...sums, requests: plan.length, registers };
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
  { inFlight, ms }: { readonly inFlight: number; readonly ms: number },
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
  await sleep(CONNECT_MS);
  const [before, from] = [points, performance.now()];
  await sleep(ms);
  const rate = (1000 * (points - before)) / (performance.now() - from);
  await line.close();
  return rate;
}

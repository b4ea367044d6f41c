import { setTimeout as sleep } from "node:timers/promises";

import type { DeviceSink } from "../../../gateway/lines/line.ts";
import { openModbusLine } from "../../../gateway/lines/modbus.ts";
import { AS_FAST_AS_IT_GOES, mapOf } from "./scattered-map.ts";

const ROUNDS = 8;
/** slave.ts never answers for it. */
const DEAD_UNIT = 9;
const LIVING_UNITS = [1, 2, 3, 4, 5, 6, 7, 8, 10];
const POINTS = [1, 2, 3, 4];
const REPLY_MS = 200;
/** Until the dead unit has been found out. */
const WARM_MS = 400;

/**
 * Polls that nine living units give while a tenth is dead, by those of nine others without one: both at the same time, so that what else
 * the machine does hits them alike.
 */
export async function benchDeadUnit(port: number, seconds: number): Promise<number> {
  const polls = { alone: 0, together: 0 };
  for (let round = 0; round < ROUNDS; round += 1) {
    const [alone, together] = await Promise.all([
      pollsOf(port, LIVING_UNITS, (2 * seconds) / ROUNDS),
      pollsOf(port, [...LIVING_UNITS, DEAD_UNIT], (2 * seconds) / ROUNDS),
    ]);
    polls.alone += alone;
    polls.together += together;
  }
  return polls.together / polls.alone;
}

async function pollsOf(port: number, units: readonly number[], seconds: number): Promise<number> {
  const line = openModbusLine(`modbus-tcp://127.0.0.1:${port}`, { replyMs: REPLY_MS });
  let frames = 0;
  const sink: DeviceSink = {
    frame: () => void (frames += 1),
    fault: () => undefined,
    state: () => undefined,
    identity: () => undefined,
  };
  const options = { map: mapOf(POINTS, 1) };
  for (const unit of units) {
    line.attach({ device: `bench/${unit}`, driver: AS_FAST_AS_IT_GOES, unit, options }, sink);
  }
  await sleep(WARM_MS);
  const [before, from] = [frames, performance.now()];
  await sleep(1000 * seconds);
  const rate = (1000 * (frames - before)) / (performance.now() - from);
  await line.close();
  return rate;
}

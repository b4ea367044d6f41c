import { randomBytes } from "node:crypto";
import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";

import { ClassicLevel } from "classic-level";

import { percentile } from "./percentile.ts";

/** How often a second the disk confirms a write of one size. */
export interface SyncRate {
  /** Bytes that are safe with each confirmation. */
  readonly bytes: number;
  readonly perSecond: number;
  /** Milliseconds for one. */
  readonly p50: number;
  readonly p99: number;
}

/** Appends so many bytes to a new file and waits for fdatasync, one after the other, for so long (milliseconds). */
export function appendAndSync(directory: string, bytes: number, ms: number): SyncRate {
  const file = openSync(join(directory, `append-${bytes}`), "a");
  const block = randomBytes(bytes);
  try {
    const times: number[] = [];
    const end = performance.now() + ms;
    while (performance.now() < end) {
      const from = performance.now();
      writeSync(file, block);
      fdatasyncSync(file);
      times.push(performance.now() - from);
    }
    return rateOf(bytes, times);
  } finally {
    closeSync(file);
  }
}

/** Puts records of one size into a new LevelDB with synced writes of so many each, for so long (milliseconds). */
export async function putAndSync(
  directory: string,
  { records, bytes, ms }: { readonly records: number; readonly bytes: number; readonly ms: number },
): Promise<SyncRate> {
  const level = new ClassicLevel<Uint8Array, Uint8Array>(join(directory, `level-${records}`), {
    keyEncoding: "view",
    valueEncoding: "view",
    compression: false,
  });
  await level.open();
  const value = randomBytes(bytes);
  try {
    const times: number[] = [];
    const end = performance.now() + ms;
    for (let key = 0; performance.now() < end; key += records) {
      const puts = Array.from({ length: records }, (_, place) => ({
        type: "put" as const,
        key: keyOf(key + place),
        value,
      }));
      const from = performance.now();
      await level.batch(puts, { sync: true });
      times.push(performance.now() - from);
    }
    return rateOf(records * bytes, times);
  } finally {
    await level.close();
  }
}

function keyOf(number: number): Uint8Array {
  const key = Buffer.alloc(8);
  key.writeBigUInt64BE(BigInt(number));
  return key;
}

function rateOf(bytes: number, times: readonly number[]): SyncRate {
  const spent = times.reduce((sum, time) => sum + time, 0);
  return {
    bytes,
    perSecond: (1000 * times.length) / spent,
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
  };
}

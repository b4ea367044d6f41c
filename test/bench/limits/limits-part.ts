import { join } from "node:path";

import { openBenchSite } from "../bench-site.ts";
import { count, times } from "../figures.ts";
import type { BenchContext, BenchPart } from "../part.ts";
import { heading, type Table } from "../table.ts";
import { READINGS_PER_BATCH } from "../peers/real-batches.ts";
import { appendAndSync, putAndSync, type SyncRate } from "./disk.ts";
import { benchPublishing, type PublishLimits } from "./publishing.ts";
import { benchSealing, type SealingLimits } from "./sealing.ts";
import type { Cost } from "./timed.ts";

/** What this machine allows, whoever uses it. */
export interface LimitsResults {
  readonly appends: readonly SyncRate[];
  /** LevelDB, sealed batches in one synced write each. */
  readonly puts: readonly (SyncRate & { readonly records: number })[];
  readonly sealing: SealingLimits;
  readonly publishing: PublishLimits;
}

/** One reading with all that belongs to it, a page of the file system, and a long write. */
const APPEND_BYTES = [300, 4096, 65_536] as const;
const PUT_RECORDS = [1, 20] as const;

/** The disk, the ciphers and the connection alone: nothing that is built of them can be faster. */
export const limitsPart: BenchPart = {
  name: "limits",
  title: "What this machine allows",
  measure: async (context) => {
    const results = await measure(context);
    return { results, table: table(results), notes: notes(results), goals: [] };
  },
};

async function measure({ seconds, directory, signal, say }: BenchContext): Promise<LimitsResults> {
  const ms = 100 * seconds;
  say("Limits: the disk ...");
  const appends = APPEND_BYTES.map((bytes) => appendAndSync(directory, bytes, ms));
  say("Limits: sealing ...");
  const sealing = benchSealing(ms / 2);
  const bytes = sealing.bytes.sealed;
  say("Limits: LevelDB ...");
  const puts: LimitsResults["puts"][number][] = [];
  for (const records of PUT_RECORDS) {
    puts.push({ records, ...(await putAndSync(directory, { records, bytes, ms: 2 * ms })) });
  }
  say("Limits: a publisher ...");
  const bench = await openBenchSite(join(directory, "site"), signal);
  try {
    const publishing = await benchPublishing(bench, { bytes, ms: 3 * ms });
    return { appends, puts, sealing, publishing };
  } finally {
    await bench.close();
  }
}

const HEADS = ["", "a second", "µs each", "p99 µs", "MB/s"] as const;

function table({ appends, puts, sealing, publishing }: LimitsResults): Table {
  const { bytes, gcm } = sealing;
  return {
    heads: HEADS,
    rows: [
      heading({ heads: HEADS }, "The disk"),
      ...appends.map((rate) => synced(`append and fdatasync, ${count(rate.bytes)} bytes`, rate)),
      ...puts.map((rate) =>
        synced(
          rate.records === 1
            ? "LevelDB, synced put of one sealed batch"
            : `LevelDB, synced write of ${rate.records} sealed batches`,
          rate,
        ),
      ),
      heading({ heads: HEADS }, "Sealing, one core"),
      ...gcm.flatMap((one) => [
        paid(`AES-256-GCM, ${count(one.bytes)} bytes, key as bytes`, one.raw, one.bytes),
        paid(`AES-256-GCM, ${count(one.bytes)} bytes, KeyObject`, one.keyObject, one.bytes),
      ]),
      paid("zstd level 1 of a batch", sealing.pack, bytes.columns),
      paid("Ed25519, sign a sealed batch", sealing.sign, bytes.sealed),
      paid("Ed25519, verify a sealed batch", sealing.verify, bytes.sealed),
      paid(`seal ${count(READINGS_PER_BATCH)} readings`, sealing.seal, bytes.columns),
      heading({ heads: HEADS }, "The way to the broker"),
      paid(
        "mqtt.js, QoS 1, mutual TLS 1.3, 20 under way, sealed batches",
        { perSecond: publishing.messagesPerSecond, cpuMicros: publishing.cpuMicros },
        publishing.bytes,
      ),
    ],
  };
}

function synced(what: string, { perSecond, p50, p99, bytes }: SyncRate): string[] {
  const rate = count((perSecond * bytes) / 1e6, 1);
  return [what, count(perSecond), count(1000 * p50), count(1000 * p99), rate];
}

function paid(what: string, { perSecond, cpuMicros }: Cost, bytes: number): string[] {
  return [
    what,
    count(perSecond),
    count(cpuMicros, cpuMicros < 100 ? 1 : 0),
    "",
    count((perSecond * bytes) / 1e6, 1),
  ];
}

function notes({ sealing }: LimitsResults): string[] {
  const { columns, packed, sealed } = sealing.bytes;
  return [
    `A batch is ${count(READINGS_PER_BATCH)} readings of 8 monitors: ${count(columns)} bytes as columns, ${count(packed)} with zstd (${times(columns / packed)}), ${count(sealed)} sealed and signed, ${count(sealed / READINGS_PER_BATCH, 2)} a reading.`,
    `"µs each" is the median time for the disk, and CPU time for everything else. MB/s is of the bytes that go in.`,
  ];
}

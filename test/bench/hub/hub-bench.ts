import { generateKeyPairSync, sign, verify } from "node:crypto";

import { freePort } from "../../../gateway/demo/ports.ts";
import type { Item } from "../../../gateway/reading.ts";
import type { Message } from "../../../hub/parking.ts";
import { PostgresStore } from "../../../hub/postgres-store.ts";
import type { HubStore } from "../../../hub/store.ts";
import {
  FakeGateway,
  freshDirectory,
  makeHubSite,
  openDesk,
  rowOf,
  type HubSite,
} from "../../fakes/hub-kit.ts";
import { startPostgres } from "../../fakes/postgres.ts";
import { AT, BOOT, reading } from "../../fakes/sealing-kit.ts";

/** What the hub's intake costs with records of one size. */
export interface HubBenchResult {
  /** Readings in one sealed record. */
  readonly readingsPerRecord: number;
  readonly readings: number;
  readonly readingsPerSecond: number;
  readonly cpuSecondsPerMillion: number;
}

const DEVICES = 8;
const TAKE_READINGS = 20;
/** Sealed records on their way at a time: what a gateway's publish window allows. */
const GROUP_MESSAGES = 20;

/** What is measured. */
export interface HubBenchWish {
  readonly readings: number;
  readonly takesPerRecord: number;
  /** Whether the hub writes `readings.ndjson`. */
  readonly ndjson: boolean;
  /** Instead of a SQLite file. */
  readonly store?: HubStore;
}

/**
 * Commits readings as they come from 8 devices with 20-reading polls, the whole way of the hub but the broker: judge, commit
 * with fsync, ledger, lines of `readings.ndjson`. Counts the CPU of this process, not that of a database server.
 */
export async function benchHub(hub: HubSite, wish: HubBenchWish): Promise<HubBenchResult> {
  const { readings, takesPerRecord, ndjson, store } = wish;
  const gateway = FakeGateway.ofSite(hub);
  const messages = makeMessages(gateway, readings, takesPerRecord);
  const directory = freshDirectory(hub);
  const desk = await openDesk(hub, directory, {
    ndjson,
    ...(store === undefined ? {} : { store }),
  });
  await desk.tick();
  await desk.commit(gateway.epochs());
  const startedAt = performance.now();
  const before = process.cpuUsage();
  for (let from = 0; from < messages.length;) {
    const outcomes = await desk.commit(messages.slice(from, from + GROUP_MESSAGES));
    from += outcomes.length;
  }
  await desk.tick();
  const kept = desk.totals().get("vital")?.items;
  await desk.close();
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - startedAt) / 1000;
  if (kept !== readings) {
    throw new Error(`the hub kept ${kept} of ${readings} readings`);
  }
  return {
    readingsPerRecord: takesPerRecord * TAKE_READINGS,
    readings,
    readingsPerSecond: readings / seconds,
    cpuSecondsPerMillion: (user + system) / readings,
  };
}

function makeMessages(gateway: FakeGateway, readings: number, takesPerRecord: number): Message[] {
  const messages: Message[] = [];
  const puts = readings / (takesPerRecord * TAKE_READINGS);
  let take = 0;
  for (let put = 0; put < puts; put += 1) {
    const takes: Item[][] = [];
    for (let number = 0; number < takesPerRecord; number += 1) {
      takes.push(pollOf(take));
      take += 1;
    }
    messages.push(
      ...gateway.put({
        batches: [{ class: "vital", items: takes.flat() }],
        takes: takes.map((items) => rowOf(items)),
      }),
    );
  }
  return messages;
}

/** One poll of a monitor: 20 numerics that move a little, some with decimals. */
function pollOf(number: number): Item[] {
  const take = Math.floor(number / DEVICES) + 1;
  return Array.from({ length: TAKE_READINGS }, (_, index) => {
    const wobble = Math.round(20 * Math.sin(take / 7 + index) + ((take * 7 + index) % 5));
    const decimals = index % 4 === 3 ? 1 : 0;
    const text = ((600 + 40 * index + wobble) / 10).toFixed(decimals);
    return reading({
      device: `bed-${number % DEVICES}/monitor`,
      boot: BOOT,
      take,
      index,
      code: `MDC_BENCH_${index}`,
      mdc: 150_000 + index,
      value: Number(text),
      text,
      at: AT + take * 1000,
    });
  });
}

/** How fast this machine verifies signatures at the moment (per CPU second): what the figures hang on when it is shared. */
function verifiesPerSecond(): number {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const data = new Uint8Array(1000);
  const signature = sign(null, data, privateKey);
  const before = process.cpuUsage();
  for (let count = 0; count < VERIFIES; count += 1) {
    verify(null, data, publicKey, signature);
  }
  const { user, system } = process.cpuUsage(before);
  return (VERIFIES / (user + system)) * 1e6;
}

const VERIFIES = 3000;

/** `node test/bench/hub/hub-bench.ts [READINGS] [TAKES,TAKES,...] [--postgres]` */
if (import.meta.main) {
  const [words, options] = [
    process.argv.slice(2),
    { postgres: process.argv.includes("--postgres") },
  ];
  const [readings = "1000000", takes = "50,5,1"] = words.filter((word) => !word.startsWith("--"));
  const hub = await makeHubSite();
  const postgres = options.postgres ? await startPostgres(await freePort()) : null;
  for (const [turn, takesPerRecord] of takes.split(",").map(Number).entries()) {
    for (const ndjson of [true, false]) {
      const store =
        postgres === null
          ? null
          : await PostgresStore.open({
              url: postgres.database(`bench${turn}${ndjson ? "n" : ""}`),
            });
      const result = await benchHub(hub, {
        readings: Math.min(Number(readings), takesPerRecord * 100_000),
        takesPerRecord,
        ndjson,
        ...(store === null ? {} : { store }),
      });
      process.stdout.write(
        `${String(result.readingsPerRecord).padStart(6)} readings a record, ` +
          `${ndjson ? "with" : "without"} readings.ndjson: ` +
          `${result.cpuSecondsPerMillion.toFixed(2)} CPU-s per million, ` +
          `${Math.round(result.readingsPerSecond).toLocaleString("en")} readings/s\n`,
      );
    }
  }
  process.stdout.write(
    `Ed25519 on this machine now: ${Math.round(verifiesPerSecond())} verified a CPU second\n`,
  );
  await postgres?.stop();
  hub.remove();
}

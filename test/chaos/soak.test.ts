import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { numberAt, valueAt } from "../../gateway/json-value.ts";
import type { RoomName } from "../../gateway/rooms.ts";
import { ledgerOf, moreOpened, openHouse, roomPid, until } from "../ward/house.ts";
import { anonymousMb } from "./memory.ts";

/**
 * A ward for a long time, whose broker goes away again and again: memory and open files of every room stay what they are, and
 * the hub explains every reading. `SOAK_S=3600 node --test test/chaos/soak.test.ts` for a long run.
 */
const SOAK_S = Number(process.env["SOAK_S"] ?? 8);
/** Between two losses of the broker. */
const BROKER_S = 5;
/** From the second to the last quarter a room may grow by so much: V8 collects late, the more so in a short run. */
const GROWTH_MB_MAX = SOAK_S < 600 ? 30 : 10;
const FILES_MORE_MAX = 4;
const ROOMS: readonly RoomName[] = ["keeper", "bedside", "flowhost", "listener"];

test(
  `a ward for ${SOAK_S} s, its broker lost every ${Math.round(BROKER_S)} s: memory and open files are flat`,
  { timeout: 180_000 + SOAK_S * 2000 },
  async () => {
    const directory = mkdtempSync(join(tmpdir(), "wardgate-soak-"));
    const samples: Sample[] = [];
    try {
      const demo = await openHouse({ directory });
      try {
        await moreOpened(demo, 50);
        const end = Date.now() + SOAK_S * 1000;
        let lostAt = Date.now();
        while (Date.now() < end) {
          await sleep(250);
          samples.push(sampleOf((room) => roomPid(demo, room)));
          if (Date.now() - lostAt > BROKER_S * 1000) {
            demo.kill("broker");
            await sleep(300);
            await demo.restart("broker");
            lostAt = Date.now();
          }
        }
        await moreOpened(demo, 50);
        await until("the backlog is gone", () => demo.numbers().backlog < 5, 60_000);
      } finally {
        await demo.finish();
      }
      const ledger = await ledgerOf(directory);
      const growth = ROOMS.map((room) => growthOf(samples, room));
      process.stdout.write(
        `# ${SOAK_S} s, ${samples.length} samples: ${growth.map(textOf).join("; ")}; ${JSON.stringify(valueAt(ledger, "totals"))}\n`,
      );
      assert.equal(numberAt(ledger, "totals", "unaccounted"), 0);
      for (const room of growth) {
        assert.ok(room.toMb - room.fromMb < GROWTH_MB_MAX, `memory: ${textOf(room)}`);
        assert.ok(room.toFiles - room.fromFiles <= FILES_MORE_MAX, `files: ${textOf(room)}`);
      }
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
);

type Sample = Readonly<Record<RoomName, { readonly mb: number; readonly files: number }>>;

interface Growth {
  readonly room: RoomName;
  readonly fromMb: number;
  readonly toMb: number;
  readonly fromFiles: number;
  readonly toFiles: number;
}

function sampleOf(pidOf: (room: RoomName) => number): Sample {
  const of = (room: RoomName): Sample[RoomName] => {
    const pid = pidOf(room);
    return { mb: anonymousMb(pid), files: readdirSync(`/proc/${pid}/fd`).length };
  };
  return {
    keeper: of("keeper"),
    bedside: of("bedside"),
    flowhost: of("flowhost"),
    listener: of("listener"),
  };
}

function growthOf(samples: readonly Sample[], room: RoomName): Growth {
  const quarter = Math.floor(samples.length / 4);
  const early = samples.slice(quarter, 2 * quarter).map((sample) => sample[room]);
  const late = samples.slice(-quarter).map((sample) => sample[room]);
  return {
    room,
    fromMb: median(early.map(({ mb }) => mb)),
    toMb: median(late.map(({ mb }) => mb)),
    fromFiles: median(early.map(({ files }) => files)),
    toFiles: median(late.map(({ files }) => files)),
  };
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

function textOf({ room, fromMb, toMb, fromFiles, toFiles }: Growth): string {
  return `${room} ${Math.round(fromMb)} to ${Math.round(toMb)} MB, ${fromFiles} to ${toFiles} files`;
}

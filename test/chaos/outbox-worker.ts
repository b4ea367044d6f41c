import { setTimeout as sleep } from "node:timers/promises";

import { randomOf } from "../../gateway/devices/simulator.ts";
import { errorCode } from "../../gateway/errors.ts";
import type { ChainRange } from "../../gateway/outbox/outbox.ts";
import type { ClassPolicies } from "../../gateway/outbox/policy.ts";
import type { RecordClass } from "../../gateway/sealing/envelope.ts";
import type { SequenceRange } from "../../gateway/sealing/sequence-ranges.ts";
import { openTestOutbox } from "../fakes/outbox-kit.ts";
import { fakeBatch, fakeEpoch, fakeRecord, hex } from "../fakes/record-codec.ts";
import { linesOf, say, tellWhatIsThere } from "./outbox-words.ts";

/**
 * A process that uses an outbox hard and tells its parent, on standard output, what it was promised, in the words of
 * outbox-words.ts. The parent is the oracle (oracle.ts): it outlives this process and lies outside the tested disk.
 *
 * Arguments: directory, seed, name of this run (in every word), the number of records after which to end (0: never), how to
 * end ("close" or "kill"), and how much room there is: "roomy", or "tight", where the oldest have to go all the time.
 */
const [directory = "", seed = "1", run = "", recordsMax = "0", end = "close", room = "roomy"] =
  process.argv.slice(2);
const random = randomOf(Number(seed));
const LANES = 4;
const WAITING_MIN = 200;
const WAITING_MAX = 1000;
const TIGHT_BYTES = 3 * 2 ** 20;
const BALLAST_BYTES = 4 * 2 ** 20;
const TEND_MS = 100;
const REFUSED_MS = 20;
const share = { share: 0.2, ttlMs: null, whenFull: "evict-old" } as const;
/** What may go when there is no room: everything, oldest first; waveforms also when they are half a second old. */
const CLASSES: ClassPolicies = {
  notice: share,
  vital: { ...share, share: 0.4 },
  trend: share,
  wave: { ...share, ttlMs: 500 },
};
let stored = 0;

const { outbox } = await open();

await tellWhatIsThere(outbox);
say(["open"]);
const tending = setInterval(() => outbox.tend(), TEND_MS);
const isDone = (): boolean => recordsMax !== "0" && stored >= Number(recordsMax);
await Promise.all(Array.from({ length: LANES }, (_, lane) => work(lane)));
clearInterval(tending);
if (end === "kill") {
  process.kill(process.pid, "SIGKILL");
}
await outbox.close();

async function work(lane: number): Promise<void> {
  for (let count = 0; !isDone(); count += 1) {
    const dice = random();
    if (lane === 0 && dice < 0.2) {
      await receiptSome();
    } else if (lane === 1 && dice < 0.03) {
      await rejectOne();
    } else {
      await put(`${run}-${lane}-${count}`, dice);
    }
  }
}

/** Small batches mostly, now and then a large one: so that the log is changed and tables are written and merged. */
async function put(name: string, dice: number): Promise<void> {
  const epoch = hex(`${run} ${Math.floor(stored / 500)}`);
  const size = dice > 0.97 ? 100_000 : 100 + Math.floor(dice * 1500);
  const batch = (className: RecordClass, place: number): Uint8Array =>
    fakeBatch(className, epoch, 1, `${name}-${place} ${"p".repeat(place === 3 ? 40 : size)}`);
  try {
    await outbox.put({
      epochs: [fakeEpoch(epoch)],
      batches: [
        batch("vital", 0),
        batch(dice > 0.5 ? "wave" : "vital", 1),
        batch("notice", 2),
        batch("tally", 3),
      ],
    });
  } catch (error) {
    if (!["WARD_OUTBOX_FULL", "WARD_OUTBOX_BUSY"].includes(errorCode(error))) {
      throw error;
    }
    say([`refused ${errorCode(error)}`]);
    await sleep(REFUSED_MS);
  }
}

/** Receipts about half of what waits in a random chain, sometimes with a hole in it. */
async function receiptSome(): Promise<void> {
  const waiting = outbox.waiting();
  const total = waiting.reduce((sum, { range }) => sum + range[1] - range[0] + 1, 0);
  const chosen = waiting[Math.floor(random() * waiting.length)];
  if (chosen === undefined || total < WAITING_MIN) {
    return;
  }
  const [first, last] = chosen.range;
  const to = first + Math.floor((last - first) * (total > WAITING_MAX ? 1 : random()));
  const hole = random() < 0.3 ? first + Math.floor((to - first) / 2) : null;
  const ranges: SequenceRange[] =
    hole === null || hole <= first || hole >= to
      ? [[first, to]]
      : [
          [first, hole - 1],
          [hole + 1, to],
        ];
  const store = await storeOf(chosen);
  if (store !== undefined) {
    say(ranges.map((range) => `receipt ${chosen.class} ${store} ${range.join(" ")}`));
    const named = ranges.map((range) => ({ class: chosen.class, range }));
    await outbox.receipt({ store, ranges: named, rejects: [] });
  }
}

/** The hub refuses a record: it must leave with a gap record in its place. */
async function rejectOne(): Promise<void> {
  const chosen = outbox.waiting().find((each) => each.class === "vital");
  const store = chosen && (await storeOf(chosen));
  if (chosen !== undefined && store !== undefined) {
    const rejects = [{ class: chosen.class, sequence: chosen.range[0], reason: "no" }];
    await outbox.receipt({ store, ranges: [], rejects });
  }
}

/** The id of the store that a range lies in, as its first record says. */
async function storeOf(chosen: ChainRange): Promise<string | undefined> {
  const { records } = await outbox.read(
    { ...chosen, range: [chosen.range[0], chosen.range[0]] },
    1,
  );
  return records.map(({ bytes }) => fakeRecord(bytes).store)[0];
}

/** Ends the process with code 4 when the store does not open. */
async function open(): ReturnType<typeof openTestOutbox> {
  try {
    return await openTestOutbox(directory, {
      commitMs: 1,
      ballastBytes: BALLAST_BYTES,
      ...(room === "tight" ? { bytesMax: TIGHT_BYTES, classes: CLASSES } : {}),
      events: {
        committed: (records) => {
          stored += records.length;
          say(records.flatMap((record) => linesOf("ack", record)));
        },
        forgotten: () => undefined,
        lost: () => undefined,
        trouble: (error) => say([error === null ? "well" : `trouble ${error.code}`]),
      },
    });
  } catch (error) {
    say([`unopened ${errorCode(error)}`]);
    return process.exit(4);
  }
}

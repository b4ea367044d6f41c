import { WardError } from "../../../gateway/errors.ts";
import type { BenchSite } from "../bench-site.ts";
import type { Peer } from "./peers.ts";
import { type PeerSample, PeerWay } from "./peer-way.ts";

/** What one peer did and what it cost. */
export interface PeerResult {
  readonly what: string;
  /** At the subscriber, each counted once. */
  readonly readingsPerSecond: number;
  /** CPU seconds per million readings of all its processes, and of the program with mqtt.js alone. */
  readonly cpu: number;
  readonly cpuSender: number;
  readonly diskBytesPerReading: number;
  readonly wireBytesPerReading: number;
  readonly memoryMb: number;
  readonly account: {
    readonly sent: number;
    /** Never came, though everything was given time. */
    readonly missing: number;
    readonly duplicates: number;
  };
  /** Null where it is not measured. */
  readonly drain: PeerDrain | null;
}

/** Every peer's figures by its name; those that need mosquitto lack where it is not installed. */
export type PeersResults = Readonly<Partial<Record<Peer["name"] | "stock", PeerResult>>>;

/** An outage, and small messages that are sent while what it left is on its way. */
export interface PeerDrain {
  readonly backlog: number;
  readonly drainMs: number;
  readonly notices: number;
  /** From sending to the subscriber (milliseconds). */
  readonly p50: number;
  readonly p99: number;
}

/** Messages without an acknowledgement; more bring little, as with stock Node-RED. */
const WINDOW = 100;
const WARM_MS = 1500;
/** Readings that gather while the broker is away, and how fast. A bridge that writes all of it on every change is slow with more. */
const BACKLOG = 1000;
const BACKLOG_PER_SECOND = 2000;
/** Small messages while a backlog drains. */
export const NOTICES_PER_SECOND = 100;
const SETTLE_MS_MAX = 15_000;
const FILL_MS_MAX = 30_000;
const BACK_MS_MAX = 10_000;
const DRAIN_MS_MAX = 30_000;

/** Measures one peer on the site, for so many seconds at full speed. */
export async function benchPeer(
  bench: BenchSite,
  peer: Peer,
  { directory, seconds }: { readonly directory: string; readonly seconds: number },
): Promise<PeerResult> {
  const way = await PeerWay.open(bench, peer, directory);
  try {
    way.window(WINDOW);
    await way.pass(WARM_MS);
    const from = await way.sample();
    await way.pass(seconds * 1000);
    const to = await way.sample();
    const memoryMb = await way.memory();
    way.window(0);
    await way.until(isSettled, SETTLE_MS_MAX);
    const drain = peer.payload === "reading" ? await benchDrain(way) : null;
    const end = await way.until(isSettled, SETTLE_MS_MAX);
    return { what: peer.what, ...costs(from, to), memoryMb, account: accountOf(end), drain };
  } finally {
    await way.close();
  }
}

/** Keeps the broker away for a backlog, lets it drain, and times notices from the first reading of it to the last. */
async function benchDrain(way: PeerWay): Promise<PeerDrain> {
  way.reach(false);
  const before = await way.sample();
  way.burst(BACKLOG, BACKLOG_PER_SECOND);
  const wanted = before.kept + BACKLOG;
  const filled = await way.until(({ kept }) => kept >= wanted, FILL_MS_MAX);
  if (filled.kept < wanted) {
    throw new WardError("WARD_BENCH", "Cannot measure: a peer does not keep what is sent.");
  }
  way.reach(true);
  const arrived = before.received.readings;
  const began = await way.until(({ received }) => received.readings > arrived, BACK_MS_MAX);
  way.notices(NOTICES_PER_SECOND);
  const drained = await way.until(isSettled, DRAIN_MS_MAX);
  way.notices(0);
  const { notices, received } = await way.until(
    (sample) => sample.received.notices >= sample.notices,
    SETTLE_MS_MAX,
  );
  if (notices === 0 || received.notices < notices) {
    throw new WardError("WARD_BENCH", "Cannot measure: notices of a peer do not arrive.");
  }
  return {
    backlog: BACKLOG,
    drainMs: drained.at - began.at,
    notices,
    p50: received.noticeP50,
    p99: received.noticeP99,
  };
}

function isSettled({ emitted, received }: PeerSample): boolean {
  return received.readings >= emitted;
}

function costs(
  from: PeerSample,
  to: PeerSample,
): Omit<PeerResult, "what" | "memoryMb" | "account" | "drain"> {
  const readings = to.received.readings - from.received.readings;
  const cpuSender = to.cpuSender - from.cpuSender;
  const cpuBridge = to.cpuBridge - from.cpuBridge;
  return {
    readingsPerSecond: (1000 * readings) / (to.at - from.at),
    cpu: (1e6 * (cpuSender + cpuBridge)) / readings,
    cpuSender: (1e6 * cpuSender) / readings,
    diskBytesPerReading: (to.writtenBytes - from.writtenBytes) / readings,
    wireBytesPerReading: (to.wireBytes - from.wireBytes) / readings,
  };
}

function accountOf({ emitted, received }: PeerSample): PeerResult["account"] {
  const { readings, duplicates } = received;
  return { sent: emitted, missing: emitted - readings, duplicates };
}

import { count, ratio } from "../figures.ts";
import { atLeast, atMost, type Goal } from "../goal.ts";
import { GATEWAY_PROCESSES } from "../gateway-run.ts";
import { heading, type Table } from "../table.ts";
import type { StockPhase, StockResults } from "./stock-bench.ts";
import type { WardResults } from "./ward-bench.ts";
import type { WardPhase } from "./ward-phases.ts";

/** What the house did beside stock Node-RED. */
export interface HouseResults {
  readonly broker: string;
  readonly secondsPerPhase: number;
  readonly pacedReadingsPerSecond: number;
  readonly ward: WardResults;
  readonly stock: StockResults;
}

type Row = readonly [what: string, ward: string, stock: string, ratio: string];

const HEADS = ["", "Wardgate", "stock Node-RED", "ours / stock"];

/** The whole table. */
export function houseTable(results: HouseResults): Table {
  const { ward, stock, pacedReadingsPerSecond } = results;
  const paced = `${count(pacedReadingsPerSecond)} readings/s`;
  const title = (what: string) => heading({ heads: HEADS }, what);
  const { p50, p99 } = ward.latencyMs;
  return {
    heads: HEADS,
    rows: [
      title("Full speed"),
      row("readings/s", ward.full.readingsPerSecond, stock.full.readingsPerSecond, 0),
      uncompared("readings in one message of the flow", ward.readingsPerMessage, 1, 0),
      ...phaseRows(ward.full, stock.full),
      title(`At ${paced}`),
      ...phaseRows(ward.paced, stock.paced),
      only(
        "device to hub, first reading of a batch, p50 / p99 (ms)",
        `${count(p50)} / ${count(p99)}`,
      ),
      title(`Broker away at ${paced}`),
      awayRow(results),
      only("bytes kept on disk per reading", count(ward.away.storeBytesPerReading, 1)),
      title(`A backlog of ${count(ward.drain.readings)} readings drains`),
      only("readings/s of it", count(ward.drain.readings / (ward.drain.ms / 1000))),
      only("a live batch meanwhile, first reading to hub, p99 (ms)", count(ward.drain.liveP99)),
      title("Start"),
      row(
        "to the first reading at the hub / broker (s)",
        ward.startMs / 1000,
        stock.startMs / 1000,
        1,
      ),
    ],
  };
}

/** The few rows that a reader wants first. */
export function headline(results: HouseResults): Table {
  const { ward, stock } = results;
  return {
    heads: HEADS,
    rows: [
      row("readings/s, one box", ward.full.readingsPerSecond, stock.full.readingsPerSecond, 0),
      row("CPU seconds per million readings", ward.full.cpuGateway, stock.full.cpu, 1),
      row(
        "bytes on the wire per reading",
        ward.full.wireBytesPerReading,
        stock.full.wireBytesPerReading,
        1,
      ),
      row("memory (MB, all processes)", ward.full.memoryMbGateway, stock.full.memoryMb, 0),
      awayRow(results),
    ],
  };
}

/** What the table cannot say in figures. */
export function houseNotes({ broker, ward, stock, secondsPerPhase }: HouseResults): string[] {
  const { account, full } = ward;
  const { gathered } = stock;
  return [
    `Wardgate is the whole way: 8 simulated monitors, each of whose lines carries 20 readings, on TCP, check, seal (nothing filtered), outbox on disk with fsync, ${broker} over mutual TLS 1.3, the hub's commit and its signed receipt. Devices, broker and hub run on the same cores; CPU and memory are the gateway's own processes.`,
    `Stock is Node-RED with its core mqtt out node, QoS 1, mutual TLS 1.3, the same broker: readings made by a node in the same process, one a message as the shortest JSON, 100 unacknowledged at most. It reads no device, checks and encrypts nothing, keeps nothing on disk, and nobody receives. With ${gathered.readingsPerMessage} readings in one message it does ${count(gathered.readingsPerSecond)} readings/s at ${count(gathered.cpu, 1)} CPU seconds per million.`,
    `Full speed is the highest rate of a short ramp that held for ${secondsPerPhase} s with ${full.evicted} readings evicted. Wire: TLS bytes both ways without TCP/IP headers. Disk: what the kernel says it wrote for the process; the ballast, a file written once, is switched off. Memory: proportional set size.`,
    `Account of the whole run: ${count(account.sent)} readings sent by devices, ${count(account.taken)} taken, ${count(account.opened)} at the hub, ${count(account.evicted)} evicted and accounted for (in the ramp), ${count(account.duplicates)} duplicates, ${count(account.unaccounted)} unaccounted.`,
  ];
}

const SPEED_MIN = 7;
const CPU_MAX = 3;
/** One fifteenth of what a reading takes as JSON. */
const WIRE_SHARE_MAX = 1 / 15;
const DISK_BYTES_MAX = 90;
/** The seal's window of 100 ms, and 30 ms. */
const LATENCY_MS_MAX = 130;

export function houseGoals({ ward, stock }: HouseResults): Goal[] {
  const paced = "at 1,000 readings/s";
  return [
    atLeast(
      "readings/s, ours / stock",
      SPEED_MIN,
      ward.full.readingsPerSecond / stock.full.readingsPerSecond,
      ratio,
    ),
    atMost("CPU seconds per million readings", CPU_MAX, ward.full.cpuGateway, oneDecimal),
    atMost(
      `bytes on the wire ${paced}, ours / stock`,
      WIRE_SHARE_MAX,
      ward.paced.wireBytesPerReading / stock.paced.wireBytesPerReading,
      ratio,
    ),
    atMost(
      `bytes written to disk per reading ${paced}`,
      DISK_BYTES_MAX,
      ward.paced.diskBytesPerReading,
      oneDecimal,
    ),
    atMost(
      `device to hub ${paced}, p99`,
      LATENCY_MS_MAX,
      ward.latencyMs.p99,
      (value) => `${count(value)} ms`,
    ),
    atMost("readings that nobody accounts for", 0, ward.account.unaccounted, count),
  ];
}

function phaseRows(ward: WardPhase, stock: StockPhase): Row[] {
  const memory = ward.memoryMb;
  return [
    row("CPU seconds per million readings", ward.cpuGateway, stock.cpu, 1),
    ...GATEWAY_PROCESSES.map((name) => only(`  ${name}`, count(ward.cpu[name] ?? 0, 1))),
    uncompared("  beside it: broker", ward.cpu["broker"] ?? 0, stock.cpuBroker, 1),
    only("  beside it: hub", count(ward.cpu["hub"] ?? 0, 1)),
    row("bytes on the wire per reading", ward.wireBytesPerReading, stock.wireBytesPerReading, 1),
    uncompared(
      "bytes written to disk per reading",
      ward.diskBytesPerReading,
      stock.diskBytesPerReading,
      1,
    ),
    row("memory (MB)", ward.memoryMbGateway, stock.memoryMb, 0),
    ...GATEWAY_PROCESSES.map((name) => only(`  ${name}`, count(memory[name] ?? 0))),
  ];
}

/** What was lost while the broker could not be reached. */
function awayRow({ ward, stock, pacedReadingsPerSecond }: HouseResults): Row {
  const lost = (readings: number, seconds: number): string =>
    `${count(readings)} in ${count(seconds)} s`;
  return [
    `lost while the broker is away, at ${count(pacedReadingsPerSecond)}/s`,
    lost(ward.away.evicted + ward.account.unaccounted, ward.away.seconds),
    lost(stock.away.lost, stock.away.seconds),
    "",
  ];
}

function only(what: string, ward: string): Row {
  return [what, ward, "-", ""];
}

function row(what: string, ward: number, stock: number, places: number): Row {
  const compared = stock > 0 ? ratio(ward / stock) : "";
  return [what, count(ward, places), count(stock, places), compared];
}

/** For figures whose ratio says nothing. */
function uncompared(what: string, ward: number, stock: number, places: number): Row {
  return [what, count(ward, places), count(stock, places), ""];
}

function oneDecimal(value: number): string {
  return count(value, 1);
}

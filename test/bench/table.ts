import type { StockResults } from "./stock-bench.ts";
import { GATEWAY_PROCESSES } from "./ward-way.ts";
import type { WardResults } from "./ward-bench.ts";

/** Everything one run of the bench has measured. */
export interface BenchResults {
  readonly machine: Machine;
  readonly broker: string;
  readonly secondsPerPhase: number;
  readonly pacedReadingsPerSecond: number;
  readonly ward: WardResults;
  readonly stock: StockResults;
}

/** Where it was measured. */
export interface Machine {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  /** Load average of the last minute when the bench began: what others did on this machine. */
  readonly loadAtStart: number;
}

/** One row: what was measured, ours, stock, ours / stock. A row without figures is a heading. */
export type Row = readonly [what: string, ward: string, stock: string, ratio: string];

/** The whole table. */
export function benchRows(results: BenchResults): Row[] {
  const { ward, stock, pacedReadingsPerSecond } = results;
  return [
    heading("Full speed"),
    row("readings/s", ward.full.readingsPerSecond, stock.full.readingsPerSecond, 0),
    row("readings in one message of the flow", ward.readingsPerMessage, 1, 0, false),
    ...phaseRows(ward.full, stock.full),
    heading(`At ${count(pacedReadingsPerSecond, 0)} readings/s`),
    ...phaseRows(ward.paced, stock.paced),
    only("device to hub, p50 / p99 (ms)", `${ms(ward.latencyMs.p50)} / ${ms(ward.latencyMs.p99)}`),
    heading(`Broker away at ${count(pacedReadingsPerSecond, 0)} readings/s`),
    awayRow(results),
    only("bytes kept on disk per reading", count(ward.away.storeBytesPerReading, 1)),
    heading("Start"),
    row(
      "to the first reading at the hub / broker (s)",
      ward.startMs / 1000,
      stock.startMs / 1000,
      1,
    ),
  ];
}

/** The few rows that a reader wants first. */
export function headlineRows(results: BenchResults): Row[] {
  const { ward, stock } = results;
  return [
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
  ];
}

/** What the table cannot say in figures. */
export function benchNotes({ broker, ward, stock, secondsPerPhase }: BenchResults): string[] {
  const { account, full } = ward;
  const { gathered } = stock;
  return [
    `Wardgate is the whole way: 8 simulated pulse oximeters on TCP lines, check, seal (nothing filtered), outbox on disk with fsync, ${broker} over mutual TLS 1.3, the hub's commit and its signed receipt. Devices, broker and hub run on the same cores; CPU and memory are the gateway's own processes.`,
    `Stock is Node-RED with its core mqtt out node, QoS 1, mutual TLS 1.3, the same broker: readings made by a node in the same process, one a message as the shortest JSON, 100 unacknowledged at most. It reads no device, checks and encrypts nothing, keeps nothing on disk, and nobody receives. With ${gathered.readingsPerMessage} readings in one message it does ${count(gathered.readingsPerSecond, 0)} readings/s at ${count(gathered.cpu, 1)} CPU seconds per million.`,
    `Full speed is the highest rate of a short ramp that held for ${secondsPerPhase} s with ${full.evicted} readings evicted. Wire: TLS bytes both ways without TCP/IP headers. Disk: what the kernel says it wrote for the process. Memory: proportional set size.`,
    `Account of the whole run: ${count(account.sent, 0)} readings sent by devices, ${count(account.taken, 0)} taken, ${count(account.opened, 0)} at the hub, ${count(account.evicted, 0)} evicted and accounted for (in the ramp), ${count(account.duplicates, 0)} duplicates, ${count(account.unaccounted, 0)} unaccounted.`,
    "Absolute rates move by up to 2x between runs on a shared machine; ratios within one run by about 15 %.",
  ];
}

/** One line about the machine. */
export function machineText({
  date,
  cpu,
  cores,
  memoryGb,
  kernel,
  node,
  loadAtStart,
}: Machine): string {
  return `${date}, ${cpu}, ${cores} cores, ${memoryGb} GB, Linux ${kernel}, Node.js ${node}, load average ${loadAtStart.toFixed(1)} at the start`;
}

/** Columns aligned with blanks. */
export function plainTable(rows: readonly Row[]): string {
  const head: Row = ["", "Wardgate", "stock", "ours/stock"];
  const all = [head, ...rows];
  const widths = head.map((_, column) =>
    Math.max(...all.map((cells) => cells[column]?.length ?? 0)),
  );
  return all
    .map(([what, ...figures]) =>
      figures.every((figure) => figure === "") && what !== ""
        ? `\n${what}`
        : [
            what.padEnd(widths[0] ?? 0),
            ...figures.map((figure, place) => figure.padStart(widths[place + 1] ?? 0)),
          ].join("   "),
    )
    .join("\n");
}

/** The same for Markdown. */
export function markdownTable(rows: readonly Row[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const body = rows.map(([what, ...figures]) =>
    line([
      figures.every((figure) => figure === "") ? `**${what}**` : what.replace(/^ +/, "&emsp;"),
      ...figures,
    ]),
  );
  return [
    line(["", "Wardgate", "stock Node-RED", "ours / stock"]),
    "| --- | ---: | ---: | ---: |",
    ...body,
  ].join("\n");
}

function phaseRows(ward: WardResults["full"], stock: StockResults["full"]): Row[] {
  const memory = ward.memoryMb;
  return [
    row("CPU seconds per million readings", ward.cpuGateway, stock.cpu, 1),
    ...GATEWAY_PROCESSES.map((name) => only(`  ${name}`, count(ward.cpu[name] ?? 0, 1))),
    row("  beside it: broker", ward.cpu["broker"] ?? 0, stock.cpuBroker, 1, false),
    only("  beside it: hub", count(ward.cpu["hub"] ?? 0, 1)),
    row("bytes on the wire per reading", ward.wireBytesPerReading, stock.wireBytesPerReading, 1),
    row(
      "bytes written to disk per reading",
      ward.diskBytesPerReading,
      stock.diskBytesPerReading,
      1,
      false,
    ),
    row("memory (MB)", ward.memoryMbGateway, stock.memoryMb, 0),
    ...GATEWAY_PROCESSES.map((name) => only(`  ${name}`, count(memory[name] ?? 0, 0))),
  ];
}

/** What was lost while the broker could not be reached. */
function awayRow({ ward, stock, pacedReadingsPerSecond }: BenchResults): Row {
  const rate = count(pacedReadingsPerSecond, 0);
  const within = (seconds: number): string => `in ${count(seconds, 0)} s`;
  return [
    `lost while the broker is away, at ${rate}/s`,
    `${count(ward.away.evicted + ward.account.unaccounted, 0)} ${within(ward.away.seconds)}`,
    `${count(stock.away.lost, 0)} ${within(stock.away.seconds)}`,
    "",
  ];
}

function heading(what: string): Row {
  return [what, "", "", ""];
}

function only(what: string, ward: string): Row {
  return [what, ward, "-", ""];
}

function row(what: string, ward: number, stock: number, places: number, compared = true): Row {
  const ratio = compared && stock > 0 ? ratioText(ward / stock) : "";
  return [what, count(ward, places), count(stock, places), ratio];
}

function ratioText(ratio: number): string {
  return ratio < 0.1 ? ratio.toFixed(3) : ratio.toFixed(2);
}

function ms(value: number): string {
  return value.toFixed(0);
}

function count(value: number, places: number): string {
  return value.toLocaleString("en-US", {
    minimumFractionDigits: places,
    maximumFractionDigits: places,
  });
}

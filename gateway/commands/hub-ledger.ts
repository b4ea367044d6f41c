import type { Account, DeviceAccount, LedgerReport } from "../../hub/report.ts";

/** The ledger as a table: a line per device (and interval), per class, and for all. */
export function ledgerText(report: LedgerReport): string {
  const reasons = Object.keys(report.reasons).sort();
  const heads = [...COLUMNS, ...reasons.map((reason) => `(${reason})`)];
  const widths = heads.map((head) => Math.max(head.length + 2, COLUMN_WIDTH));
  const line = (name: string, cells: readonly string[]): string =>
    `${name.padEnd(NAME_WIDTH)}${cells.map((cell, place) => cell.padStart(widths[place] ?? 0)).join("")}\n`;
  const counted = (
    name: string,
    account: Account,
    gaps: Readonly<Record<string, number>>,
  ): string =>
    line(name, [
      ...COLUMNS.map((column) => String(account[column])),
      ...reasons.map((reason) => String(gaps[reason] ?? 0)),
    ]);
  const parts = [line("", heads)];
  for (const device of report.devices) {
    parts.push(counted(`${device.gateway} ${device.device}`, device, device.reasons));
    for (const interval of device.intervals) {
      parts.push(counted(`  ${timeText(interval.from)}`, interval, interval.reasons));
    }
  }
  for (const [name, account] of Object.entries(report.classes)) {
    parts.push(
      line(
        name,
        COLUMNS.map((column) => String(account[column])),
      ),
    );
  }
  parts.push(counted("all", report.totals, report.reasons));
  parts.push(
    ...report.chains.filter(({ missing, broken }) => missing > 0 || broken).map(chainText),
  );
  if (report.behind > 0) {
    parts.push(`${report.behind} records are not in this account yet.\n`);
  }
  return parts.join("");
}

/** True when nothing is wrong: all is accounted for. */
export function isComplete({ totals }: LedgerReport): boolean {
  return totals.unaccounted === 0;
}

const NAME_WIDTH = 40;
const COLUMN_WIDTH = 12;
const COLUMNS = [
  "taken",
  "kept",
  "withheld",
  "refused",
  "dropped",
  "gaps",
  "accounted",
  "duplicates",
  "unaccounted",
] as const satisfies readonly (keyof DeviceAccount)[];

function timeText(at: number): string {
  return new Date(at).toISOString().slice(0, "2026-11-26T12:00".length);
}

function chainText({
  gateway,
  class: name,
  missing,
  broken,
}: LedgerReport["chains"][number]): string {
  const still = missing === 0 ? "" : `${missing} records are still at the gateway; `;
  const fork = broken ? "records do not follow each other: was its store set back?" : "";
  return `${gateway} ${name}: ${still}${fork}`.replace(/; $/, ".") + "\n";
}

import { AccountSheet, type AccountLine, UNKNOWN } from "./account-sheet.ts";
import type { DevicePage } from "./book-pages.ts";
import { blockName, hourIn, hourOf, tagIn } from "./book-places.ts";
import type { Books } from "./books.ts";
import { countOf, noSums, sumsOf, type TakeRow } from "./ledger.ts";
import type { PageCache } from "./page-cache.ts";
import type { RunPage } from "./run-page.ts";
import type { HubStore } from "./store.ts";

/**
 * One line of the account, in items; a take of which only the number is known counts as one and stands under class
 * `unknown`. taken = kept + accounted + unaccounted, and accounted = withheld + refused + dropped + gaps.
 */
export interface Account extends Readonly<AccountLine> {
  readonly accounted: number;
}

/** An account with its parts. */
interface Accounts extends Account {
  readonly classes: Readonly<Record<string, Account>>;
  /** Items (or takes) in gaps, per reason: evicted, expired, lost-in-bedside, ... */
  readonly reasons: Readonly<Record<string, number>>;
}

/** One interval of one device. */
export interface IntervalAccount extends Accounts {
  /** Gateway time, epoch milliseconds, both ends; the end is not part of it. */
  readonly from: number;
  readonly to: number;
}

/** One device's completeness. */
export interface DeviceAccount extends Accounts {
  readonly gateway: string;
  readonly device: string;
  /** Of the gaps, takes that may never have been taken. */
  readonly atMost: number;
  /** In order of time; only when asked for. */
  readonly intervals: readonly IntervalAccount[];
}

/** One chain of sealed records. */
interface ChainAccount {
  readonly gateway: string;
  readonly store: string;
  readonly class: string;
  readonly records: number;
  /** Records that the gateway declared gone. */
  readonly gone: number;
  /** Records that are neither here nor declared gone, below the newest known one: the gateway still has them. */
  readonly missing: number;
  /** True when hashes of neighbours did not fit. */
  readonly broken: boolean;
}

/** What `wardgate hub ledger` tells. */
export interface LedgerReport {
  readonly totals: Account;
  readonly classes: Readonly<Record<string, Account>>;
  readonly reasons: Readonly<Record<string, number>>;
  readonly devices: readonly DeviceAccount[];
  readonly chains: readonly ChainAccount[];
  /** Records in the sealed store that are not in the account yet. */
  readonly behind: number;
}

/** What to tell. */
export interface ReportWish {
  /** One device only. */
  readonly device?: string;
  /** Length of the intervals in hours, from midnight UTC; without it no intervals are told. */
  readonly hours?: number;
}

/** Adds up the ledger. Reads only. Throws WardError `WARD_HUB_NAMES` with the wrong recipient key. */
export async function reportLedger(
  parts: { readonly books: Books; readonly store: HubStore },
  wish: ReportWish = {},
): Promise<LedgerReport> {
  const devices = await devicesOf(parts, wish);
  await addRuns(parts, devices, wish);
  await addHours(parts, devices, wish);
  const total = new AccountSheet();
  const accounts: DeviceAccount[] = [];
  for (const { page, sheet, atMost, intervals } of devices.values()) {
    total.include(sheet);
    accounts.push({
      ...page,
      ...accountsOf(sheet),
      atMost,
      intervals: intervalsOf(intervals, wish.hours ?? 0),
    });
  }
  accounts.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  const { classes, reasons, ...totals } = accountsOf(total);
  const chains = chainAccounts(parts.books);
  const behind = (await parts.store.lastId()) - parts.books.booked;
  return { totals, classes, reasons, devices: accounts, chains, behind };
}

interface Parts {
  readonly books: Books;
  readonly store: HubStore;
}

/** One device while it is added up. */
interface OpenDevice {
  readonly page: DevicePage;
  readonly sheet: AccountSheet;
  atMost: number;
  /** By the hour at which the interval begins. */
  readonly intervals: Map<number, AccountSheet>;
}

type OpenDevices = Map<string, OpenDevice>;

const HOUR_MS = 3_600_000;

async function devicesOf({ books, store }: Parts, { device }: ReportWish): Promise<OpenDevices> {
  const devices: OpenDevices = new Map();
  for await (const [tag, page] of allPages(books.pages.devices, store)) {
    if (device === undefined || page.device === device) {
      devices.set(tag, { page, sheet: new AccountSheet(), atMost: 0, intervals: new Map() });
    }
  }
  return devices;
}

async function addRuns(parts: Parts, devices: OpenDevices, wish: ReportWish): Promise<void> {
  for await (const [name, run] of allPages(parts.books.pages.runs, parts.store)) {
    const device = devices.get(tagIn(name));
    if (device !== undefined) {
      device.sheet.include(run.sheet);
      const { explained, unexplained } = run.holes();
      for (const { first, last, reason, atMost, start } of explained) {
        const takes = last - first + 1;
        device.atMost += atMost ? takes : 0;
        addHole(device, wish, { takes, reason, hour: hourOf(start) });
      }
      for (const [first, last] of unexplained) {
        // When is not known: about when the take before it was, or the one behind it.
        const beside =
          (await loadRow(parts.books, name, first - 1)) ??
          (await loadRow(parts.books, name, last + 1));
        const hour = beside?.hour ?? 0;
        addHole(device, wish, { takes: countOf([[first, last]]), reason: null, hour });
      }
      await explainOpen(parts, { name, run, device, wish });
    }
  }
}

/**
 * Items that are missing in takes of which no tally came: a take gap may cover them, and then they count as gaps. (Once there
 * is a tally, it says what became of every item.)
 */
async function explainOpen(
  { books }: Parts,
  { name, run, device, wish }: { name: string; run: RunPage; device: OpenDevice; wish: ReportWish },
): Promise<void> {
  for (const { first, last, reason } of run.gaps) {
    for (const take of run.open.numbersIn(first, last)) {
      const row = await loadRow(books, name, take);
      if (row !== null && !row.told) {
        const { gaps, unaccounted } = sumsOf(row);
        const moved = { ...noSums(), gaps: gaps + unaccounted, unaccounted: -unaccounted };
        for (const sheet of sheetsOf(device, wish, row.hour)) {
          sheet.add(row.class, moved, reason, 1);
        }
      }
    }
  }
}

/** Takes of which only the number is known. */
function addHole(
  device: OpenDevice,
  wish: ReportWish,
  hole: { readonly takes: number; readonly reason: string | null; readonly hour: number },
): void {
  const { takes, reason, hour } = hole;
  for (const sheet of sheetsOf(device, wish, hour)) {
    const line = sheet.line(UNKNOWN);
    line.taken += takes;
    if (reason === null) {
      line.unaccounted += takes;
    } else {
      line.gaps += takes;
      sheet.reason(reason, takes);
    }
  }
}

async function addHours(parts: Parts, devices: OpenDevices, wish: ReportWish): Promise<void> {
  if (wish.hours === undefined) {
    return;
  }
  for await (const [name, sheet] of allPages(parts.books.pages.hours, parts.store)) {
    const device = devices.get(tagIn(name));
    if (device !== undefined) {
      intervalAt(device, hourIn(name), wish.hours).include(sheet);
    }
  }
}

/** The device's own account, and that of the interval that an hour lies in. */
function sheetsOf(device: OpenDevice, { hours }: ReportWish, hour: number): AccountSheet[] {
  return hours === undefined ? [device.sheet] : [device.sheet, intervalAt(device, hour, hours)];
}

function intervalAt({ intervals }: OpenDevice, hour: number, hours: number): AccountSheet {
  const first = Math.floor(hour / hours) * hours;
  const sheet = intervals.get(first) ?? new AccountSheet();
  intervals.set(first, sheet);
  return sheet;
}

function intervalsOf(
  intervals: ReadonlyMap<number, AccountSheet>,
  hours: number,
): IntervalAccount[] {
  return [...intervals]
    .toSorted(([a], [b]) => a - b)
    .map(([first, sheet]) => ({
      from: first * HOUR_MS,
      to: (first + hours) * HOUR_MS,
      ...accountsOf(sheet),
    }));
}

async function loadRow({ pages }: Books, run: string, take: number): Promise<TakeRow | null> {
  const block = blockName(run, Math.max(take, 0));
  pages.want(pages.blocks, block);
  await pages.fetch();
  return pages.blocks.find(block)?.get(Math.max(take, 0)) ?? null;
}

/** All pages of a kind: those in memory, which may be newer, and those that are only in the store. */
async function* allPages<T>(cache: PageCache<T>, store: HubStore): AsyncGenerator<[string, T]> {
  for (const entry of cache.entries()) {
    yield entry;
  }
  for await (const [key, bytes] of store.pagesUnder(cache.prefix)) {
    const name = key.slice(cache.prefix.length);
    if (!cache.knows(name)) {
      yield [name, cache.decode(bytes)];
    }
  }
}

function accountsOf(sheet: AccountSheet): Accounts {
  const classes = sheet.lines().map(([name, line]) => [name, accountOf(line)] as const);
  return {
    ...accountOf(sheet.total()),
    classes: Object.fromEntries(classes),
    reasons: Object.fromEntries(sheet.reasons()),
  };
}

function accountOf(line: Readonly<AccountLine>): Account {
  return { ...line, accounted: line.withheld + line.refused + line.dropped + line.gaps };
}

function chainAccounts({ pages }: Books): ChainAccount[] {
  return [...pages.chains.entries()]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { records, gone, missing, broken }]) => {
      const [gateway = "", store = "", className = ""] = name.split("/");
      return { gateway, store, class: className, records, gone, missing, broken };
    });
}

function nameOf({ gateway, device }: DeviceAccount): string {
  return `${gateway} ${device}`;
}

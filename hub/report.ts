import { CLASSES, type ClassName } from "../gateway/reading.ts";
import type { Book } from "./book.ts";
import { FACTS } from "./catch-up.ts";
import type { BootRow } from "./device-table.ts";
import {
  addSums,
  complement,
  explainHoles,
  type ExplainedTakes,
  noSums,
  type Sums,
  sumsOf,
  type TakeRange,
} from "./ledger.ts";
import { RANGE_KINDS } from "./range-table.ts";
import type { SealedStore } from "./sealed.ts";
import { type HubStore, numberIn, textIn } from "./store.ts";
import { classIn } from "./take-table.ts";

/**
 * One line of the account, in items; a take of which only the number is known counts as one and stands under class
 * `unknown`. taken = kept + accounted + unaccounted, and accounted = withheld + refused + dropped + gaps.
 */
export interface Account extends Readonly<Sums> {
  readonly accounted: number;
  /** Items that came more than once and were dropped. */
  readonly duplicates: number;
  /** Takes that a flow changed. */
  readonly derived: number;
}

/** One device's completeness. */
interface DeviceAccount extends Account {
  readonly gateway: string;
  readonly device: string;
  readonly classes: Readonly<Record<string, Account>>;
  /** Items (or takes) in gaps, per reason. */
  readonly reasons: Readonly<Record<string, number>>;
  /** Of the gaps, takes that may never have been taken. */
  readonly atMost: number;
}

/** One chain of sealed records. */
interface ChainAccount {
  readonly gateway: string;
  readonly store: string;
  readonly class: string;
  readonly records: number;
  /** Records that the gateway declared gone. */
  readonly gone: number;
  /** Records that are neither here nor declared gone, below the newest known one. */
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
  /** True when the sealed store holds more than the ledger says. */
  readonly behind: boolean;
}

/** Adds up the ledger. Reads only. Throws WardError `WARD_HUB_NAMES` with the wrong recipient key. */
export function reportLedger(parts: {
  readonly store: HubStore;
  readonly book: Book;
  readonly sealed: SealedStore;
}): LedgerReport {
  const tellers = new Map<number, Teller>();
  for (const boot of allBoots(parts.book)) {
    const teller = tellers.get(boot.device) ?? new Teller();
    tellers.set(boot.device, teller);
    addBoot(parts, boot, teller);
  }
  addOpened(parts.store, tellers);
  const total = new Teller();
  const devices: DeviceAccount[] = [];
  for (const { no, gateway, device } of parts.book.devices.devices()) {
    const teller = tellers.get(no) ?? new Teller();
    total.include(teller);
    devices.push({ gateway, device, ...teller.total(), ...teller.parts() });
  }
  devices.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  const { classes, reasons } = total.parts();
  const { sealed } = parts;
  const behind = sealed.fact(FACTS.booked) !== sealed.lastId;
  return { totals: total.total(), classes, reasons, devices, chains: chainAccounts(parts), behind };
}

/** Class of takes of which nothing but the number is known. */
const UNKNOWN = "unknown";
const PAGE_ROWS = 2048;
const RANGES_MAX = 1_000_000;

type Line = Sums & { duplicates: number; derived: number };

/** Adds up one device, or all. */
class Teller {
  readonly #lines = new Map<string, Line>();
  readonly #reasons = new Map<string, number>();
  #atMost = 0;

  constructor() {
    for (const name of [...CLASSES, UNKNOWN]) {
      this.line(name);
    }
  }

  line(name: string): Line {
    const line = this.#lines.get(name) ?? { ...noSums(), duplicates: 0, derived: 0 };
    this.#lines.set(name, line);
    return line;
  }

  reason(name: string, count: number): void {
    this.#reasons.set(name, (this.#reasons.get(name) ?? 0) + count);
  }

  atMost(count: number): void {
    this.#atMost += count;
  }

  include(other: Teller): void {
    for (const [name, line] of other.#lines) {
      addLine(this.line(name), line);
    }
    for (const [name, count] of other.#reasons) {
      this.reason(name, count);
    }
    this.#atMost += other.#atMost;
  }

  total(): Account {
    const total: Line = { ...noSums(), duplicates: 0, derived: 0 };
    for (const line of this.#lines.values()) {
      addLine(total, line);
    }
    return accountOf(total);
  }

  parts(): Pick<DeviceAccount, "classes" | "reasons" | "atMost"> {
    const classes = [...this.#lines].map(([name, line]) => [name, accountOf(line)] as const);
    const reasons = [...this.#reasons].filter(([, count]) => count > 0);
    return {
      classes: Object.fromEntries(classes),
      reasons: Object.fromEntries(reasons),
      atMost: this.#atMost,
    };
  }
}

function addLine(total: Line, line: Readonly<Line>): void {
  addSums(total, line);
  total.duplicates += line.duplicates;
  total.derived += line.derived;
}

function accountOf(line: Readonly<Line>): Account {
  return { ...line, accounted: line.withheld + line.refused + line.dropped + line.gaps };
}

function* allBoots(book: Book): Generator<BootRow> {
  let after = 0;
  for (;;) {
    const boots = book.devices.boots(after, PAGE_ROWS);
    yield* boots;
    const last = boots.at(-1);
    if (last === undefined) {
      return;
    }
    after = last.no;
  }
}

function addBoot(
  { store, book }: { readonly store: HubStore; readonly book: Book },
  { no }: BootRow,
  teller: Teller,
): void {
  addArchived(store, no, teller);
  const present = book.ranges.all(RANGE_KINDS.archived, no, RANGES_MAX);
  let after = -1;
  for (;;) {
    const page = book.takes.list(no, after, Number.MAX_SAFE_INTEGER, PAGE_ROWS);
    for (const { take, row } of page) {
      const reason = book.gapReason(no, take, row);
      const sums = sumsOf(row, reason);
      addSums(teller.line(row.class), sums);
      if (reason !== null) {
        teller.reason(reason, sums.gaps);
      }
      extend(present, take);
      after = take;
    }
    if (page.length < PAGE_ROWS) {
      break;
    }
  }
  const holes = explainHoles(present, takeGaps(store, no));
  const unknown = teller.line(UNKNOWN);
  for (const [reason, takes] of holes.reasons) {
    teller.reason(reason, takes);
    unknown.gaps += takes;
    unknown.taken += takes;
  }
  teller.atMost(holes.atMost);
  unknown.unaccounted += holes.unexplained;
  unknown.taken += holes.unexplained;
}

/** Appends one take to ranges, the last of which it may extend. */
function extend(ranges: TakeRange[], take: number): void {
  const last = ranges.at(-1);
  if (last !== undefined && take === last[1] + 1) {
    ranges[ranges.length - 1] = [last[0], take];
  } else {
    ranges.push([take, take]);
  }
}

function addArchived(store: HubStore, boot: number, teller: Teller): void {
  for (const row of store.statement("SELECT * FROM sums WHERE boot = ?").all(boot)) {
    addSums(teller.line(classIn(row, "class")), {
      taken: numberIn(row, "taken"),
      kept: numberIn(row, "kept"),
      withheld: numberIn(row, "withheld"),
      refused: numberIn(row, "refused"),
      dropped: numberIn(row, "dropped"),
      gaps: numberIn(row, "gaps"),
      unaccounted: 0,
    });
  }
  for (const row of store.statement("SELECT * FROM sum_reasons WHERE boot = ?").all(boot)) {
    teller.reason(textIn(row, "reason"), numberIn(row, "items"));
  }
}

function takeGaps(store: HubStore, boot: number): ExplainedTakes[] {
  return store
    .statement("SELECT first, last, reason, at_most FROM take_gaps WHERE boot = ?")
    .all(boot)
    .map((row) => ({
      first: numberIn(row, "first"),
      last: numberIn(row, "last"),
      reason: textIn(row, "reason"),
      atMost: numberIn(row, "at_most") === 1,
    }));
}

function addOpened(store: HubStore, tellers: Map<number, Teller>): void {
  for (const row of store.statement("SELECT * FROM opened").all()) {
    const className: ClassName = classIn(row, "class");
    const line = tellers.get(numberIn(row, "device"))?.line(className);
    if (line !== undefined) {
      line.duplicates += numberIn(row, "duplicates");
      line.derived += numberIn(row, "derived");
    }
  }
}

function chainAccounts({
  book,
  sealed,
}: {
  readonly book: Book;
  readonly sealed: SealedStore;
}): ChainAccount[] {
  return sealed.chains().map(({ no, gateway, store, class: name }) => {
    const here = book.ranges.all(RANGE_KINDS.committed, no, RANGES_MAX);
    const gone = book.ranges.all(RANGE_KINDS.gone, no, RANGES_MAX);
    const known = [...here, ...gone];
    const first = known.reduce((min, range) => Math.min(min, range[0]), 1);
    const last = known.reduce((max, range) => Math.max(max, range[1]), 0);
    return {
      gateway,
      store,
      class: name,
      records: countOf(here),
      gone: countOf(gone.flatMap((range) => complement(here, range))),
      missing: countOf(complement(known, [first, last])),
      broken: sealed.isBroken(no),
    };
  });
}

function nameOf({ gateway, device }: DeviceAccount): string {
  return `${gateway} ${device}`;
}

function countOf(ranges: readonly TakeRange[]): number {
  return ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
}

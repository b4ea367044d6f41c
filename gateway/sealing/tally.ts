import { WardError } from "../errors.ts";
import { isIndexSet } from "../indices.ts";
import { CLASSES, isDeviceId, TAKE_ITEMS_MAX } from "../reading.ts";
import type { ClassName } from "../reading.ts";
import type { TakeGap } from "../rooms.ts";
import {
  ColumnReader,
  ColumnWriter,
  isTableText,
  readStrings,
  StringTable,
  unreadable,
} from "../columns.ts";
import { fromHex, isHex, RECORD_ITEMS_MAX, SALT_BYTES, TIME_MAX, toHex } from "./envelope.ts";
import { isBoot, pick, readList, readSources, SourceTable } from "./sources.ts";
import type { Source } from "./sources.ts";

/** What became of the items of one take. The four index sets (indices.ts) do not overlap. */
export interface TallyTake {
  readonly device: string;
  readonly boot: string;
  readonly take: number;
  readonly class: ClassName;
  /** Items the take had. */
  readonly count: number;
  readonly kept: number;
  readonly withheld: number;
  readonly refused: number;
  readonly dropped: number;
  /** Bedside's digest of the take. */
  readonly digest: number;
  /** Exclusive or of the digests of the withheld and refused items, as the flow saw them. */
  readonly rest: number;
}

/** Names the tab of the flow on which items of a take were lost. */
export interface DroppedTab {
  readonly device: string;
  readonly boot: string;
  readonly take: number;
  readonly tab: string;
}

/** The account of one put: which records it goes with, and what became of every take that is settled by it. */
export interface Tally {
  readonly version: 1;
  /** Salts of the records that were put together with this tally, each 16 bytes as hex. */
  readonly salts: readonly string[];
  readonly takes: readonly TallyTake[];
  readonly gaps: readonly TakeGap[];
  readonly droppedTabs: readonly DroppedTab[];
}

/** The columnar form of a tally; README.md specifies it. Throws WardError `WARD_SEAL_INPUT`. */
export function encodeTally(tally: Tally): Uint8Array {
  const problem = tallyProblem(tally);
  if (problem !== null) {
    throw new WardError("WARD_SEAL_INPUT", `Cannot seal tally: ${problem}.`);
  }
  const strings = new StringTable();
  const sources = new SourceTable();
  const body = new ColumnWriter();
  writeTakes(body, sources, tally.takes);
  writeGaps(body, sources, strings, tally.gaps);
  body.uint(tally.droppedTabs.length);
  for (const dropped of tally.droppedTabs) {
    body.uint(sources.place(dropped.device, dropped.boot));
    body.uint(dropped.take);
    body.uint(strings.place(dropped.tab));
  }
  const tables = new ColumnWriter();
  sources.write(tables, strings);
  const writer = new ColumnWriter();
  writer.byte(TALLY_VERSION);
  strings.write(writer);
  writer.uint(tally.salts.length);
  for (const salt of tally.salts) {
    writer.raw(fromHex(salt));
  }
  writer.raw(tables.finish());
  writer.raw(body.finish());
  return writer.finish();
}

/** Reads what `encodeTally` wrote. Throws WardError `WARD_OPEN`. */
export function decodeTally(bytes: Uint8Array): Tally {
  const reader = new ColumnReader(bytes);
  if (reader.byte("tally version", TALLY_VERSION) !== TALLY_VERSION) {
    throw unreadable("tally version");
  }
  const text = readStrings(reader);
  const salts = readList(reader, "salts", () => toHex(reader.raw("salt", SALT_BYTES)));
  const sources = readSources(reader, text);
  const tally: Tally = {
    version: TALLY_VERSION,
    salts,
    takes: readTakes(reader, sources),
    gaps: readList(reader, "gaps", () => readGap(reader, sources, text)),
    droppedTabs: readList(reader, "dropped tabs", () => ({
      ...pick(sources, reader.uint("source", sources.length)),
      take: reader.uint("take", TIME_MAX),
      tab: text(reader, "tab"),
    })),
  };
  reader.end();
  const problem = tallyProblem(tally);
  if (problem !== null) {
    throw unreadable(`tally (${problem})`);
  }
  return tally;
}

/** What takes have in common: few combinations make up most takes. */
type Shape = Pick<TallyTake, "class" | "count" | "kept" | "withheld" | "refused" | "dropped">;

function writeTakes(writer: ColumnWriter, sources: SourceTable, takes: readonly TallyTake[]): void {
  const shapes = new Map<string, { place: number; shape: Shape }>();
  const shapePlaces = takes.map((take) => {
    const key = `${take.class} ${take.count} ${take.kept} ${take.withheld} ${take.refused} ${take.dropped}`;
    const known = shapes.get(key) ?? { place: shapes.size, shape: take };
    shapes.set(key, known);
    return known.place;
  });
  writer.uint(shapes.size);
  for (const { shape } of shapes.values()) {
    writer.byte(CLASSES.indexOf(shape.class));
    writer.byte(shape.count);
    for (const set of [shape.kept, shape.withheld, shape.refused, shape.dropped]) {
      writer.uint(set);
    }
  }
  writer.uint(takes.length);
  const sourcePlaces = takes.map((take) => sources.place(take.device, take.boot));
  for (const place of sourcePlaces) {
    writer.uint(place);
  }
  const last = new Map<number, number>();
  for (const [row, take] of takes.entries()) {
    const source = sourcePlaces[row] ?? 0;
    writer.sint(take.take - (last.get(source) ?? 0));
    last.set(source, take.take);
  }
  for (const place of shapePlaces) {
    writer.uint(place);
  }
  for (const take of takes) {
    writer.uint32(take.digest);
  }
  for (const take of takes) {
    writer.uint(take.rest);
  }
}

function readTakes(reader: ColumnReader, sources: readonly Source[]): TallyTake[] {
  const shapes = readList(reader, "shapes", () => readShape(reader));
  const count = reader.count("takes", RECORD_ITEMS_MAX);
  const column = <T>(readOne: (row: number) => T): T[] =>
    Array.from({ length: count }, (_, row) => readOne(row));
  const sourcePlaces = column(() => reader.uint("source", sources.length));
  const last = new Map<number, number>();
  const numbers = column((row) => {
    const source = pick(sourcePlaces, row);
    const take = (last.get(source) ?? 0) + reader.sint("take", 2 * TIME_MAX);
    last.set(source, take);
    return take;
  });
  const shapePlaces = column(() => reader.uint("shape", shapes.length));
  const digests = column(() => reader.uint32("digest"));
  const rests = column(() => reader.uint("rest", DIGEST_MAX));
  return column((row) => {
    const shape = pick(shapes, pick(shapePlaces, row));
    return {
      ...pick(sources, pick(sourcePlaces, row)),
      take: pick(numbers, row),
      ...shape,
      digest: pick(digests, row),
      rest: pick(rests, row),
    };
  });
}

function readShape(reader: ColumnReader): Shape {
  const set = (): number => reader.uint("index set", Number.MAX_SAFE_INTEGER);
  return {
    class: pick(CLASSES, reader.byte("class", CLASSES.length - 1)),
    count: reader.byte("count", TAKE_ITEMS_MAX),
    kept: set(),
    withheld: set(),
    refused: set(),
    dropped: set(),
  };
}

function writeGaps(
  writer: ColumnWriter,
  sources: SourceTable,
  strings: StringTable,
  gaps: readonly TakeGap[],
): void {
  writer.uint(gaps.length);
  for (const gap of gaps) {
    writer.uint(strings.place(gap.id));
    writer.uint(sources.place(gap.device, gap.boot));
    writer.uint(gap.from);
    writer.uint(gap.to);
    writer.uint(strings.place(gap.reason));
    writer.byte(gap.atMost ? 1 : 0);
    writer.uint(gap.start);
    writer.uint(gap.end);
  }
}

function readGap(
  reader: ColumnReader,
  sources: readonly Source[],
  text: (reader: ColumnReader, what: string) => string,
): TakeGap {
  return {
    id: text(reader, "gap id"),
    ...pick(sources, reader.uint("source", sources.length)),
    from: reader.uint("take", TIME_MAX),
    to: reader.uint("take", TIME_MAX),
    reason: text(reader, "reason"),
    atMost: reader.byte("at most", 1) === 1,
    start: reader.uint("time", TIME_MAX),
    end: reader.uint("time", TIME_MAX),
  };
}

function tallyProblem(tally: Tally): string | null {
  const { salts, takes, gaps, droppedTabs } = tally;
  if (takes.length + gaps.length > RECORD_ITEMS_MAX || droppedTabs.length > RECORD_ITEMS_MAX) {
    return `more than ${RECORD_ITEMS_MAX} takes and gaps`;
  }
  if (salts.length > RECORD_ITEMS_MAX || !salts.every((salt) => isHex(salt, SALT_BYTES))) {
    return "a salt is not 16 bytes in hex";
  }
  if (!takes.every(isTallyTake)) {
    return "a take is impossible";
  }
  if (!gaps.every(isTakeGap)) {
    return "a gap is impossible";
  }
  const isDroppedTab = (dropped: DroppedTab): boolean =>
    isNumbered(dropped, dropped.take) && isTableText(dropped.tab);
  return droppedTabs.every(isDroppedTab) ? null : "a dropped take is impossible";
}

function isTallyTake(take: TallyTake): boolean {
  const { count, kept, withheld, refused, dropped } = take;
  const sets = [kept, withheld, refused, dropped];
  return (
    isNumbered(take, take.take) &&
    CLASSES.includes(take.class) &&
    isWhole(count, TAKE_ITEMS_MAX) &&
    sets.every((set) => isIndexSet(set, count)) &&
    isWhole(take.digest, DIGEST_MAX) &&
    isWhole(take.rest, DIGEST_MAX)
  );
}

function isTakeGap(gap: TakeGap): boolean {
  return (
    isNumbered(gap, gap.from) &&
    isWhole(gap.to, TIME_MAX) &&
    isTableText(gap.id) &&
    isTableText(gap.reason) &&
    typeof gap.atMost === "boolean" &&
    isWhole(gap.start, TIME_MAX) &&
    isWhole(gap.end, TIME_MAX)
  );
}

function isNumbered(source: Source, take: number): boolean {
  return isDeviceId(source.device) && isBoot(source.boot) && isWhole(take, TIME_MAX);
}

function isWhole(value: unknown, maximum: number): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= maximum;
}

const TALLY_VERSION = 1;
const DIGEST_MAX = 2 ** 32 - 1;

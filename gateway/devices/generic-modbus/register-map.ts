import type { RegisterLimits, RegisterRange } from "../device.ts";
import type { MapObject } from "../map-object.ts";
import { parseDescription, Problems } from "../map-object.ts";
import type { SiteFacts } from "../site-map.ts";
import { readSiteFacts } from "../site-map.ts";
import type { MapPoint, PollClass } from "./map-point.ts";
import { readFunction, readPoint } from "./map-point.ts";
import { ORDERS } from "../raw-value.ts";

/** A register map as a site describes it: README.md says what each field means. */
export interface RegisterMap {
  readonly facts: SiteFacts;
  /** How often the points of each class are read (milliseconds). */
  readonly pollMs: Readonly<Record<PollClass, number>>;
  readonly limits: RegisterLimits;
  readonly points: readonly MapPoint[];
}

/** Reads a map's text; `problems` says everything that is wrong with it, and the map is null then. */
export function parseMap(text: string): {
  readonly map: RegisterMap | null;
  readonly problems: readonly string[];
} {
  const problems = new Problems();
  if (text.trim() === "") {
    problems.add("", "it is empty", "Write a register map, see README.md of generic-modbus");
    return { map: null, problems: problems.list };
  }
  const top = parseDescription(text, problems);
  const map = top && readMap(top);
  return problems.isEmpty ? { map, problems: [] } : { map: null, problems: problems.list };
}

/** A map that comes with a driver. Throws TypeError when it cannot be used: then it is the driver that is wrong. */
export function needMap(description: object): RegisterMap {
  const { map, problems } = parseMap(JSON.stringify(description));
  if (map === null) {
    throw new TypeError(`Cannot use register map: ${problems.join(" ")}`);
  }
  return map;
}

function readMap(top: MapObject): RegisterMap {
  const facts = readSiteFacts(top);
  const base = top.whole("addressBase", { low: 0, high: 1 });
  const wordOrder = top.choice("wordOrder", ORDERS, "high-first");
  const byteOrder = top.choice("byteOrder", ORDERS, "high-first");
  const pollMs = readPollMs(top);
  const limits = readLimits(top, base);
  const points = top
    .objects("points", { low: 1, high: POINTS_MAX })
    .map((point) => readPoint(point, { base, wordOrder, byteOrder, limits }));
  top.end();
  tellDoubles(top, points);
  return { facts, pollMs, limits, points };
}

function readPollMs(top: MapObject): RegisterMap["pollMs"] {
  const pollMs = top.object("pollMs");
  const rule = { low: POLL_MS_MIN, high: POLL_MS_MAX };
  const read = {
    fast: pollMs.whole("fast", rule, 1000),
    normal: pollMs.whole("normal", rule, 5000),
    slow: pollMs.whole("slow", rule, 60_000),
  };
  pollMs.end();
  return read;
}

function readLimits(top: MapObject, base: number): RegisterLimits {
  const registersMax = top.whole("largestBlock", { low: 1, high: REGISTERS_MAX }, REGISTERS_MAX);
  return {
    registersMax,
    bitsMax: WORD_BITS * registersMax,
    apart: top.flag("apart", false),
    inFlight: top.whole("inFlight", { low: 1, high: 16 }, 1),
    connections: top.whole("connections", { low: 1, high: 4 }, 1),
    forbidden: top
      .objects("forbidden", { low: 0, high: FORBIDDEN_MAX })
      .map((range) => readForbidden(range, base)),
  };
}

function readForbidden(range: MapObject, base: number): RegisterRange {
  const addresses = { low: base, high: ADDRESS_MAX + base };
  const first = range.whole("first", addresses);
  const last = range.whole("last", addresses);
  if (first > last) {
    range.problem("last", `${last} is before ${first}`, "Write first and last in this order");
  }
  const code = readFunction(range);
  range.end();
  return { function: code, first: first - base, last: last - base };
}

/** Two values of one device must differ in code or path, or nobody could tell them apart. */
function tellDoubles(top: MapObject, points: readonly MapPoint[]): void {
  const seen = new Set<string>();
  for (const [place, { values }] of points.entries()) {
    for (const { code, path } of values) {
      if (seen.has(`${code} ${path}`) && code !== "") {
        const write = "Write another code, or give each a path of its own, such as 1.1.2";
        top.problem(`points[${place}]`, `there are two values with the code "${code}"`, write);
      }
      seen.add(`${code} ${path}`);
    }
  }
}

const ADDRESS_MAX = 0xff_ff;
const REGISTERS_MAX = 125;
const WORD_BITS = 16;
/** Points and forbidden ranges of one map, at most. */
const POINTS_MAX = 500;
const FORBIDDEN_MAX = 50;
/** Paces from ten a second to one a day. */
const POLL_MS_MIN = 100;
const POLL_MS_MAX = 86_400_000;

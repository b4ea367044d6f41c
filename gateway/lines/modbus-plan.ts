import type { RegisterBlock, RegisterLimits } from "../devices/device.ts";
import { BITS_MAX, isBits, REGISTERS_MAX, replyDataBytes } from "./modbus-frames.ts";

/**
 * Which requests to send for the blocks that a device's driver wants. Blocks that lie near each other are read together, with the
 * gaps between them where that takes less time than another request. A block is never torn: all its words come from one reply.
 */

/** What one request costs (milliseconds): so much whatever it asks for, and so much for each byte of values. */
export interface RequestCost {
  readonly requestMs: number;
  readonly byteMs: number;
}

/** No request may hold what lies below `address` together with what lies from there on: the device has refused it. */
export interface RegisterCut {
  readonly function: RegisterBlock["function"];
  readonly address: number;
}

/** A request, and which of the wanted blocks (their places in the list) it reads. */
export interface PlannedRequest extends RegisterBlock {
  readonly holds: readonly number[];
}

export interface PlanOptions {
  readonly cost: RequestCost;
  readonly limits: RegisterLimits;
  readonly cuts?: readonly RegisterCut[];
}

/**
 * The requests that read every wanted block at the least cost. A block that must go alone (the profile says so, or the device has
 * refused what is in the middle of it) is a request of its own; the others are planned by dynamic programming in order of their
 * addresses, since an optimal plan never needs to interleave them. Blocks that may not be read are left out, see `unreadable`.
 */
export function planRequests(
  wanted: readonly RegisterBlock[],
  options: PlanOptions,
): PlannedRequest[] {
  const rows = wanted
    .map((block, place) => ({ ...block, place }))
    .filter((block) => mayRead(block, options.limits))
    .sort((a, b) => a.address - b.address || a.count - b.count);
  const goesAlone = ({ limits: { apart = false }, cuts = [] }: PlanOptions, row: Row): boolean =>
    apart || cuts.some((cut) => isCut(row, cut));
  return ([1, 2, 3, 4] as const)
    .flatMap((code) => {
      const { alone = [], together = [] } = Object.groupBy(
        rows.filter((row) => row.function === code),
        (row) => (goesAlone(options, row) ? "alone" : "together"),
      );
      return [...planAlone(alone), ...planRows(together, options)];
    })
    .sort((a, b) => a.function - b.function || a.address - b.address || a.count - b.count);
}

/** The first wanted block that the limits forbid to read, or undefined. */
export function unreadable(
  wanted: readonly RegisterBlock[],
  limits: RegisterLimits,
): RegisterBlock | undefined {
  return wanted.find((block) => !mayRead(block, limits));
}

/** True when one request may hold this block and nothing but it: it is not too long and touches nothing forbidden. */
export function mayRead(block: RegisterBlock, limits: RegisterLimits): boolean {
  const { function: code, address, count } = block;
  const countMax = isBits(code)
    ? Math.min(limits.bitsMax ?? BITS_MAX, BITS_MAX)
    : Math.min(limits.registersMax ?? REGISTERS_MAX, REGISTERS_MAX);
  return (
    Number.isSafeInteger(address) &&
    Number.isSafeInteger(count) &&
    address >= 0 &&
    count >= 1 &&
    count <= countMax &&
    address + count <= ADDRESSES &&
    !(limits.forbidden ?? []).some(
      (range) => range.function === code && range.first < address + count && range.last >= address,
    )
  );
}

/** True when a cut goes through this block. */
export function isCut(
  { function: code, address, count }: RegisterBlock,
  cut: RegisterCut,
): boolean {
  return cut.function === code && address < cut.address && cut.address < address + count;
}

/** What all requests of a plan take (milliseconds). */
export function planMs(requests: readonly RegisterBlock[], cost: RequestCost): number {
  return requests.reduce((sum, request) => sum + blockMs(request, cost), 0);
}

/** The cost on Modbus TCP: a round trip and a device that thinks outweigh any bytes, so as few requests as possible. */
export const TCP_COST: RequestCost = { requestMs: 1, byteMs: 0.0001 };

/** What the wire of a serial bus is like. */
export interface SerialWire {
  readonly framing: "rtu" | "ascii";
  /** Time of one character (milliseconds). */
  readonly charMs: number;
  /** Silence before each frame (milliseconds). */
  readonly gapMs: number;
  /** From the end of a request to the begin of its reply, beside that silence. @default 5 */
  readonly turnaroundMs?: number;
}

/** The cost on a serial bus: the characters of both frames, the silence before each, and the device's time to think. */
export function serialCost({ framing, charMs, gapMs, turnaroundMs = 5 }: SerialWire): RequestCost {
  const isRtu = framing === "rtu";
  const characters = isRtu ? RTU_CHARACTERS : ASCII_CHARACTERS;
  return {
    requestMs: characters * charMs + 2 * gapMs + turnaroundMs,
    byteMs: isRtu ? charMs : 2 * charMs,
  };
}

/** Request of 8 bytes; reply with unit, function, count and CRC. */
const RTU_CHARACTERS = 8 + 5;
/** Both frames with ":", two characters a byte, LRC and line end. */
const ASCII_CHARACTERS = 17 + 11;
const ADDRESSES = 0x1_00_00;

type Row = RegisterBlock & { readonly place: number };

/** A request for each block; those that are the same share one. */
function planAlone(rows: readonly Row[]): PlannedRequest[] {
  const same = Map.groupBy(rows, ({ address, count }) => `${address}+${count}`);
  return [...same.values()].map((held) => requestOf(held));
}

/** The best plan for the blocks of one function that may be read together, sorted. */
function planRows(rows: readonly Row[], options: PlanOptions): PlannedRequest[] {
  /** For the first so many rows: what they cost at least, and from which row on their last request goes. */
  const leastMs = [0];
  const lastBegin = [0];
  for (const [index, row] of rows.entries()) {
    let hull: RegisterBlock = row;
    let least = { ms: Infinity, begin: index };
    for (let begin = index; begin >= 0; begin -= 1) {
      const added = rows[begin] ?? row;
      hull = hullOf(hull, added);
      // What is not allowed now is not allowed when it grows either.
      if (!mayHold(hull, options)) {
        break;
      }
      const ms = (leastMs[begin] ?? 0) + blockMs(hull, options.cost);
      if (ms < least.ms) {
        least = { ms, begin };
      }
    }
    leastMs.push(least.ms);
    lastBegin.push(least.begin);
  }
  return requestsOf(rows, lastBegin);
}

function requestsOf(rows: readonly Row[], lastBegin: readonly number[]): PlannedRequest[] {
  const requests: PlannedRequest[] = [];
  for (let end = rows.length; end > 0; end = lastBegin[end] ?? 0) {
    requests.unshift(requestOf(rows.slice(lastBegin[end] ?? 0, end)));
  }
  return requests;
}

function requestOf(held: readonly Row[]): PlannedRequest {
  const hull = held.reduce<RegisterBlock>(hullOf, held[0] ?? NOTHING);
  const { function: code, address, count } = hull;
  return { function: code, address, count, holds: held.map(({ place }) => place) };
}

const NOTHING: RegisterBlock = { function: 3, address: 0, count: 0 };

/** Whether one request may hold all this. */
function mayHold(hull: RegisterBlock, { limits, cuts = [] }: PlanOptions): boolean {
  return mayRead(hull, limits) && !cuts.some((cut) => isCut(hull, cut));
}

/** The smallest block that holds both. */
function hullOf(a: RegisterBlock, b: RegisterBlock): RegisterBlock {
  const address = Math.min(a.address, b.address);
  const end = Math.max(a.address + a.count, b.address + b.count);
  return { function: a.function, address, count: end - address };
}

function blockMs(block: RegisterBlock, { requestMs, byteMs }: RequestCost): number {
  return requestMs + byteMs * replyDataBytes(block);
}

import { WardError } from "../gateway/errors.ts";
import { hasIndex, intersectionOf, isIndexSet, oneIndex, unionOf } from "../gateway/indices.ts";
import { isItem, isSource, itemProblem } from "../gateway/item-shape.ts";
import type { Item } from "../gateway/reading.ts";
import { CLASSES, TAKE_ITEMS_MAX } from "../gateway/reading.ts";
import type { TakeRef, WardMessage, WardTake } from "../gateway/rooms.ts";
import type { FlowMessage } from "./node-red.ts";

/** A message that carries items: readings of one take, one waveform or one notice, or several of them joined by a flow. */
export interface ItemMessage {
  readonly items: readonly Item[];
  readonly ward: WardMessage;
}

/** Items in one message, at most; a flow may have joined several. */
const ITEMS_MAX = 1000;
/** Takes in one message, at most, and so in one sealed batch. */
export const TAKES_MAX = 1000;

/**
 * Reads a message that must carry items. Anything in it may have been changed on the way, so each item must be well-formed
 * and its identity in `ward.takes`. Throws WardError `WARD_NODE_MESSAGE`.
 */
export function readItems(message: FlowMessage): ItemMessage {
  const ward = readWard(message);
  if (ward.sealed !== undefined) {
    throw refuse("it is already sealed", "Wire ward-seal to ward-outbox only");
  }
  const { payload } = message;
  if (!Array.isArray(payload) || payload.length === 0 || payload.length > ITEMS_MAX) {
    throw refuse(`its payload is not a list of 1 to ${ITEMS_MAX} readings`, WIRE_SOURCE);
  }
  checkItems(payload, ward);
  return { items: payload, ward };
}

/** The takes that remain when a message goes on with `items` only, each with the indices of those items. */
export function narrowTakes(takes: readonly WardTake[], items: readonly Item[]): WardTake[] {
  const present = presentIn(items);
  const narrowed: WardTake[] = [];
  for (const take of takes) {
    const indices = intersectionOf(take.indices, present.get(keyOf(take)) ?? 0);
    if (indices !== 0) {
      narrowed.push({ ...take, indices });
    }
  }
  return narrowed;
}

/** The indices of the items of each take, by its key. */
function presentIn(items: readonly Item[]): Map<string, number> {
  const present = new Map<string, number>();
  let last: Item | undefined;
  let indices = 0;
  for (const item of items) {
    if (last !== undefined && !isSameTake(last, item)) {
      addIndices(present, last, indices);
      indices = 0;
    }
    last = item;
    indices = unionOf(indices, oneIndex(item.index));
  }
  if (last !== undefined) {
    addIndices(present, last, indices);
  }
  return present;
}

function addIndices(present: Map<string, number>, item: Item, indices: number): void {
  const key = keyOf(item);
  present.set(key, unionOf(present.get(key) ?? 0, indices));
}

/** Items of one take usually follow each other: then its key need not be made for each. */
function isSameTake(a: TakeRef, b: TakeRef): boolean {
  return a.take === b.take && a.device === b.device && a.boot === b.boot;
}

/** Reads `msg.ward`. Throws WardError `WARD_NODE_MESSAGE` when it is not what the ward nodes put there. */
export function readWard({ ward }: FlowMessage): WardMessage {
  if (!isWard(ward)) {
    throw refuse("msg.ward is missing or was changed", WIRE_SOURCE);
  }
  return ward;
}

/** Names the take an item or a take record belongs to. */
export function keyOf(of: TakeRef): string {
  return `${of.device} ${of.boot} ${of.take}`;
}

/** All that is in the payload must be well-formed, and one of its takes' items. */
function checkItems(
  payload: readonly unknown[],
  ward: WardMessage,
): asserts payload is readonly Item[] {
  const { takes, refused } = ward;
  const kind = KINDS[ward.class];
  const known = takes.length > 1 ? new Map(takes.map((take) => [keyOf(take), take])) : null;
  let take = takes[0];
  let place = 0;
  for (const item of payload) {
    if (!isItem(item)) {
      throw refuse(`item ${place}: ${itemProblem(item)}`, WIRE_SOURCE);
    }
    if (item.kind !== kind) {
      const why = `item ${place} is a ${item.kind} in a message of class ${ward.class}`;
      throw refuse(why, WIRE_SOURCE);
    }
    if (refused === undefined) {
      if (take === undefined || !isSameTake(take, item)) {
        take = known?.get(keyOf(item));
      }
      if (take === undefined || !hasIndex(take.indices, item.index)) {
        throw refuse(
          `item ${place} is not one of its takes`,
          "Let nodes in between remove readings, never add or rename them",
        );
      }
    }
    place += 1;
  }
}

const WIRE_SOURCE = "Wire a ward source to it, and keep msg.ward and msg.payload on the way";
const KINDS = { notice: "notice", vital: "reading", trend: "reading", wave: "waveform" } as const;

function refuse(why: string, whatToDo: string): WardError {
  return new WardError("WARD_NODE_MESSAGE", `Cannot use message: ${why}. ${whatToDo}.`);
}

function isWard(ward: unknown): ward is WardMessage {
  return (
    isRecord(ward) &&
    CLASSES.some((name) => name === ward["class"]) &&
    isCount(ward["generation"]) &&
    Array.isArray(ward["takes"]) &&
    ward["takes"].length <= TAKES_MAX &&
    ward["takes"].every((take) => isTake(take) && take.class === ward["class"]) &&
    (ward["sealed"] === undefined || isSealed(ward["sealed"])) &&
    (ward["refused"] === undefined || Array.isArray(ward["refused"]))
  );
}

function isTake(take: unknown): take is WardTake {
  return (
    isRecord(take) &&
    isSource(take["device"], take["boot"]) &&
    isCount(take["take"]) &&
    CLASSES.some((name) => name === take["class"]) &&
    isCount(take["count"]) &&
    take["count"] >= 1 &&
    take["count"] <= TAKE_ITEMS_MAX &&
    isIndexSet(take["indices"], take["count"]) &&
    isCount(take["digest"])
  );
}

function isSealed(sealed: unknown): boolean {
  return isRecord(sealed) && typeof sealed["salt"] === "string" && isCount(sealed["items"]);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

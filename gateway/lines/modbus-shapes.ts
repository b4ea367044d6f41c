import type { RegisterBlock } from "../devices/device.ts";
import { isBits, replyDataBytes } from "./modbus-frames.ts";
import type { PlannedRequest, PlanOptions } from "./modbus-plan.ts";
import { isCut, mayRead } from "./modbus-plan.ts";

/**
 * What a reply says by itself about its request is unit, function and length: its *shape*. On a serial bus there is nothing else to tell
 * the reply to one request from the late reply to another, and on Modbus TCP there is only the device's word for the transaction
 * number. So no two requests of one shape may follow each other on a serial bus or be under way together on TCP. This file
 * finds orders and lengths in which they seldom want to.
 */

/** The shape of the reply to a request, for one unit. */
export function shapeOf(block: RegisterBlock): number {
  return block.function * SHAPES_EACH + replyDataBytes(block);
}

/**
 * A read of the same place with a reply of another length. Its values are not used. With another `turn` it has another length again, where
 * the block has room for that, so that the late reply to one probe is not taken for that of the next.
 */
export function probeOf(block: RegisterBlock, turn = 0): RegisterBlock {
  const { function: code, address } = block;
  const counts = (isBits(code) ? BIT_COUNTS : WORD_COUNTS).filter(
    (count) => shapeOf({ function: code, address, count }) !== shapeOf(block),
  );
  const inside = counts.filter((count) => count < block.count);
  const count = inside[turn % inside.length] ?? counts[0] ?? 1;
  return { function: code, address: Math.min(address, ADDRESSES - count), count };
}

/**
 * The request to send next: one of another shape than the last, of the shape that most of them have, so that not only one shape is left
 * over in the end. When all look like the last it is one of these.
 */
export function nextUnlike<Block extends RegisterBlock>(
  requests: readonly Block[],
  lastShape: number | undefined,
): Block | undefined {
  const counts = new Map<number, number>();
  for (const request of requests) {
    const shape = shapeOf(request);
    counts.set(shape, (counts.get(shape) ?? 0) + 1);
  }
  let best = requests[0];
  let bestCount = 0;
  for (const request of requests) {
    const shape = shapeOf(request);
    const count = counts.get(shape) ?? 0;
    if (shape !== lastShape && count > bestCount) {
      best = request;
      bestCount = count;
    }
  }
  return best;
}

/**
 * The same plan in which no request looks like one of the `window - 1` before it, going round and round: some read a register or a few
 * more than is wanted, where others are wanted beyond. That is cheaper than a probe, or than waiting.
 */
export function varied(
  requests: readonly PlannedRequest[],
  wanted: readonly RegisterBlock[],
  options: PlanOptions,
  window: number,
): PlannedRequest[] {
  const result = [...requests];
  for (const [place, request] of requests.entries()) {
    const near = result.filter((_, other) => {
      const before = (place - other + requests.length) % requests.length;
      return before > 0 && (before < window || requests.length - before < window) && other < place;
    });
    const taken = new Set(near.map(shapeOf));
    result[place] = unlike(request, taken, (wider) => isHarmless(wider, wanted, options));
  }
  return result;
}

/** Whether no request looks like one of the `window - 1` before it. */
export function areUnlike(requests: readonly RegisterBlock[], window: number): boolean {
  const shapes = requests.map(shapeOf);
  return shapes.every((shape, place) => {
    return !shapes.slice(Math.max(0, place - window + 1), place).includes(shape);
  });
}

/** The request, or the least wider one that looks like none of those taken; itself when there is none. */
function unlike(
  request: PlannedRequest,
  taken: ReadonlySet<number>,
  mayBe: (wider: RegisterBlock) => boolean,
): PlannedRequest {
  const step = isBits(request.function) ? 8 : 1;
  for (let steps = 0; steps <= taken.size; steps += 1) {
    const wider = { ...request, count: request.count + steps * step };
    if (steps > 0 && !mayBe(wider)) {
      break;
    }
    if (!taken.has(shapeOf(wider))) {
      return wider;
    }
  }
  return request;
}

/** Whether the last registers of a request may be read although nobody wants them: others beyond are wanted. */
function isHarmless(
  wider: RegisterBlock,
  wanted: readonly RegisterBlock[],
  { limits, cuts = [] }: PlanOptions,
): boolean {
  const end = wider.address + wider.count;
  return (
    limits.apart !== true &&
    mayRead(wider, limits) &&
    !cuts.some((cut) => isCut(wider, cut)) &&
    wanted.some((block) => block.function === wider.function && block.address >= end)
  );
}

/** More than any reply has bytes. */
const SHAPES_EACH = 1000;
/** Lengths of probes: one byte or word of values each more than the one before. */
const BIT_COUNTS: readonly number[] = [1, 9, 17, 25];
const WORD_COUNTS: readonly number[] = [1, 2, 3, 4];
const ADDRESSES = 0x1_00_00;

import { setTimeout as sleep } from "node:timers/promises";

import { numberAt, valueAt } from "../json-value.ts";
import type { RoomPlace } from "./room-place.ts";

/** A question whose answer is also the room's last report. */
export async function lastWords(room: RoomPlace, what: string, withinMs: number): Promise<unknown> {
  const answer = await room.child?.ask(what, withinMs).catch(() => null);
  if (answer !== null && answer !== undefined) {
    room.stats = answer;
  }
  return answer;
}

/** What is in the outbox is safe; this only lets the hub have the last seconds too when it is there. */
export async function drainOutbox(keeper: RoomPlace): Promise<void> {
  const until = performance.now() + DRAIN_MS;
  while (performance.now() < until) {
    const status = await lastWords(keeper, "outbox-status", DRAIN_MS);
    const waiting = Object.keys(valueAt(status, "classes") ?? {}).some(
      (name) => numberAt(status, "classes", name, "batches") > 0,
    );
    if (valueAt(status, "connected") !== true || !waiting) {
      return;
    }
    await sleep(DRAIN_LOOK_MS);
  }
}

/** Ends a room that nobody is to blame for: it is neither counted nor started again. */
export async function retire(room: RoomPlace, withinMs: number): Promise<void> {
  const { child } = room;
  room.child = null;
  room.ready = false;
  await child?.stop(withinMs);
}

const DRAIN_MS = 1000;
const DRAIN_LOOK_MS = 50;

import type { RoomChild } from "./room-child.ts";

/** What a room said of itself when it was ready. */
export type RoomFacts = Readonly<Record<string, string | number>>;

/** What the house knows of one room, over all its processes. */
export interface RoomPlace {
  child: RoomChild | null;
  ready: boolean;
  facts: RoomFacts;
  stats: unknown;
  restarts: number;
  startMs: number | null;
}

/** A room that has not been started yet. */
export function newPlace(): RoomPlace {
  return { child: null, ready: false, facts: {}, stats: null, restarts: 0, startMs: null };
}

import { WardError } from "../errors.ts";
import type { NoticeText, RoomName } from "../rooms.ts";

/** What the house tells about a room. */
export interface RoomEvent {
  readonly room: RoomName;
  readonly state: "starting" | "ready" | "gone";
  readonly pid: number;
  /** Why it is gone, in plain words. */
  readonly text: string;
}

/** What the house tells. */
export interface HouseEvents {
  room: [RoomEvent];
  notice: [NoticeText];
}

interface RoomEvents {
  on(event: "room", listener: (event: RoomEvent) => void): unknown;
  off(event: "room", listener: (event: RoomEvent) => void): unknown;
}

const START_MS = 120_000;

/**
 * Waits, over restarts, until a room is ready. Rejects with WardError `WARD_ROOM_START` when it has ended `tries` times, or
 * takes longer than two minutes.
 */
export function becomesReady(house: RoomEvents, name: RoomName, tries: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let ended = 0;
    const done = (): void => {
      clearTimeout(timer);
      house.off("room", look);
    };
    const fail = (why: string): void => {
      done();
      reject(new WardError("WARD_ROOM_START", `Cannot start the ${name}: ${why}.`));
    };
    const timer = setTimeout(() => fail(`not ready after ${START_MS / 1000} s`), START_MS);
    const look = ({ room, state, text }: RoomEvent): void => {
      if (room === name && state === "ready") {
        done();
        resolve();
      } else if (room === name && state === "gone") {
        ended += 1;
        if (ended >= tries) {
          fail(text);
        }
      }
    };
    house.on("room", look);
  });
}

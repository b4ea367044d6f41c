import type { Socket } from "node:net";

import type { RoomChild } from "./room-child.ts";
import type { RoomPlace } from "./room-place.ts";
import type { RoomName } from "../rooms.ts";
import { socketPair } from "../socket-pair.ts";

/** Which rooms talk to each other directly. */
const LINKS: readonly (readonly [RoomName, RoomName])[] = [
  ["bedside", "flowhost"],
  ["flowhost", "keeper"],
  ["flowhost", "listener"],
];

/** Gives a room a fresh link to every peer that is there; `linkable` says which room can take one now. */
export async function linkRoom(
  name: RoomName,
  linkable: (name: RoomName) => RoomChild | null,
): Promise<void> {
  for (const [a, b] of LINKS) {
    const left = linkable(a);
    const right = linkable(b);
    if ((a === name || b === name) && left !== null && right !== null) {
      const [near, far] = await socketPair();
      left.send({ t: "link", peer: b }, near);
      right.send({ t: "link", peer: a }, far);
    }
  }
}

/** A browser's connection goes from the listener to the flow host, from nobody else and to nobody else. */
export function handOver(
  from: RoomName,
  { child, ready }: Pick<RoomPlace, "child" | "ready">,
  socket: Socket | null,
): void {
  if (socket === null) {
    return;
  }
  if (from !== "listener" || child === null || !ready) {
    socket.destroy();
    return;
  }
  child.send({ t: "editor" }, socket);
}

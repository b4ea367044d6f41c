import { once } from "node:events";
import type { Socket } from "node:net";

import { WardError } from "./errors.ts";

/**
 * A browser's connection goes from the listener by way of main to the flow host. Main's process reads from a socket the
 * moment it gets it, so nothing may be sent on it before the flow host has it: the flow host says so with one byte.
 */
const READY_BYTE = 0x06;
const READY_MS = 5000;

/** The flow host has the socket. */
export function sayReady(socket: Socket): void {
  socket.write(Uint8Array.of(READY_BYTE));
}

/** Waits until the flow host has the other end. Rejects with WardError `WARD_EDITOR_AWAY`. */
export async function awaitReady(socket: Socket): Promise<Socket> {
  const signal = AbortSignal.timeout(READY_MS);
  try {
    await once(socket, "readable", { signal });
  } catch (error) {
    socket.destroy();
    throw new WardError("WARD_EDITOR_AWAY", "Cannot reach the editor: the flow is not running.", {
      cause: error,
    });
  }
  const bytes: unknown = socket.read(1);
  if (!Buffer.isBuffer(bytes) || bytes[0] !== READY_BYTE) {
    socket.destroy();
    throw new WardError("WARD_EDITOR_AWAY", "Cannot reach the editor: the flow is not running.");
  }
  return socket;
}

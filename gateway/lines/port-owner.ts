import { realpathSync } from "node:fs";

import { WardError } from "../errors.ts";

/**
 * Makes one line the only owner of a serial port in this process, under whatever name the port was given (links of
 * `/dev/serial/by-path/` are followed). Returns the act that gives the port back; calling it twice is harmless.
 * Other processes are kept out by the lock that the port is opened with. Throws WardError `WARD_PORT_TAKEN`.
 */
export function claimPort(path: string, owner: string): () => void {
  const port = realPath(path);
  const holder = claims.get(port);
  if (holder !== undefined) {
    throw new WardError(
      "WARD_PORT_TAKEN",
      `Cannot open port ${path}: it is already read as ${holder.owner}. Use one line for one port.`,
    );
  }
  const { promise: gone, resolve } = Promise.withResolvers<void>();
  const claim = { owner, gone };
  claims.set(port, claim);
  return () => {
    if (claims.get(port) === claim) {
      claims.delete(port);
      resolve();
    }
  };
}

/** Resolves when nobody owns the port any more, or after `waitMs`: a line that is just being closed is not in the way. */
export async function portFree(path: string, waitMs: number): Promise<void> {
  const holder = claims.get(realPath(path));
  if (holder !== undefined) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, waitMs);
    await Promise.race([holder.gone, promise]);
    clearTimeout(timer);
  }
}

interface Claim {
  readonly owner: string;
  readonly gone: Promise<void>;
}

const claims = new Map<string, Claim>();

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

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
  const claim = { owner };
  claims.set(port, claim);
  return () => {
    if (claims.get(port) === claim) {
      claims.delete(port);
    }
  };
}

const claims = new Map<string, { readonly owner: string }>();

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

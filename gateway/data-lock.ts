import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import { createServer, type Server } from "node:net";

import { WardError } from "./errors.ts";

/**
 * One gateway per data directory. The lock is an abstract UNIX socket: the kernel drops it with the process, so there is no
 * stale file after a power cut. Throws WardError `WARD_DATA_LOCKED`.
 */
export async function lockDataDirectory(directory: string): Promise<{ release(): void }> {
  const id = createHash("sha256").update(realpathSync(directory)).digest("hex").slice(0, 32);
  const server = createServer((socket) => socket.destroy());
  await listen(server, `\0wardgate-data-${id}`, directory);
  server.unref();
  return {
    release: () => {
      server.close();
    },
  };
}

function listen(server: Server, name: string, directory: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const message =
        cause.code === "EADDRINUSE"
          ? `Cannot use the data directory ${directory}: another gateway is running on it. Stop that one first.`
          : `Cannot lock the data directory ${directory}: ${cause.message}.`;
      reject(new WardError("WARD_DATA_LOCKED", message, { cause }));
    });
    server.listen(name, () => resolve());
  });
}

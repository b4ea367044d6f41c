import { connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import { WardError } from "../errors.ts";

/** A port of this machine that is free now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        resolve(typeof address === "object" && address !== null ? address.port : 0),
      );
    });
  });
}

/** Waits until somebody listens on a port of this machine, at most 10 seconds. */
export async function untilListening(port: number): Promise<void> {
  const until = performance.now() + LISTEN_MS;
  while (!(await isListening(port))) {
    if (performance.now() > until) {
      throw new WardError(
        "WARD_DEMO_PART",
        "Cannot start the demo's mosquitto: it does not listen.",
      );
    }
    await sleep(50);
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

const LISTEN_MS = 10_000;

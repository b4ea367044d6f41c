import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";

import { writeMosquittoConfig } from "../../provisioning/mosquitto.ts";

/** Debian's mosquitto, started from the shipped configuration. */
export interface RunningMosquitto {
  readonly gatewayPort: number;
  readonly hubPort: number;
  readonly pid: number;
  /** Everything it logged so far. */
  readonly log: readonly string[];
  /** Ends it (SIGTERM, or the signal given) and waits until it is gone. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export interface MosquittoStart {
  /** A broker directory as provisioning writes it. */
  readonly directory: string;
  readonly hubs: readonly string[];
  /** Give both to start again where it was. */
  readonly gatewayPort?: number;
  readonly hubPort?: number;
}

/** Path of the broker: Debian puts it where an ordinary user's PATH does not look. */
const MOSQUITTO = "/usr/sbin/mosquitto";

export async function startMosquitto(start: MosquittoStart): Promise<RunningMosquitto> {
  const gatewayPort = start.gatewayPort ?? (await freePort());
  const hubPort = start.hubPort ?? (await freePort());
  const config = await writeMosquittoConfig({ ...start, gatewayPort, hubPort });
  const child = spawn(MOSQUITTO, ["-c", config], { stdio: ["ignore", "ignore", "pipe"] });
  const log: string[] = [];
  await running(child, log);
  return {
    gatewayPort,
    hubPort,
    pid: child.pid ?? 0,
    log,
    async stop(signal = "SIGTERM") {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, "exit");
        child.kill(signal);
        await ended;
      }
    },
  };
}

async function running(child: ChildProcess, log: string[]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  child.once("error", reject);
  child.once("exit", () => reject(new Error(`mosquitto ended:\n${log.join("\n")}`)));
  if (child.stderr !== null) {
    createInterface({ input: child.stderr }).on("line", (line) => {
      log.push(line);
      if (line.endsWith(" running")) {
        resolve();
      }
    });
  }
  await promise;
}

/** mosquitto cannot choose a port itself, so one is borrowed from the system and given back at once. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  if (address === null || typeof address === "string") {
    throw new Error("no port");
  }
  return address.port;
}

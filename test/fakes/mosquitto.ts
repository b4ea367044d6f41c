import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface, type Interface } from "node:readline";

import { writeMosquittoConfig } from "../../provisioning/mosquitto.ts";

/** Debian's mosquitto, started from the shipped configuration. */
export interface RunningMosquitto {
  readonly gatewayPort: number;
  readonly hubPort: number;
  readonly pid: number;
  /** Everything it logged so far. */
  readonly log: readonly string[];
  /** Makes it read its certificates and lists again (SIGHUP). */
  reload(): Promise<void>;
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
    async reload() {
      const read = logged(child, / Reloading config/);
      child.kill("SIGHUP");
      await read;
    },
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
  const { promise, reject } = Promise.withResolvers<never>();
  child.once("error", reject);
  child.once("exit", () => reject(new Error(`mosquitto ended:\n${log.join("\n")}`)));
  lines(child).on("line", (line) => log.push(line));
  await Promise.race([logged(child, / running$/), promise]);
}

async function logged(child: ChildProcess, what: RegExp): Promise<void> {
  const reader = lines(child);
  await new Promise<void>((resolve) => {
    reader.on("line", (line) => {
      if (what.test(line)) {
        resolve();
      }
    });
  });
}

function lines(child: ChildProcess): Interface {
  if (child.stderr === null) {
    throw new Error("mosquitto without stderr");
  }
  return createInterface({ input: child.stderr });
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

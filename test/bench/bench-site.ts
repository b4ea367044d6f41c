import { existsSync } from "node:fs";
import { createServer, connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import { ownCommand, Part } from "../../gateway/demo/child.ts";
import { WardError } from "../../gateway/errors.ts";
import { addConsole } from "../../provisioning/console.ts";
import { writeMosquittoConfig } from "../../provisioning/mosquitto.ts";
import { makeSite, type Site } from "../../provisioning/site.ts";
import { Program } from "./program.ts";

export const GATEWAY = "bench-gateway";
export const HUB = "hub-bench";
export const BROKER_NAME = "broker.bench";

/** What both ways are measured on: one authority, one broker, and a counting proxy before the gateways' port. */
export interface BenchSite {
  readonly site: Site;
  readonly brokerKind: "mosquitto" | "embedded";
  readonly brokerPid: number;
  readonly hubPort: number;
  readonly proxy: Program;
  readonly proxyPort: number;
  /** Aborted when the bench is to end early: whoever measures then throws. */
  readonly signal: AbortSignal;
  close(): Promise<void>;
}

/** mosquitto where Debian puts it; an ordinary user's PATH does not lead there. */
export const MOSQUITTO = "/usr/sbin/mosquitto";
const LISTEN_MS = 10_000;

export async function openBenchSite(directory: string, signal: AbortSignal): Promise<BenchSite> {
  const site = await makeSite({
    directory,
    gateway: GATEWAY,
    hub: HUB,
    brokerNames: [BROKER_NAME],
  });
  await addConsole(site.gatewayDirectory, ["localhost"]);
  const brokerKind = existsSync(MOSQUITTO) ? "mosquitto" : "embedded";
  const [gatewayPort, hubPort] = [await freePort(), await freePort()];
  const broker = new Part("broker", await brokerCommand(site, { gatewayPort, hubPort }));
  try {
    await untilListening(gatewayPort);
    const { program: proxy, ready } = await Program.start("counting-proxy.ts", String(gatewayPort));
    return {
      site,
      brokerKind,
      brokerPid: broker.pid,
      hubPort,
      proxy,
      proxyPort: Number(ready["port"]),
      signal,
      close: async () => {
        await proxy.stop();
        await broker.stop(3000);
      },
    };
  } catch (error) {
    await broker.stop(1000);
    throw error;
  }
}

async function brokerCommand(
  { brokerDirectory: directory }: Site,
  ports: { readonly gatewayPort: number; readonly hubPort: number },
): Promise<string[]> {
  if (existsSync(MOSQUITTO)) {
    return [MOSQUITTO, "-c", await writeMosquittoConfig({ directory, ...ports, hubs: [HUB] })];
  }
  const { gatewayPort, hubPort } = ports;
  return ownCommand(
    "broker",
    "--directory",
    directory,
    "--gateway-port",
    String(gatewayPort),
    "--hub-port",
    String(hubPort),
    "--json",
  );
}

/** mosquitto cannot choose a port itself, so one is borrowed from the system and given back at once. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        resolve(typeof address === "object" && address !== null ? address.port : 0),
      );
    });
  });
}

export async function untilListening(port: number): Promise<void> {
  const until = Date.now() + LISTEN_MS;
  while (!(await isListening(port))) {
    if (Date.now() > until) {
      throw new WardError("WARD_BENCH", "Cannot start the bench: its broker does not listen.");
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

import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Debian's ser2net, a device server in front of serial ports. */
export interface RunningSer2net {
  /** TCP port of each serial port, in their order. */
  readonly ports: readonly number[];
  stop(): Promise<void>;
}

export interface ServedPort {
  /** Path of the serial port. */
  readonly path: string;
  /** Whether its settings can be changed over the network (RFC 2217); else its bytes come as they are. */
  readonly isRemote: boolean;
  /** TCP port. @default any free one */
  readonly port?: number;
}

/** Path of the server: Debian puts it where an ordinary user's PATH does not look. */
const SER2NET = "/usr/sbin/ser2net";

/** Starts it; every port is 9600 8N1 until somebody sets it otherwise. */
export async function startSer2net(served: readonly ServedPort[]): Promise<RunningSer2net> {
  const ports = await Promise.all(served.map(async ({ port }) => port ?? (await freePort())));
  const echoPort = await freePort();
  const config = join(tmpdir(), `ward-ser2net-${process.pid}-${echoPort}.yaml`);
  const lines = served.flatMap(({ path, isRemote }, place) => [
    `connection: &port${place}`,
    `  accepter: ${isRemote ? "telnet(rfc2217)," : ""}tcp,127.0.0.1,${ports[place]}`,
    `  connector: serialdev,${path},9600n81,local`,
  ]);
  lines.push("connection: &ready", `  accepter: tcp,127.0.0.1,${echoPort}`, "  connector: echo");
  writeFileSync(config, `${lines.join("\n")}\n`);
  // In the foreground, without the lock files of old programs.
  const child = spawn(SER2NET, ["-n", "-u", "-c", config], { stdio: "ignore" });
  const ended = once(child, "exit");
  const failed = ended.then(() => Promise.reject(new Error("ser2net ended")));
  failed.catch(() => undefined);
  await Promise.race([answers(echoPort), failed]);
  return {
    ports,
    async stop() {
      child.kill("SIGTERM");
      await ended;
      rmSync(config);
    },
  };
}

/** Resolves when somebody listens on a port. */
async function answers(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    const isOpen = await Promise.race([
      once(socket, "connect").then(() => true),
      once(socket, "close").then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (isOpen) {
      return;
    }
    await sleep(50);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

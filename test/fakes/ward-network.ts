import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";

/**
 * A ward's network in namespaces of the kernel: a device behind the box, the box as its router with a container on a bridge, and
 * everybody else. Addresses of IPv4 and IPv6; the box forwards.
 */
export class WardNetwork {
  readonly #names: Readonly<Record<Place, string>>;
  readonly #children = new Set<ChildProcess>();

  private constructor(names: Readonly<Record<Place, string>>) {
    this.#names = names;
  }

  /** Makes the network, and takes it away when the test is over. */
  static open(t: TestContext): WardNetwork {
    const mark = `w${process.pid}-${count++}`;
    const network = new WardNetwork({
      device: `${mark}-device`,
      box: `${mark}-box`,
      world: `${mark}-world`,
      container: `${mark}-container`,
    });
    t.after(() => network.close());
    const { device, box, world, container } = network.#names;
    for (const name of [device, box, world, container]) {
      ip("netns", "add", name);
      ip("-n", name, "link", "set", "lo", "up");
    }
    join({ name: device, link: "ward0" }, { name: box, link: "eth1" });
    join({ name: world, link: "world0" }, { name: box, link: "eth0" });
    join({ name: container, link: "inner0" }, { name: box, link: "br-0123456789ab" });
    for (const [name, link, addresses] of [
      [device, "ward0", ["10.20.0.7/24", "10.20.0.8/24", "fd20::7/64"]],
      [box, "eth1", ["10.20.0.1/24", "fd20::1/64"]],
      [box, "eth0", ["10.1.0.1/24", "fd01::1/64"]],
      [world, "world0", ["10.1.0.5/24", "fd01::5/64"]],
      [box, "br-0123456789ab", ["172.17.0.1/16"]],
      [container, "inner0", ["172.17.0.2/16"]],
    ] as const) {
      for (const address of addresses) {
        const noWait = address.includes(":") ? ["nodad"] : [];
        ip("-n", name, "addr", "add", address, "dev", link, ...noWait);
      }
      ip("-n", name, "link", "set", link, "up");
    }
    ip("-n", device, "route", "add", "default", "via", "10.20.0.1");
    ip("-n", device, "-6", "route", "add", "default", "via", "fd20::1");
    ip("-n", world, "route", "add", "default", "via", "10.1.0.1");
    ip("-n", container, "route", "add", "default", "via", "172.17.0.1");
    ip("-n", world, "-6", "route", "add", "default", "via", "fd01::1");
    network.run("box", "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward");
    network.run("box", "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
    return network;
  }

  /** Runs a program in a place to its end; returns what it printed. */
  run(place: Place, program: string, ...args: readonly string[]): string {
    return ip("netns", "exec", this.#names[place], program, ...args);
  }

  /** Starts a program in a place; it is ended with the network. */
  start(place: Place, program: string, ...args: readonly string[]): ChildProcess {
    const child = spawn("ip", ["netns", "exec", this.#names[place], program, ...args], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#children.add(child);
    child.once("exit", () => this.#children.delete(child));
    return child;
  }

  /** Something that answers in a place: `tcp` and `udp` on a port, both families; `heard` counts what came. */
  async listen(place: Place, protocol: "tcp" | "udp", port: number): Promise<Ear> {
    const child = this.start(
      place,
      process.execPath,
      "-e",
      protocol === "tcp" ? TCP_EAR : UDP_EAR,
      String(port),
    );
    const ear: Ear = { heard: 0 };
    const lines = createInterface({ input: child.stdout ?? process.stdin });
    lines.on("line", () => (ear.heard += 1));
    await once(lines, "line");
    ear.heard = 0;
    return ear;
  }

  /** Connects from a place; true when it is answered, however long that takes. */
  async reaches(place: Place, host: string, port: number): Promise<boolean> {
    return this.#connects(place, { host, port, waitMs: REACHED_MS });
  }

  /** Tries to connect from a place for a short while; true when nobody answers. */
  async isShut(place: Place, host: string, port: number): Promise<boolean> {
    return !(await this.#connects(place, { host, port, waitMs: SHUT_MS }));
  }

  async #connects(
    place: Place,
    {
      host,
      port,
      waitMs,
    }: { readonly host: string; readonly port: number; readonly waitMs: number },
  ): Promise<boolean> {
    const args = ["-e", TCP_TRY, host, String(port), String(waitMs)];
    const [code] = (await once(this.start(place, process.execPath, ...args), "exit")) as [unknown];
    return code === 0;
  }

  close(): void {
    this.#children.forEach((child) => child.kill("SIGKILL"));
    Object.values(this.#names).forEach((name) => spawnSync("ip", ["netns", "del", name]));
  }
}

export type Place = "device" | "box" | "world" | "container";

export interface Ear {
  heard: number;
}

let count = 0;
const REACHED_MS = 30_000;
const SHUT_MS = 700;

const TCP_EAR = `
const server = require("net").createServer((socket) => { console.log("came"); socket.on("error", () => {}); socket.pipe(socket); });
server.listen({ port: Number(process.argv[1]), host: "::" }, () => console.log("ready"));`;
const UDP_EAR = `
const socket = require("dgram").createSocket("udp6");
socket.on("message", () => console.log("came"));
socket.bind(Number(process.argv[1]), "::", () => console.log("ready"));`;
const TCP_TRY = `
const [, host, port, wait] = process.argv;
setTimeout(() => process.exit(1), Number(wait));
const socket = require("net").connect({ host, port: Number(port) });
socket.on("error", () => process.exit(1));
socket.on("connect", () => process.exit(0));`;

/** Why this machine cannot make such a network, or null. */
export function noNetworkBecause(): string | null {
  if (process.getuid?.() !== 0) {
    return "needs root, to make network namespaces";
  }
  for (const program of ["ip", "nft", "setpriv"]) {
    if (spawnSync("sh", ["-c", `PATH=$PATH:/usr/sbin:/sbin command -v ${program}`]).status !== 0) {
      return `${program} is missing: apt-get install iproute2 nftables util-linux`;
    }
  }
  const name = `w${process.pid}-try`;
  try {
    ip("netns", "add", name);
    ip("netns", "exec", name, "nft", "add", "table", "inet", "try");
    return null;
  } catch (error) {
    return `this machine makes no network namespaces with nftables (${String(error)})`;
  } finally {
    spawnSync("ip", ["netns", "del", name]);
  }
}

function join(a: { name: string; link: string }, b: { name: string; link: string }): void {
  const far = ["peer", "name", b.link, "netns", b.name];
  ip("link", "add", a.link, "netns", a.name, "type", "veth", ...far);
}

function ip(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync("ip", [...args], { encoding: "utf8" });
  if (status !== 0) {
    throw new Error(`ip ${args.join(" ")}: ${stderr}`);
  }
  return stdout;
}

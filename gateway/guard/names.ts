import { lookup } from "node:dns/promises";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";

import type { Endpoint } from "../lines/line-places.ts";

type Lookup = (host: string) => Promise<readonly string[]>;

/**
 * The addresses of hosts that settings give by name. They are asked for again and again, and an address that a name had lately
 * stays good for a while: name services give them in turns.
 */
export class HostNames {
  readonly #lookup: Lookup;
  readonly #known = new Map<string, Map<string, number>>();

  constructor(look: Lookup = systemLookup) {
    this.#lookup = look;
  }

  /** Asks for all names; `now` is monotonic milliseconds. Never rejects: what has no answer keeps what it had. */
  async refresh(hosts: readonly string[], now: number): Promise<void> {
    const names = new Set(hosts.filter((host) => isIP(host) === 0));
    for (const name of this.#known.keys()) {
      if (!names.has(name)) {
        this.#known.delete(name);
      }
    }
    await Promise.all([...names].map((name) => this.#refreshOne(name, now)));
  }

  /** The addresses of a host; an address is its own. */
  readonly of = (host: string): readonly string[] =>
    isIP(host) > 0 ? [host] : [...(this.#known.get(host)?.keys() ?? [])];

  /** The name by which the settings know an address, or "". */
  nameOf(address: string): string {
    for (const [name, addresses] of this.#known) {
      if (addresses.has(address)) {
        return name;
      }
    }
    return "";
  }

  async #refreshOne(name: string, now: number): Promise<void> {
    const before = this.#known.get(name) ?? new Map<string, number>();
    const found = await this.#lookup(name).catch(() => null);
    if (found === null) {
      return;
    }
    const fresh = found.filter((address) => isIP(address) > 0 && !address.includes("%"));
    const kept = [...before].filter(([, at]) => now - at < KEPT_MS);
    const all = new Map([...kept, ...fresh.map((address) => [address, now] as const)]);
    // The latest ones where there are too many.
    this.#known.set(name, new Map([...all].slice(-ADDRESSES_MAX)));
  }
}

/** The name servers of this machine, whom it may always ask. */
export function nameServers(path: string = "/etc/resolv.conf"): Endpoint[] {
  let text = "";
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return [];
  }
  const servers = [...text.matchAll(/^nameserver\s+([0-9a-fA-F.:]+)\s*$/gm)];
  return servers.flatMap(([, host = ""]) =>
    isIP(host) === 0
      ? []
      : [
          { protocol: "udp", host, port: 53 },
          { protocol: "tcp", host, port: 53 },
        ],
  );
}

async function systemLookup(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true });
  return found.map(({ address }) => address);
}

const ADDRESSES_MAX = 32;
const KEPT_MS = 3_600_000;

import { isIP } from "node:net";

/** Somebody who began what nobody has allowed. */
export interface Sighting {
  /** `ward`: a device, or somebody who reaches for one; it was dropped. `own`: the box itself. */
  readonly side: "ward" | "own";
  readonly from: string;
  readonly to: string;
  /** `tcp`, `udp`, `icmp`, ... */
  readonly protocol: string;
  /** Null where the protocol has none. */
  readonly port: number | null;
  /** As long as the kernel remembers it. */
  readonly packets: number;
}

/** A device's addresses, as its packets carry them. */
export interface Neighbour {
  readonly address: string;
  readonly hardware: string;
}

/** What the guard's table holds. */
export interface TableView {
  readonly sightings: readonly Sighting[];
  readonly neighbours: readonly Neighbour[];
  /** The rules as they stand, to compare: it changes when anybody changes them. */
  readonly rules: string;
}

/** Reads `nft -j list table`. What is not as expected is left out: packets of strangers stand behind it. */
export function readTable(json: unknown): TableView {
  const entries = fieldOf(json, "nftables");
  const sightings: Sighting[] = [];
  const neighbours = new Map<string, Neighbour & { readonly expires: number }>();
  const rules: unknown[] = [];
  const places: string[] = [];
  for (const entry of Array.isArray(entries) ? entries : []) {
    const set = fieldOf(entry, "set");
    if (set === undefined) {
      rules.push(entry);
      continue;
    }
    const name = String(fieldOf(set, "name"));
    for (const element of elementsOf(set)) {
      if (/^seen[46]$/.test(name)) {
        for (const neighbour of neighbourOf(element)) {
          // The table remembers those before as well: whose packets came last has the longest to go.
          const other = neighbours.get(neighbour.address);
          if (other === undefined || other.expires < neighbour.expires) {
            neighbours.set(neighbour.address, neighbour);
          }
        }
      } else if (/^(ward|own)(_other)?[46]$/.test(name)) {
        sightings.push(...sightingOf(name.startsWith("own") ? "own" : "ward", element));
      } else {
        places.push(JSON.stringify([name, ...element.values]));
      }
    }
  }
  const known = [...neighbours.values()].map(({ address, hardware }) => ({ address, hardware }));
  const told = JSON.stringify([rules, places.toSorted()], inOneOrder);
  return { sightings, neighbours: known, rules: told };
}

interface Element {
  readonly values: readonly unknown[];
  readonly packets: number;
  /** Seconds until the kernel forgets it. */
  readonly expires: number;
}

function elementsOf(set: unknown): Element[] {
  const found = fieldOf(set, "elem");
  return (Array.isArray(found) ? found : []).map((given: unknown) => {
    const counted = fieldOf(given, "elem") ?? { val: given };
    const values = fieldOf(fieldOf(counted, "val"), "concat");
    const packets = fieldOf(fieldOf(counted, "counter"), "packets");
    const expires = fieldOf(counted, "expires");
    return {
      values: Array.isArray(values) ? values : [],
      packets: typeof packets === "number" ? packets : 0,
      expires: typeof expires === "number" ? expires : 0,
    };
  });
}

function sightingOf(
  side: Sighting["side"],
  { values: [from, to, protocol, port], packets }: Element,
): Sighting[] {
  if (!isAddress(from) || !isAddress(to)) {
    return [];
  }
  const name = String(protocol).toLowerCase();
  const isPort = Number.isSafeInteger(port) && Number(port) >= 0 && Number(port) <= 65_535;
  return [
    {
      side,
      from,
      to,
      protocol: /^[a-z0-9-]{1,16}$/.test(name) ? name : "unknown",
      port: isPort ? Number(port) : null,
      packets,
    },
  ];
}

/** The kernel may tell the elements of a set in another order each time. */
function inOneOrder(name: string, value: unknown): unknown {
  return name === "set" && Array.isArray(value)
    ? value.map((element) => JSON.stringify(element)).toSorted()
    : value;
}

function neighbourOf({
  values: [address, hardware],
  expires,
}: Element): (Neighbour & { readonly expires: number })[] {
  return isAddress(address) && typeof hardware === "string" && HARDWARE.test(hardware)
    ? [{ address, hardware, expires }]
    : [];
}

function isAddress(value: unknown): value is string {
  return typeof value === "string" && isIP(value) > 0;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}

const HARDWARE = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/;

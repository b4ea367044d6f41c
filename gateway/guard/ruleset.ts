import { isIPv6 } from "node:net";

import { parseNetwork } from "../identity/network-rules.ts";
import type { Endpoint } from "../lines/line-places.ts";
import { type GuardPolicy, THE_BOX } from "./policy.ts";

/** The addresses of a host. */
type AddressesOf = (host: string) => readonly string[];

/** The guard's own table: it leaves all others alone, and none of them can let through what it drops. */
export const TABLE = "inet ward";

/**
 * The rules for nft, as text. They replace those before in one transaction: there is no moment without rules. Everything in
 * them was checked before (names of interfaces, addresses, ports), so that no text of anybody becomes a rule.
 *
 * What devices begin is judged before routing, so that also what leads nowhere is seen. `addresses` gives those of a host; a host
 * without any gets no rule.
 */
export function renderRules(policy: GuardPolicy, addresses: AddressesOf): string {
  const { wardInterfaces, own } = policy;
  const ward = wardInterfaces.map((name) => `"${name}"`).join(", ");
  const reads = elementsOf(policy.reads, addresses);
  const calls = elementsOf([...policy.reads, ...own.calls], addresses);
  return `table ${TABLE}
delete table ${TABLE}
table ${TABLE} {
${[...dynamicSets("ward"), ...dynamicSets("own"), ...seenSets()].join("\n")}
${[...endpointSets("read", reads), ...endpointSets("call", calls)].join("\n")}
  chain replies {
    ct direction reply ct state established accept
    ct state related meta l4proto { icmp, ipv6-icmp } accept
  }
${tellChain("ward", "drop")}
${tellChain("own", own.unlisted === "drop" ? "drop" : "accept")}
  chain to_many {
    ip daddr 224.0.0.0/4 accept
    ip6 daddr ff00::/8 accept
    fib daddr type broadcast accept
  }
  chain allowed {
${indented(allowRules(policy, addresses))}
  }
  chain box_hears {
    icmp type echo-request accept
    icmpv6 type { echo-request, nd-router-solicit, ${ND_TYPES} } accept
    meta l4proto igmp accept
${indented(hearsRules(policy, addresses))}
  }
  chain hush {
    jump box_hears
    drop
  }
  chain from_device {
    jump replies
    jump allowed
    goto tell_ward
  }
  chain to_device {
    jump replies
    jump allowed
    goto tell_ward
  }
  chain box_to_device {
    icmp type echo-request accept
    icmpv6 type { echo-request, nd-router-advert, ${ND_TYPES} } accept
    jump to_many
    ip daddr . meta l4proto . th dport @read4 accept
    ip6 daddr . meta l4proto . th dport @read6 accept
${indented(answersRules(policy))}
    goto to_device
  }
  chain from_box {
    jump replies
    icmpv6 type { nd-router-solicit, ${ND_TYPES} } accept
    meta l4proto igmp accept
    fib daddr type local accept
    jump to_many
    udp dport { 67, 547 } accept
    ip daddr . meta l4proto . th dport @call4 accept
    ip6 daddr . meta l4proto . th dport @call6 accept
    goto tell_own
  }
${ward === "" ? BESIDE : inPath(ward)}
}
`;
}

/**
 * A box that is the router of its devices. Judged is what comes from them, what goes to them, and what the box and its
 * containers begin; nothing else is forwarded. Broadcasts of devices that nobody needs are dropped without a word: all devices make some.
 */
function inPath(ward: string): string {
  return `  chain prerouting {
    type filter hook prerouting priority mangle; policy accept;
    iifname != { ${ward} } accept
    iiftype ether update @seen4 { ip saddr . ether saddr }
    iiftype ether update @seen6 { ip6 saddr . ether saddr }
    fib daddr type { local, broadcast } jump box_hears
    ip daddr 224.0.0.0/4 goto hush
    ip6 daddr ff00::/8 goto hush
    fib daddr type broadcast drop
    goto from_device
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    iifname { ${ward} } goto from_device
    iifname { ${CONTAINERS} } oifname { ${ward} } goto box_to_device
    oifname { ${ward} } goto to_device
    iifname { ${CONTAINERS} } oifname { ${CONTAINERS} } accept
    iifname { ${CONTAINERS} } goto from_box
    oifname { ${CONTAINERS} } jump replies
  }
  chain output {
    type filter hook output priority filter; policy accept;
    oifname "lo" accept
    oifname { ${ward} } goto box_to_device
    oifname { ${CONTAINERS} } accept
    goto from_box
  }`;
}

/** Bridges of containers on a box, by Docker and by balena's engine: what comes from them is the box's own, and what goes to them stays in it. */
const CONTAINERS = '"docker0", "balena0", "supervisor0", "br-*"';
/** What IPv6 needs to find neighbours. A device is no router: it may not advertise itself as one. */
const ND_TYPES =
  "nd-neighbor-solicit, nd-neighbor-advert, mld-listener-report, mld2-listener-report";

/** A box that devices do not depend on: only what it begins itself is looked at. */
const BESIDE = `  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname { ${CONTAINERS} } oifname != { ${CONTAINERS} } goto from_box
  }
  chain output {
    type filter hook output priority filter; policy accept;
    oifname { "lo", ${CONTAINERS} } accept
    goto from_box
  }`;

/** Whoever goes here is not allowed: what begins something is remembered, and the rest only dropped. */
function tellChain(side: "ward" | "own", verdict: "drop" | "accept"): string {
  const ported = "meta l4proto { tcp, udp, sctp, dccp, udplite }";
  const add = (family: 4 | 6, ip: "ip" | "ip6"): string[] => [
    `${ported} add @${side}${family} { ${ip} saddr . ${ip} daddr . meta l4proto . th dport counter } ${verdict}`,
    `meta l4proto != { tcp, udp, sctp, dccp, udplite } add @${side}_other${family} { ${ip} saddr . ${ip} daddr . meta l4proto counter } ${verdict}`,
  ];
  return `  chain tell_${side} {
    meta l4proto tcp tcp flags & (syn | ack) != syn ${verdict}
${indented([...add(4, "ip"), ...add(6, "ip6")])}
    ${verdict}
  }`;
}

function dynamicSets(side: "ward" | "own"): string[] {
  return [
    set(`${side}4`, "ip saddr . ip daddr . meta l4proto . th dport", FORGET),
    set(`${side}6`, "ip6 saddr . ip6 daddr . meta l4proto . th dport", FORGET),
    set(`${side}_other4`, "ip saddr . ip daddr . meta l4proto", FORGET),
    set(`${side}_other6`, "ip6 saddr . ip6 daddr . meta l4proto", FORGET),
  ];
}

function seenSets(): string[] {
  return [
    set("seen4", "ip saddr . ether saddr", FORGET),
    set("seen6", "ip6 saddr . ether saddr", FORGET),
  ];
}

function endpointSets(name: "read" | "call", { four, six }: Elements): string[] {
  return [
    set(`${name}4`, "ip daddr . meta l4proto . th dport", elementLine(four)),
    set(`${name}6`, "ip6 daddr . meta l4proto . th dport", elementLine(six)),
  ];
}

function set(name: string, type: string, more: string): string {
  return `  set ${name} { typeof ${type}; ${more}}`;
}

/** Bounded in the kernel: what finds no room is dropped all the same. */
const FORGET = "size 4096; flags dynamic,timeout; timeout 10m; ";

function elementLine(elements: readonly string[]): string {
  return elements.length === 0 ? "" : `elements = { ${elements.join(", ")} }; `;
}

interface Elements {
  readonly four: readonly string[];
  readonly six: readonly string[];
}

function elementsOf(endpoints: readonly Endpoint[], addresses: AddressesOf): Elements {
  const all = new Set(
    endpoints.flatMap(({ protocol, host, port }) =>
      addresses(host).map((address) => `${address} . ${protocol} . ${port}`),
    ),
  );
  const six = [...all].filter((element) => element.includes(":"));
  return { four: [...all].filter((element) => !element.includes(":")), six };
}

/** What the box itself hears of devices: those of UDP send by themselves to a port of it. */
function hearsRules({ reads, allow }: GuardPolicy, addresses: AddressesOf): string[] {
  const lines = reads
    .filter(({ protocol }) => protocol === "udp")
    .flatMap(({ host, port }) =>
      addresses(host).map(
        (address) => `${ipOf(address)} saddr ${address} udp dport ${port} accept`,
      ),
    );
  const allowed = allow
    .filter(({ to }) => to.host === THE_BOX)
    .map(
      ({ from, to: { protocol, port } }) =>
        `${sourceOf(parseNetwork(from))}${protocol} dport ${port} accept`,
    );
  return [...lines, ...allowed];
}

/** What the box hears by UDP it may answer, also where the kernel does not know it for an answer, as with DHCP. */
function answersRules({ allow }: GuardPolicy): string[] {
  return allow
    .filter(({ to }) => to.host === THE_BOX && to.protocol === "udp")
    .map(({ from, to: { port } }) => {
      const network = parseNetwork(from);
      const target =
        network === null
          ? ""
          : `${ipOf(network.address)} daddr ${network.address}/${network.bits} `;
      return `${target}udp sport ${port} accept`;
    });
}

function allowRules({ allow }: GuardPolicy, addresses: AddressesOf): string[] {
  return allow
    .filter(({ to }) => to.host !== THE_BOX)
    .flatMap(({ from, to: { protocol, host, port } }) => {
      const network = parseNetwork(from);
      return addresses(host)
        .filter((address) => network === null || isIPv6(address) === isIPv6(network.address))
        .map((address) => {
          const target = `${ipOf(address)} daddr ${address}`;
          return `${sourceOf(network)}${target} ${protocol} dport ${port} accept`;
        });
    });
}

function sourceOf(network: ReturnType<typeof parseNetwork>): string {
  return network === null
    ? ""
    : `${ipOf(network.address)} saddr ${network.address}/${network.bits} `;
}

function ipOf(address: string): "ip" | "ip6" {
  return isIPv6(address) ? "ip6" : "ip";
}

function indented(lines: readonly string[]): string {
  return lines.map((line) => `    ${line}`).join("\n");
}

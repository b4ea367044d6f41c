import { isIP } from "node:net";

import { parseLineUrl } from "../lines/line-url.ts";

/**
 * Who may talk to whom on the network, as the signed settings say it for the guard (gateway/guard). That the gateway may read its
 * lines, and call its broker and its bundles, needs no words here.
 */
export interface NetworkRules {
  /** Interfaces of the box behind which the devices are, when the box is their router: `eth1`. Empty: it is not in the path. */
  readonly wardInterfaces: readonly string[];
  /** What devices may begin by themselves. Everything else that they begin is dropped and told. */
  readonly allow: readonly AllowedFlow[];
  readonly own: {
    /** What becomes of a call of the box itself to somebody who is not listed: only told, or dropped and told. */
    readonly unlisted: "tell" | "drop";
    /** Whom the box may call: `tcp://host:port` or `udp://host:port`. Enrolment, names, time, the fleet's management. */
    readonly hosts: readonly string[];
  };
}

/** One thing that a device may begin by itself. */
export interface AllowedFlow {
  /** An address, a network (`10.20.0.0/24`), or `any`. */
  readonly from: string;
  /** `tcp://host:port` or `udp://host:port`; the host `gateway` is the box itself. */
  readonly to: string;
}

/** What is wrong with network rules, as the rest of a sentence; null when nothing is. */
export function networkProblem(value: unknown): string | null {
  if (!hasExactly(value, ["wardInterfaces", "allow", "own"])) {
    return "is not {wardInterfaces, allow, own}";
  }
  const { wardInterfaces, allow, own } = value;
  if (!isListOf(wardInterfaces, INTERFACES_MAX, isInterface)) {
    return `has wardInterfaces that are not up to ${INTERFACES_MAX} names such as "eth1"`;
  }
  if (!isListOf(allow, FLOWS_MAX, isAllowedFlow)) {
    return `has an allow that is not up to ${FLOWS_MAX} of {from: address, network or "any", to: "tcp://host:port"}`;
  }
  if (!hasExactly(own, ["unlisted", "hosts"])) {
    return "has an own that is not {unlisted, hosts}";
  }
  if (own["unlisted"] !== "tell" && own["unlisted"] !== "drop") {
    return 'has an own.unlisted that is neither "tell" nor "drop"';
  }
  return isListOf(own["hosts"], HOSTS_MAX, isEndpoint)
    ? null
    : `has own.hosts that are not up to ${HOSTS_MAX} of "tcp://host:port" or "udp://host:port"`;
}

/** An address and the length of its network in bits; null for a text that is none. */
export function parseNetwork(
  text: string,
): { readonly address: string; readonly bits: number } | null {
  const [address = "", bits, more] = text.split("/");
  const longest = { 0: 0, 4: 32, 6: 128 }[isIP(address)] ?? 0;
  const length = bits === undefined ? longest : /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
  const isRight = more === undefined && longest > 0 && length >= 0 && length <= longest;
  // A zone (fe80::1%eth0) means something on one machine only.
  return isRight && !address.includes("%") ? { address, bits: length } : null;
}

function isAllowedFlow(value: unknown): boolean {
  return (
    hasExactly(value, ["from", "to"]) &&
    typeof value["from"] === "string" &&
    (value["from"] === "any" || parseNetwork(value["from"]) !== null) &&
    isEndpoint(value["to"])
  );
}

function isEndpoint(value: unknown): boolean {
  if (typeof value !== "string" || value.length > ENDPOINT_LENGTH_MAX) {
    return false;
  }
  try {
    const { scheme } = parseLineUrl(value);
    return scheme === "tcp" || scheme === "udp";
  } catch {
    return false;
  }
}

function isInterface(value: unknown): boolean {
  return typeof value === "string" && /^[a-z][a-z0-9._-]{0,14}$/.test(value);
}

function isListOf(value: unknown, most: number, isRight: (entry: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length <= most && value.every(isRight);
}

function hasExactly(
  value: unknown,
  names: readonly string[],
): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === "object" &&
    value !== null &&
    Object.keys(value).length === names.length &&
    names.every((name) => Object.hasOwn(value, name))
  );
}

const INTERFACES_MAX = 16;
const FLOWS_MAX = 256;
const HOSTS_MAX = 64;
const ENDPOINT_LENGTH_MAX = 300;

import type { AllowedFlow, NetworkRules } from "../identity/network-rules.ts";
import type { SignedSettings } from "../identity/signed-settings.ts";
import { type Endpoint, lineEndpoint } from "../lines/line-places.ts";

/** What the signed settings of a box mean for its network: nothing else decides what the guard lets through. */
export interface GuardPolicy {
  /** Empty: the box is not in the path of its devices. */
  readonly wardInterfaces: readonly string[];
  /** Devices as the gateway reads them. A device of `udp` may also send by itself to this port of the box. */
  readonly reads: readonly Endpoint[];
  readonly allow: readonly { readonly from: string; readonly to: Endpoint }[];
  readonly own: {
    readonly unlisted: NetworkRules["own"]["unlisted"];
    readonly calls: readonly Endpoint[];
  };
}

/** The host that stands for the box itself in `allow`. */
export const THE_BOX = "gateway";

/** Reads the policy out of signed settings; null where these say nothing about the network. */
export function guardPolicy(settings: SignedSettings): GuardPolicy | null {
  const { network } = settings;
  if (network === undefined) {
    return null;
  }
  const reads = settings.lines.flatMap(lineEndpoint);
  return {
    wardInterfaces: network.wardInterfaces,
    reads,
    allow: network.allow.flatMap(({ from, to }: AllowedFlow) =>
      lineEndpoint(to).map((endpoint) => ({ from, to: endpoint })),
    ),
    own: {
      unlisted: network.own.unlisted,
      calls: [...ownCalls(settings), ...network.own.hosts.flatMap(lineEndpoint)],
    },
  };
}

/** Whom the gateway calls by its signed settings: the broker, and where bundles are published. */
function ownCalls({ broker, bundles }: Pick<SignedSettings, "broker" | "bundles">): Endpoint[] {
  const urls = [broker.url, ...(bundles?.url === undefined ? [] : [bundles.url])];
  return urls.map((url) => ({ protocol: "tcp", ...hostAndPort(url) }));
}

/** Host (without brackets) and port of an address of the web or of a broker. */
export function hostAndPort(url: string): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(url);
  const host = hostname.replaceAll(/[[\]]/g, "").toLowerCase();
  return { host, port: port === "" ? HTTPS_PORT : Number(port) };
}

const HTTPS_PORT = 443;

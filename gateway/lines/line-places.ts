import { parseLineUrl } from "./line-url.ts";

/** Where something can be reached on the network. */
export interface Endpoint {
  readonly protocol: "tcp" | "udp";
  /** A name or an address, lower case, without brackets. */
  readonly host: string;
  readonly port: number;
}

/** What a line leads to on the network; nothing for one that stays on this machine. Throws as `parseLineUrl` does. */
export function lineEndpoint(line: string): Endpoint[] {
  const url = parseLineUrl(line);
  return "host" in url
    ? [{ protocol: url.scheme === "udp" ? "udp" : "tcp", host: url.host, port: url.port }]
    : [];
}

/** What a line is on this machine: a port, or a socket that stands for one. Throws as `parseLineUrl` does. */
export function linePath(line: string): string[] {
  const url = parseLineUrl(line);
  return "host" in url ? [] : [url.path];
}

import { Socket as Datagrams } from "node:dgram";
import { isIP, Socket } from "node:net";

import { WardError } from "./errors.ts";
import type { NoticeText } from "./rooms.ts";

/** Whom a room may call: as its signed settings name it. */
export interface EgressRules {
  /** Hosts as they are named, lower case, and ports. */
  readonly tcp: readonly { readonly host: string; readonly port: number }[];
  readonly udp: readonly { readonly host: string; readonly port: number }[];
  /** Sockets of this machine. */
  readonly paths: readonly string[];
}

/** Word of the notice that tells of a refusal. */
export const EGRESS_NOTICE = "egress-refused";

/**
 * Has this process call nobody but those whom the rules name, whichever package asks for it: one gate under all of them, where
 * Node.js begins a connection. A call to somebody else gets an error and not a packet leaves. `tell` gets a notice, one for each place and
 * for so many places: whoever tries may try without end.
 *
 * The rules are asked for with each call, so that they may grow. It stops mistakes and whoever has got a package to call elsewhere; it
 * does not stop native code.
 */
export function limitEgress(rules: () => EgressRules, tell: (notice: NoticeText) => void): void {
  const told = new Set<string>();
  const refused = (to: string): WardError => {
    if (!told.has(to) && told.size < TOLD_MAX) {
      told.add(to);
      const text = `A part of this gateway was about to call ${to}, which its signed settings do not name. It was refused. Look whether the gateway runs what it should.`;
      tell({ device: "", notice: EGRESS_NOTICE, text, since: null });
    }
    return refusal(to);
  };
  const connect = methodOf(Socket.prototype, "connect");
  Reflect.set(Socket.prototype, "connect", function gate(this: Socket, ...args: unknown[]) {
    const to = destinationOf(args);
    if (mayConnect(rules(), to)) {
      return connect.apply(this, args);
    }
    const error = refused(textOf("tcp", to));
    // As a connection that fails: later, and by an error event.
    process.nextTick(() => this.destroy(error));
    return this;
  });
  const send = methodOf(Datagrams.prototype, "send");
  Reflect.set(Datagrams.prototype, "send", function gate(this: Datagrams, ...args: unknown[]) {
    const to = datagramDestination(args);
    if (maySend(rules(), to)) {
      return send.apply(this, args);
    }
    throw refused(textOf("udp", to));
  });
  // A connected datagram socket would send without saying where to; nobody here has one.
  Reflect.set(Datagrams.prototype, "connect", function gate(port: unknown, host: unknown) {
    const to = { host: String(host), port: Number(port), path: null };
    throw refused(textOf("udp", to));
  });
}

interface Destination {
  readonly host: string;
  readonly port: number;
  /** Null for a place on the network. */
  readonly path: string | null;
}

/** What `socket.connect` was called with: (options), (port, host), (path), or the list that Node.js itself makes of one of these. */
function destinationOf(args: readonly unknown[]): Destination {
  const [first, second] = args;
  if (Array.isArray(first)) {
    return destinationOf(first);
  }
  if (typeof first === "object" && first !== null) {
    const [path, host, port] = ["path", "host", "port"].map((name): unknown =>
      Reflect.get(first, name),
    );
    return typeof path === "string"
      ? { host: "", port: 0, path }
      : { host: hostOf(host), port: Number(port), path: null };
  }
  const isPort = typeof first === "number" || /^\d+$/.test(String(first));
  return isPort
    ? { host: hostOf(second), port: Number(first), path: null }
    : { host: "", port: 0, path: String(first) };
}

/** (message, port, host), or with offset and length before the port. */
function datagramDestination([, ...rest]: readonly unknown[]): Destination {
  const numbers = rest.findIndex((value) => typeof value !== "number");
  const place = numbers === -1 ? rest.length : numbers;
  const host = rest[place];
  return { host: hostOf(host), port: Number(rest[place - 1]), path: null };
}

function hostOf(value: unknown): string {
  return typeof value === "string" && value !== ""
    ? value.toLowerCase().replaceAll(/[[\]]/g, "")
    : "localhost";
}

function mayConnect({ tcp, paths }: EgressRules, { host, port, path }: Destination): boolean {
  return path === null
    ? tcp.some((known) => known.host === host && known.port === port)
    : paths.includes(path);
}

/** A datagram is sent to an address: that of a host which is named otherwise is known to the name service alone. */
function maySend({ udp }: EgressRules, { host, port }: Destination): boolean {
  return udp.some(
    (known) => known.port === port && (known.host === host || isIP(known.host) === 0),
  );
}

function textOf(protocol: "tcp" | "udp", { host, port, path }: Destination): string {
  const shown = host.slice(0, SHOWN_MAX).replaceAll(/[^a-z0-9.:-]/g, "-");
  return path === null
    ? `${protocol}://${shown.includes(":") ? `[${shown}]` : shown}:${port}`
    : `unix:${path.slice(0, SHOWN_MAX).replaceAll(/[^A-Za-z0-9./_-]/g, "-")}`;
}

function refusal(to: string): WardError {
  return new WardError(
    "WARD_EGRESS",
    `Cannot call ${to}: the signed settings of this gateway do not name it.`,
  );
}

/** What Node.js itself put there, to be called as it would be. */
function methodOf(
  prototype: object,
  name: string,
): { apply(self: object, args: readonly unknown[]): unknown } {
  const method: unknown = Reflect.get(prototype, name);
  if (typeof method !== "function") {
    throw new TypeError("Cannot limit whom this process calls: this Node.js has other methods.");
  }
  return { apply: (self, args) => Reflect.apply(method, self, args) };
}

const SHOWN_MAX = 150;
const TOLD_MAX = 32;

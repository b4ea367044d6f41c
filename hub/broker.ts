import { constants } from "node:crypto";
import type { Socket } from "node:net";
import {
  createSecureContext,
  createServer,
  type SecureContextOptions,
  type Server,
  type TLSSocket,
  type TlsOptions,
} from "node:tls";

import { Aedes, type Client } from "aedes";

import { errorText, WardError } from "../gateway/errors.ts";
import { Guests } from "../gateway/guests.ts";
import { PacketGuard } from "../gateway/mqtt/mqtt-packet-guard.ts";
import { singleLists } from "../gateway/mqtt/single-lists.ts";
import { isGatewayId } from "../gateway/reading.ts";
import { mayPublish, maySubscribe, type Peer } from "./broker-access.ts";
import type { BrokerIdentity } from "./broker-identity.ts";
import { stillCounts } from "./still-counts.ts";

/**
 * A small MQTT 3.1.1 broker inside this program, for demo and tests: one listener for gateways and one for hubs, each with
 * its own root, TLS 1.3 and client certificates. It keeps retained messages in memory and nothing else, so it may be
 * stopped at any time: gateways keep what is not receipted. A hospital runs mosquitto or a cluster instead.
 */
export interface BrokerOptions {
  readonly identity: BrokerIdentity;
  /** Address to listen on (default 127.0.0.1). */
  readonly host?: string;
  /** 0 lets the system choose. */
  readonly gatewayPort: number;
  readonly hubPort: number;
  /** Connections on each listener, at most (default 256): the oldest that has not shown a certificate makes room. */
  readonly connectionsMax?: number;
  /** Longest packet from a client (bytes; default 16 MiB). */
  readonly packetBytesMax?: number;
  /** Hears of clients that came, went or were refused. */
  readonly onEvent?: (event: BrokerEvent) => void;
}

export interface BrokerEvent {
  readonly kind: "joined" | "left" | "refused";
  readonly role: Peer["role"];
  /** The certificate's CN (not proven when refused), or "". */
  readonly name: string;
  /** One line, also where it quotes what a client has sent. */
  readonly text: string;
}

const ROLES = ["gateway", "hub"] as const;
const CONNECTIONS_MAX = 256;
const PACKET_BYTES_MAX = 16 * 2 ** 20;
/** Different subscriptions of one connection, at most. */
const FILTERS_MAX = 64;
/** TLS handshake, and then CONNECT, must each come within this (milliseconds). */
const HANDSHAKE_MS = 10_000;
/** A client must promise to be heard of this often (seconds). */
const KEEPALIVE_MAX_S = 300;
/** A subscriber that takes nothing for this long is cut (milliseconds). */
const DRAIN_MS = 30_000;
const CLOSE_MS = 2000;

export class EmbeddedBroker {
  readonly #aedes: Aedes;
  readonly #options: BrokerOptions;
  readonly #peers: WeakMap<Client, Peer> = new WeakMap();
  /** What each client has ever subscribed to. */
  readonly #filters: WeakMap<Client, Set<string>> = new WeakMap();
  readonly #guests = new Map<Peer["role"], Guests>();
  /** Raw and TLS sockets: one that never ends its handshake must not keep the broker from closing. */
  readonly #sockets: Set<Socket> = new Set();
  /** Who is in, by connection: new revocation lists may put them out. */
  readonly #seated = new Map<TLSSocket, Peer>();
  readonly #servers = new Map<Peer["role"], Server>();
  #gatewayPort = 0;
  #hubPort = 0;

  private constructor(options: BrokerOptions) {
    this.#options = options;
    this.#aedes = new Aedes({
      connectTimeout: HANDSHAKE_MS,
      keepaliveLimit: KEEPALIVE_MAX_S,
      drainTimeout: DRAIN_MS,
      authenticate: (client, _username, _password, done) => {
        // Answered with return code 5, "not authorized" (MQTT 3.1.1 section 3.2.2.3).
        done(null, this.#isWelcome(client));
      },
      authorizePublish: (client, { topic, retain, qos }, done) => {
        const peer = client === null ? undefined : this.#peers.get(client);
        // With QoS 2 a client that never releases what it has sent would have the broker keep it.
        const allowed = peer !== undefined && mayPublish(peer, topic, retain) && qos < 2;
        done(allowed ? null : this.#denied(client, `may not publish on ${errorText(topic)}`));
      },
      authorizeSubscribe: (client, subscription, done) => {
        done(null, this.#maySubscribe(client, subscription.topic) ? subscription : null);
      },
    });
  }

  /** Starts both listeners. @throws WardError `WARD_BROKER_LISTEN`, `WARD_IDENTITY_UNUSABLE` */
  static async open(options: BrokerOptions): Promise<EmbeddedBroker> {
    const broker = new EmbeddedBroker(options);
    await broker.#aedes.listen();
    try {
      broker.#gatewayPort = await broker.#listen("gateway", options.gatewayPort);
      broker.#hubPort = await broker.#listen("hub", options.hubPort);
    } catch (error) {
      await broker.close();
      throw error;
    }
    broker.#aedes.on("clientReady", (client) => broker.#tell("joined", client, "connected"));
    broker.#aedes.on("clientDisconnect", (client) => broker.#tell("left", client, "disconnected"));
    return broker;
  }

  get gatewayPort(): number {
    return this.#gatewayPort;
  }

  get hubPort(): number {
    return this.#hubPort;
  }

  /**
   * Takes a new certificate, roots and revocation lists without a restart, and cuts off whoever is revoked now.
   * @throws WardError `WARD_IDENTITY_UNUSABLE`; then all stays as it is
   */
  renew(identity: BrokerIdentity): void {
    const contexts = ROLES.map((role) => [role, contextOf(role, identity)] as const);
    // Tried on both before it is set on one.
    usable(() => contexts.forEach(([, context]) => createSecureContext(context)));
    contexts.forEach(([role, context]) => this.#servers.get(role)?.setSecureContext(context));
    for (const [socket, peer] of this.#seated) {
      const certificate = socket.getPeerX509Certificate();
      const [root, lists] = believed(peer.role, identity);
      if (certificate === undefined || !stillCounts(certificate, { root, lists })) {
        this.#options.onEvent?.({ kind: "refused", ...peer, text: "certificate: revoked now" });
        socket.destroy();
      }
    }
  }

  /** Cuts every connection and both listeners; resolves within 2 seconds. */
  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, CLOSE_MS);
    const closing = [...this.#servers.values()].map(async (server) => await closeServer(server));
    this.#aedes.close(() => resolve());
    await promise;
    clearTimeout(timer);
    for (const socket of this.#sockets) {
      socket.destroy();
    }
    await Promise.all(closing);
  }

  async #listen(role: Peer["role"], port: number): Promise<number> {
    const server = makeServer(role, this.#options.identity);
    this.#servers.set(role, server);
    const connections = this.#options.connectionsMax ?? CONNECTIONS_MAX;
    const guests = new Guests({ connections, perAddress: connections });
    this.#guests.set(role, guests);
    // The guests see to it that there are fewer; this only holds while closed ones have not gone yet.
    server.maxConnections = 2 * connections;
    server.on("connection", (socket) => {
      this.#keep(socket);
      guests.admit(socket);
    });
    server.on("secureConnection", (socket) => this.#accept(role, socket));
    server.on("tlsClientError", (error) => {
      this.#options.onEvent?.({ kind: "refused", role, name: "", text: errorText(error) });
    });
    const host = this.#options.host ?? "127.0.0.1";
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once("error", reject);
    server.listen({ host, port }, resolve);
    try {
      await promise;
    } catch (error) {
      throw new WardError(
        "WARD_BROKER_LISTEN",
        `Cannot listen on ${host}:${port} for ${role}s: ${errorText(error)}. Choose another port.`,
        { cause: error },
      );
    }
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : port;
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
  }

  #accept(role: Peer["role"], socket: TLSSocket): void {
    socket.on("error", () => undefined);
    const name = commonName(socket);
    const fault = faultOf(socket);
    if (fault !== null || name === null) {
      const text = fault ?? "no usable id in the certificate";
      this.#options.onEvent?.({ kind: "refused", role, name: name ?? "", text });
      socket.destroy();
      return;
    }
    this.#keep(socket);
    this.#guests.get(role)?.welcome(socket);
    socket.setNoDelay(true);
    const guard = new PacketGuard(this.#options.packetBytesMax ?? PACKET_BYTES_MAX);
    // The broker reads by read(); the data event shows each chunk before it is parsed and collected.
    socket.on("data", (chunk: Buffer) => {
      if (!guard.accept(chunk)) {
        this.#options.onEvent?.({ kind: "refused", role, name, text: "packet too long" });
        socket.destroy();
      }
    });
    const peer = { role, name };
    this.#seated.set(socket, peer);
    socket.once("close", () => this.#seated.delete(socket));
    this.#peers.set(this.#aedes.handle(socket), peer);
  }

  /** The client id must be the certificate's CN: else one client could take another's place. */
  #isWelcome(client: Client): boolean {
    if (client.id !== this.#peers.get(client)?.name) {
      this.#tell("refused", client, "client id is not the certificate's CN");
      return false;
    }
    if (!client.clean) {
      this.#tell("refused", client, "asked for a kept session: clean start only");
      return false;
    }
    return true;
  }

  #maySubscribe(client: Client, filter: string): boolean {
    const peer = this.#peers.get(client);
    if (peer === undefined || !maySubscribe(peer, filter)) {
      return false;
    }
    const filters = this.#filters.get(client) ?? new Set();
    if (filters.size >= FILTERS_MAX && !filters.has(filter)) {
      return false;
    }
    this.#filters.set(client, filters.add(filter));
    return true;
  }

  #denied(client: Client | null, text: string): Error {
    if (client !== null) {
      this.#tell("refused", client, text);
    }
    return new Error(text);
  }

  #tell(kind: BrokerEvent["kind"], client: Client, text: string): void {
    const peer = this.#peers.get(client);
    if (peer !== undefined) {
      this.#options.onEvent?.({ kind, ...peer, text });
    }
  }
}

function makeServer(role: Peer["role"], identity: BrokerIdentity): Server {
  const options: TlsOptions = {
    ...contextOf(role, identity),
    requestCert: true,
    // Refused in faultOf() instead, which can say why; Node.js would just hang up.
    rejectUnauthorized: false,
    handshakeTimeout: HANDSHAKE_MS,
  };
  return usable(() => createServer(options));
}

/** Who vouches for the clients of a listener, and the revocation lists about them. */
function believed(
  role: Peer["role"],
  identity: BrokerIdentity,
): readonly [root: string, lists: string | undefined] {
  return role === "gateway"
    ? [identity.gatewaysRoot, identity.gatewaysCrl]
    : [identity.serversRoot, identity.serversCrl];
}

function contextOf(role: Peer["role"], identity: BrokerIdentity): SecureContextOptions {
  const [ca, crl] = believed(role, identity);
  return {
    cert: identity.certificate,
    key: identity.key,
    ca,
    ...(crl === undefined ? {} : { crl: singleLists(crl) }),
    // A resumed session skips the check of revocation and dates, and in TLS 1.3 even that of a certificate being there.
    secureOptions: constants.SSL_OP_NO_TICKET,
    minVersion: "TLSv1.3",
  };
}

function usable<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw new WardError(
      "WARD_IDENTITY_UNUSABLE",
      `Cannot use the broker's certificate, key or roots: ${errorText(error)}. Provision the broker again.`,
      { cause: error },
    );
  }
}

/** Why this client is not let in, or null. */
function faultOf(socket: TLSSocket): string | null {
  if (socket.isSessionReused()) {
    return "session resumption";
  }
  if (!socket.authorized) {
    return `certificate: ${errorText(socket.authorizationError)}`;
  }
  return null;
}

/** The one CN of the client's certificate, when it is a usable id. */
function commonName(socket: TLSSocket): string | null {
  const subject: unknown = socket.getPeerCertificate().subject;
  if (typeof subject !== "object" || subject === null || !("CN" in subject)) {
    return null;
  }
  return typeof subject.CN === "string" && isGatewayId(subject.CN) ? subject.CN : null;
}

async function closeServer(server: Server): Promise<void> {
  if (server.listening) {
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
  }
}

import { X509Certificate } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";

import { errorText, WardError } from "../gateway/errors.ts";
import { Guests } from "../gateway/guests.ts";
import { issueServer, validFor } from "./ca.ts";
import { EstDesk, type EstAnswer, type EstDeskOptions, type EstEvent } from "./est-desk.ts";
import { recordIssued } from "./issued.ts";
import { RequestLimit } from "./request-limit.ts";

export interface EstServerOptions extends EstDeskOptions {
  /** Host names and IP addresses at which gateways reach it; its certificate carries them. */
  readonly names: readonly string[];
  /** Address to listen on. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Handshake and headers must come within this, the whole request within twice as long (milliseconds; default 10 000). */
  readonly patienceMs?: number;
  readonly onEvent?: (event: EstEvent & { readonly address: string }) => void;
}

/**
 * The enrolment server of a small site: EST over HTTPS, TLS 1.3. Its own certificate hangs under the servers root; it is made
 * anew at every start and while it runs, and its key is never written down.
 */
export class EstServer {
  readonly #options: EstServerOptions;
  readonly #server: Server;
  readonly #desk: EstDesk;
  readonly #failures = new RequestLimit(FAILURES);
  readonly #guests = new Guests({ connections: CONNECTIONS_MAX, perAddress: ADDRESS_MAX });
  readonly #renewal: NodeJS.Timeout;

  private constructor(options: EstServerOptions, identity: ServerIdentity) {
    this.#options = options;
    this.#desk = new EstDesk(options);
    const patienceMs = options.patienceMs ?? PATIENCE_MS;
    this.#server = createServer(
      {
        ...identity,
        minVersion: "TLSv1.3",
        // A certificate past its end may still be renewed, so it is not TLS that judges it: see checkPeer.
        requestCert: true,
        rejectUnauthorized: false,
        ca: clientAuthorities(options),
        handshakeTimeout: patienceMs,
        headersTimeout: patienceMs,
        requestTimeout: 2 * patienceMs,
        keepAliveTimeout: KEEP_ALIVE_MS,
        connectionsCheckingInterval: Math.min(1000, patienceMs / 2),
        maxHeaderSize: HEADER_BYTES_MAX,
      },
      (request, response) => {
        this.#serve(request, response).catch((error: unknown) => {
          this.#tell(request, { event: "refused", gateway: "", text: errorText(error) });
          send(response, { status: 500, headers: {}, body: "It is our fault.\n", event: null });
        });
      },
    );
    // The guests see to it that there are fewer; this only holds while closed ones have not gone yet.
    this.#server.maxConnections = 2 * CONNECTIONS_MAX;
    this.#server.on("connection", (socket: Socket) => this.#guests.admit(socket));
    this.#server.maxRequestsPerSocket = REQUESTS_MAX;
    this.#server.on("tlsClientError", (_error, socket) => socket.destroy());
    this.#renewal = setInterval(() => void this.#renewOwn(), OWN_RENEWAL_MS);
    this.#renewal.unref();
  }

  /** Starts listening. @throws WardError `WARD_EST_LISTEN`, `WARD_CA_NAME`, `WARD_PASSPHRASE` */
  static async open(options: EstServerOptions): Promise<EstServer> {
    const server = new EstServer(options, await ownIdentity(options));
    const { host, port } = options;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.#server.once("error", reject);
    server.#server.listen({ host, port }, resolve);
    try {
      await promise;
    } catch (error) {
      clearInterval(server.#renewal);
      throw new WardError(
        "WARD_EST_LISTEN",
        `Cannot listen on ${host}:${port}: ${errorText(error)}. Choose another port.`,
        { cause: error },
      );
    }
    return server;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : this.#options.port;
  }

  /** Ends what is under way and the listener. */
  async close(): Promise<void> {
    clearInterval(this.#renewal);
    const closed = Promise.withResolvers<void>();
    this.#server.close(() => closed.resolve());
    this.#server.closeAllConnections();
    await closed.promise;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const address = request.socket.remoteAddress ?? "";
    if (this.#failures.isOver(address)) {
      const headers = { "Retry-After": String(RETRY_AFTER_S), Connection: "close" };
      send(response, { status: 429, headers, body: "Too many tries.\n", event: null });
      return;
    }
    const body = await bodyOf(request);
    const answer = body === null ? TOO_LONG : await this.#desk.answer(asked(request, body));
    if (answer.status >= 400) {
      this.#failures.add(address);
    }
    send(response, answer);
    if (answer.event !== null) {
      this.#tell(request, answer.event);
    }
  }

  #tell(request: IncomingMessage, event: EstEvent): void {
    this.#options.onEvent?.({ ...event, address: request.socket.remoteAddress ?? "" });
  }

  async #renewOwn(): Promise<void> {
    try {
      this.#server.setSecureContext({
        ...(await ownIdentity(this.#options)),
        minVersion: "TLSv1.3",
        ca: clientAuthorities(this.#options),
      });
    } catch (error) {
      const text = `Cannot renew the server's own certificate: ${errorText(error)}`;
      this.#options.onEvent?.({ event: "refused", gateway: "", text, address: "" });
    }
  }
}

function clientAuthorities({ authority }: EstServerOptions): string[] {
  const issuing = authority.certificates("gateways");
  return [authority.roots.gateways, ...issuing];
}

interface ServerIdentity {
  readonly cert: string;
  readonly key: string;
}

async function ownIdentity({ authority, names }: EstServerOptions): Promise<ServerIdentity> {
  const { certificate, key } = await issueServer(authority.servers, names, {
    commonName: "enrolment",
    validity: validFor(OWN_DAYS),
  });
  await recordIssued(authority.directory, { kind: "servers", by: "command", certificate });
  return { cert: certificate, key };
}

/** The body of a request, or null when it is longer than any signing request is. */
async function bodyOf(request: IncomingMessage): Promise<string | null> {
  let text = "";
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > BODY_BYTES_MAX) {
      return null;
    }
  }
  return text;
}

function asked(request: IncomingMessage, body: string): Parameters<EstDesk["answer"]>[0] {
  const { method = "", url = "", headers, socket } = request;
  return { method, path: url, headers, body, peer: peerOf(socket) };
}

function peerOf(socket: IncomingMessage["socket"]): X509Certificate | null {
  return socket instanceof TLSSocket ? (socket.getPeerX509Certificate() ?? null) : null;
}

function send(response: ServerResponse, { status, headers, body }: EstAnswer): void {
  response.writeHead(status, { ...headers, "Content-Length": Buffer.byteLength(body) });
  response.end(body);
}

const TOO_LONG: EstAnswer = {
  status: 413,
  headers: { Connection: "close" },
  body: "That is too long for a signing request.\n",
  event: null,
};
const PATIENCE_MS = 10_000;
const KEEP_ALIVE_MS = 5000;
const HEADER_BYTES_MAX = 8192;
const BODY_BYTES_MAX = 16_384;
const CONNECTIONS_MAX = 256;
/** A hospital behind one address enrols at once; somebody who holds connections open holds only some of them. */
const ADDRESS_MAX = 128;
/** What succeeds costs nothing, so that a whole hospital behind one address can enrol at once, and guessing cannot. */
const FAILURES = { count: 20, forgiveMs: 6000 } as const;
/** What a client is told to wait (seconds). */
const RETRY_AFTER_S = 60;
const REQUESTS_MAX = 20;
/** How long the server's own certificate lives (days), and how often it is renewed (milliseconds). */
const OWN_DAYS = 30;
const OWN_RENEWAL_MS: number = 7 * 86_400_000;
